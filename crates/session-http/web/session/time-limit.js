// No request is waited for longer than this, whatever the network or the storage does.

/** @import { Context } from './context.js' */
import { alarmOf } from './clock.js';
import { SessionError } from './errors.js';

/**
 * @template T
 * @param {Context} context
 * @param {(signal: AbortSignal) => Promise<T>} work is not waited for any more when it ignores the signal
 * @param {AbortController} [controller] aborts it too
 * @returns {Promise<T>}
 * @throws {SessionError} `timeout`
 */
export const within = async ({ clock, options }, work, controller = new AbortController()) => {
  const { signal } = controller;
  const alarm = alarmOf(clock, () => controller.abort(new SessionError('timeout')));
  alarm.set(options.requestTimeout ?? 10_000);
  try {
    return await Promise.race([
      work(signal),
      new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason))),
    ]);
  } finally {
    alarm.clear();
  }
};
