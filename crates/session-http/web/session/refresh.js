// One refresh: read the generation and draw its key, send, store. It runs within the lock and calls nothing of the user's.

/** @import { Context } from './context.js' */
/** @import { DeviceRecord, Presented } from './device-record.js' */
/** @import { SessionError } from './errors.js' */
import { accept, ifStillHeld, isLive, withKey } from './device-record.js';
import { endsSession } from './errors.js';
import { call } from './transport.js';

/** A jar that has raced away this often within one refresh is not going to be caught. */
const MOST_RACES = 3;

/**
 * @typedef {object} Outcome
 * @property {DeviceRecord} record what storage holds now. If it is live, there is a fresh token
 * @property {boolean} [granted] by this tab; another has done it while this one waited for the lock otherwise
 * @property {boolean} [replayed] an answer that was lost before: it has not extended the idle time
 */

/**
 * @param {Context} context
 * @param {DeviceRecord} known to this tab
 * @param {boolean} force a request also if storage holds something newer
 * @param {AbortSignal} signal
 * @returns {Promise<Outcome>}
 * @throws {SessionError} for now; it may be tried again
 */
export const refreshOnce = async (context, known, force, signal) => {
  const { storage } = context;
  for (let races = 0; ; races++) {
    /** @type {unknown} */
    let done;
    const record = await storage.update((stored) => {
      const moved = stored.id !== known.id || stored.generation > known.generation;
      // After a race this is not the end yet, whatever storage holds.
      done = isLive(stored) && moved && !force && !races;
      return done ? stored : withKey(stored);
    });
    if (done) return { record };
    const { id, generation, tokens, keys } = record;
    const presented = { id, generation, tokens, key: /** @type {string} */ (keys[generation]) };
    try {
      const answer = await send(context, presented, signal);
      const { replayed } = answer;
      return { granted: true, replayed, record: await storage.update((stored) => accept(stored, presented, answer)) };
    } catch (thrown) {
      // What is none of ours, of the storage, has no status and matches nothing.
      const error = /** @type {SessionError} */ (thrown);
      const { code, problem } = error;
      const isOver = endsSession(error) && { ended: /** @type {string} */ (problem.reason ?? code) };
      // Though storage still holds what was presented, someone else has gone on from it.
      const isTaken = code === 'refresh_superseded' && /** @type {const} */ ({ ended: 'reuse', leaving: 'here' });
      const hasRaced = code === 'refresh_raced' && races < MOST_RACES && { generation: /** @type {number} */ (problem.generation) };
      const change = isOver || isTaken || hasRaced;
      if (!change) throw error;
      const changed = await storage.update((stored) => ifStillHeld(stored, presented, change));
      if (!hasRaced) return { record: changed };
    }
  }
};

/**
 * @param {Context} context
 * @param {Presented} presented
 * @param {AbortSignal} signal
 */
const send = (context, presented, signal) => {
  const { key, generation, tokens } = presented;
  const headers = { 'Idempotency-Key': key, 'If-Match': `"${generation}"` };
  return call(context, presented, signal, 'POST', '/refresh', tokens && { refresh_token: tokens.refresh_token }, headers);
};
