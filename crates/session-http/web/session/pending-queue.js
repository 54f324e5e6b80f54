// Requests that wait for a login. None of them has been sent yet, or the service has refused it: sending it is safe.

import { SessionExpiredError } from './errors.js';

/** @typedef {ConstructorParameters<typeof SessionExpiredError>[0]} Reason */

export class PendingQueue {
  #max;
  #maxAge;
  /** @type {Set<{ since: number, go: () => void, fail: (reason: unknown) => void }>} */
  #waiting = new Set();

  /** @param {{ max?: number, maxAge?: number }} [limits] */
  constructor({ max = 50, maxAge = 600_000 } = {}) {
    this.#max = max;
    this.#maxAge = maxAge;
  }

  /**
   * Resolves when there is a session again.
   * @param {number} now
   * @param {AbortSignal} signal the request's own
   * @returns {Promise<void>}
   */
  wait(now, signal) {
    return new Promise((go, fail) => {
      if (this.#waiting.size >= this.#max) throw new SessionExpiredError('queue_full');
      signal.throwIfAborted();
      const request = { since: now, go, fail };
      this.#waiting.add(request);
      signal.addEventListener('abort', () => {
        this.#waiting.delete(request);
        fail(signal.reason);
      });
    });
  }

  /** In the order in which they came. */
  release() {
    for (const { go } of this.#waiting) go();
    this.#waiting.clear();
  }

  /**
   * @param {Reason} reason
   * @param {number} [now] only those that are too old by then
   */
  drop(reason, now = Infinity) {
    for (const request of this.#waiting) {
      if (now - request.since < this.#maxAge) continue;
      this.#waiting.delete(request);
      request.fail(new SessionExpiredError(reason));
    }
  }
}
