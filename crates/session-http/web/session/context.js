// What the parts of one client share.

/** @import { Clock, Page, SessionOptions } from '../session.js' */
/** @import { ServerClock } from './clock.js' */
/** @import { RecordStorage } from './storage.js' */
/** @import { TabsLock } from './lock.js' */
import { serverClockOf } from './clock.js';

/**
 * @typedef {object} Context
 * @property {SessionOptions} options
 * @property {Clock} clock
 * @property {Page} page
 * @property {() => number} random from 0 up to 1
 * @property {ServerClock} serverClock
 * @property {string} base of the service's `/auth`, without a slash at its end
 * @property {string} name of what all tabs share: storage, lock, channel
 * @property {RecordStorage} storage
 * @property {TabsLock} lock
 */

/** @type {Clock} */
const systemClock = {
  now: () => Date.now(),
  setTimeout: (run, milliseconds) => setTimeout(run, milliseconds),
  clearTimeout: (timer) => clearTimeout(/** @type {number} */ (timer)),
};

/**
 * @param {SessionOptions} options
 * @returns {Context} without storage and lock, until they are open
 */
export const contextOf = (options) => {
  const { clock = systemClock, page = globalThis, random = Math.random } = options;
  const base = new URL(options.base ?? '/auth', page.location.href).href;
  const serverClock = serverClockOf(clock, options.clockOffset);
  return /** @type {any} */ ({ options, clock, page, random, serverClock, base, name: `session-refresh ${base}` });
};
