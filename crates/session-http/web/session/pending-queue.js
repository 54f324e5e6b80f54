// Requests that wait for a login. None of them has been sent yet, or the service has refused it: sending it is safe.

import { SessionExpiredError } from './errors.js';

/** @param {{ max?: number, maxAge?: number }} [limits] */
export const pendingQueueOf = ({ max = 50, maxAge = 600_000 } = {}) => {
  /** @type {Set<{ since: number, go: () => void, fail: (reason: unknown) => void }>} */
  const waiting = new Set();
  return {
    /**
     * Resolves when there is a session again.
     * @param {number} now
     * @param {AbortSignal} signal the request's own
     * @returns {Promise<void>}
     */
    wait: (now, signal) =>
      new Promise((go, fail) => {
        if (waiting.size >= max) throw new SessionExpiredError('queue_full');
        signal.throwIfAborted();
        const request = { since: now, go, fail };
        waiting.add(request);
        signal.addEventListener('abort', () => {
          waiting.delete(request);
          fail(signal.reason);
        });
      }),

    /** In the order in which they came. */
    release() {
      for (const { go } of waiting) go();
      waiting.clear();
    },

    /**
     * @param {string} reason
     * @param {number} [now] only those that are too old by then
     */
    drop(reason, now = Infinity) {
      for (const request of waiting) {
        if (now - request.since < maxAge) continue;
        waiting.delete(request);
        request.fail(new SessionExpiredError(reason));
      }
    },
  };
};
