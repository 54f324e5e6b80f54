// One lock over all tabs, held for one refresh, one login or one logout, and for nothing else.
// It is never stolen: a holder gives up at its own time limit, so waiting ends.

/** @import { Context } from './context.js' */
import { alarmOf } from './clock.js';
import { SessionError } from './errors.js';
import { within } from './time-limit.js';

/** @typedef {ReturnType<typeof tabsLockOf>} TabsLock */

/** @param {Context} context */
export const tabsLockOf = (context) => {
  const { clock, name, options, page } = context;
  // Every page that may have secure cookies has Web Locks. Elsewhere this tab at least keeps in step with itself: its client
  // refreshes once at a time.
  const locks = page.navigator.locks ?? { request: async (/** @type {any[]} */ ...[, , work]) => work() };
  /** Those that hold it or wait for it, in this tab. @type {Set<AbortController>} */
  const users = new Set();
  return {
    /**
     * @template T
     * @param {(signal: AbortSignal) => Promise<T>} work calls nothing of the user's. It is aborted at the time limit
     * @returns {Promise<T>}
     * @throws {SessionError} `lock_timeout`, `timeout`, `aborted`
     */
    async hold(work) {
      const user = new AbortController();
      const { signal } = user;
      const alarm = alarmOf(clock, () => user.abort(new SessionError('lock_timeout')));
      users.add(user);
      alarm.set(options.lockWait ?? 12_000);
      try {
        return await locks.request(name, { signal }, () => {
          alarm.clear();
          return within(context, work, user);
        });
      } finally {
        alarm.clear();
        users.delete(user);
      }
    },

    /** A login or logout comes: this tab gives the lock up. By cookie nothing may be in flight when the jar changes hands. */
    release() {
      for (const user of users) user.abort(new SessionError('aborted'));
    },
  };
};
