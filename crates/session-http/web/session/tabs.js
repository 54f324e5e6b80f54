// What tabs tell each other: that something has changed, and of which session. Never a token. What it is they read from storage.

/** @import { Context } from './context.js' */

/**
 * @typedef {object} Message
 * @property {boolean} [abort] a login or logout wants the lock
 * @property {boolean} [leaving] the person has signed out
 * @property {string} [id]
 * @property {number} [generation]
 */

/**
 * Where there is no channel, a text in local storage stands in: writing it tells every other tab, and deleting it lets the same
 * text be told again. A tab that heard nothing all the same, because it was frozen, looks at the storage when it wakes up.
 * @param {Context} context
 * @param {(message: Message) => void} hear
 * @param {AbortSignal} signal ends it
 * @returns {(message: Message) => void} tells the others
 */
export const joinTabs = ({ name, page }, hear, signal) => {
  const { BroadcastChannel } = page;
  if (!BroadcastChannel) {
    const heard = (/** @type {any} */ { key, newValue }) => key === name && newValue && hear(JSON.parse(newValue));
    page.addEventListener('storage', heard, { signal });
    return (message) => {
      page.localStorage[name] = JSON.stringify(message);
      delete page.localStorage[name];
    };
  }
  const channel = new BroadcastChannel(name);
  channel.onmessage = ({ data }) => hear(data);
  signal.addEventListener('abort', () => channel.close());
  return (message) => signal.aborted || channel.postMessage(message);
};
