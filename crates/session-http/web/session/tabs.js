// What tabs tell each other: that something has changed, and of which session. Never a token. What it is they read from storage.

/** @import { Context } from './context.js' */

/**
 * @typedef {object} Message
 * @property {boolean} [abort] a login or logout wants the lock
 * @property {string | null} [id]
 * @property {number} [generation]
 */

/**
 * @param {Context} context
 * @param {(message: Message) => void} hear
 * @param {AbortSignal} signal ends it
 * @returns {(message: Message) => void} tells the others
 */
export const joinTabs = ({ name, page, random }, hear, signal) => {
  if (page.BroadcastChannel) {
    const channel = new page.BroadcastChannel(name);
    channel.onmessage = ({ data }) => hear(data);
    signal.addEventListener('abort', () => channel.close());
    return (message) => signal.aborted || channel.postMessage(message);
  }
  const changed = (/** @type {any} */ { key, newValue }) => key === name && newValue && hear(JSON.parse(newValue));
  page.addEventListener?.('storage', changed, { signal });
  return (message) => {
    try {
      // Only a changed value is an event.
      page.localStorage?.setItem(name, JSON.stringify({ ...message, nonce: random() }));
    } catch {
      // Full or forbidden: the others find out at their next look at the storage.
    }
  };
};
