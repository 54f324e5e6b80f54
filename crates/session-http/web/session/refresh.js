// One refresh: read the generation and draw its key, send, store. It runs within the lock and calls nothing of the user's.

/** @import { Context } from './context.js' */
/** @import { DeviceRecord, Presented } from './device-record.js' */
import { accept, adoptGeneration, end, isLive, present } from './device-record.js';
import { SessionError, endsSession } from './errors.js';
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
    /** @type {Presented | undefined} */
    let presented;
    const before = await storage.update((record) => {
      const moved = record.id !== known.id || record.generation > known.generation;
      // After a race this is not the end yet, whatever storage holds.
      if (force || races || !moved || !isLive(record)) presented = present(record);
    });
    signal.throwIfAborted();
    if (!presented) return { record: before };
    const sent = presented;
    try {
      const { generation, key, tokens } = sent;
      const body = tokens && { refresh_token: tokens.refresh_token };
      const headers = { 'Idempotency-Key': key, 'If-Match': `"${generation}"` };
      const answer = await call(context, sent, signal, 'POST', '/refresh', body, headers);
      const { replayed } = answer;
      signal.throwIfAborted();
      return { granted: true, replayed, record: await storage.update((record) => accept(record, sent, answer)) };
    } catch (error) {
      if (!(error instanceof SessionError)) throw error;
      const superseded = error.code === 'refresh_superseded';
      if (superseded || endsSession(error)) {
        // 409 although storage still holds what was presented: someone else has gone on from it.
        const reason = superseded ? 'reuse' : String(error.problem.reason ?? error.code);
        return { record: await storage.update((record) => end(record, sent, reason, superseded)) };
      }
      if (error.code !== 'refresh_raced' || races >= MOST_RACES) throw error;
      await storage.update((record) => adoptGeneration(record, sent, Number(error.problem.generation)));
    }
  }
};
