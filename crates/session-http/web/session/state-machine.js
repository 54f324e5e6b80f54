// The states of a session as a page sees them, as one table. Network and refreshing are separate from it.

/** @import { SessionState } from '../session.js' */

// Lists of states are texts: no state's name is a part of another's.

/** There is a session, as far as is known. */
const RUNNING = 'active expiring unverified';

/** A request would be refused, or what becomes of it not be known. */
const WAITING = 'unverified expired reauthenticating';

/**
 * What may happen, from which states it leads on (no list: from all), and where to.
 * - `fresh`: there is a session, by a refresh, a probe, a login or another tab
 * - `late`: the same, but its end is near all the same
 * - `cached`: the service cannot be reached; what is stored has not passed its deadline
 * - `warn`: its end is near
 * - `overdue`: its deadline has passed, and the service cannot be reached
 * - `ended`: the service has said that it is over
 * - `asked`: a login is being asked for
 * - `left`: signed out, here or in another tab; or there never was anybody
 * @type {Record<string, [to: SessionState, from?: string]>}
 */
const TABLE = {
  fresh: ['active'],
  late: ['expiring'],
  cached: ['active', 'initializing'],
  warn: ['expiring', 'active'],
  overdue: ['unverified', 'initializing active expiring'],
  ended: ['expired', 'initializing ' + RUNNING],
  asked: ['reauthenticating', 'expired'],
  left: ['signedOut'],
};

/** @typedef {'fresh' | 'late' | 'cached' | 'warn' | 'overdue' | 'ended' | 'asked' | 'left'} Occurrence */

/**
 * The state after `occurrence`; the same one where it changes nothing.
 * @param {SessionState} state
 * @param {Occurrence} occurrence
 * @returns {SessionState}
 */
export const after = (state, occurrence) => {
  const [to, from] = /** @type {[SessionState, string?]} */ (TABLE[occurrence]);
  return from?.includes(state) === false ? state : to;
};

/** @param {SessionState} state */
export const isRunning = (state) => RUNNING.includes(state);

/** @param {SessionState} state */
export const mustWait = (state) => WAITING.includes(state);
