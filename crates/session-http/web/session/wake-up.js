// What brings a page back to its senses: timers stop while it sleeps, is hidden or is frozen, so these look at the clock again.

/** @import { Context } from './context.js' */

const OF_WINDOW = ['online', 'offline', 'pageshow'];
const OF_DOCUMENT = ['visibilitychange', 'resume', 'pointerdown', 'pointermove', 'keydown', 'wheel'];

/**
 * @param {Context} context
 * @param {(type: string) => void} woken by an event of this type
 * @param {AbortSignal} signal ends it
 */
export const onWakeUp = (context, woken, signal) => {
  const { page } = context;
  const listen = (/** @type {any} */ target, /** @type {string[]} */ types) => {
    for (const type of types) {
      target?.addEventListener?.(type, () => isHidden(context) || woken(type), { signal, passive: true, capture: true });
    }
  };
  listen(page, OF_WINDOW);
  listen(page.document, OF_DOCUMENT);
};

/** A person is there: `down`, something was pressed. @param {string} type */
export const isInput = (type) => /^(pointer|key|wheel)/.test(type);

/** @param {Context} context */
export const isHidden = ({ page }) => page.document?.visibilityState === 'hidden';
