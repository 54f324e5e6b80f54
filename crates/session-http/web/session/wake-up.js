// What brings a page back to its senses: timers stop while it sleeps, is hidden or is frozen, so these look at the clock again.

/** @import { Context } from './context.js' */

/** Of the window and of the document: on their way to the latter all of them pass the former. */
const TYPES = ['online', 'offline', 'pageshow', 'resume', 'visibilitychange', 'pointerdown', 'keydown', 'wheel'];

/**
 * @param {Context} context
 * @param {(type: string) => void} woken by an event of this type
 * @param {AbortSignal} signal ends it
 */
export const onWakeUp = (context, woken, signal) => {
  for (const type of TYPES) {
    context.page.addEventListener(type, () => isHidden(context) || woken(type), { signal, passive: true, capture: true });
  }
};

/** A person is there. @param {string} type */
export const isInput = (type) => /^(pointer|key|wheel)/.test(type);

/** @param {Context} context */
export const isHidden = ({ page }) => page.document.visibilityState === 'hidden';
