// When to try again after a failure: exponential with full jitter, so that clients which failed together do not return together.

/** @import { Context } from './context.js' */
/** @import { SessionError } from './errors.js' */
import { passed } from './clock.js';
import { isHidden } from './wake-up.js';

/** Full jitter may come out as nothing, but never is a request repeated at once. Milliseconds. */
const SHORTEST_DELAY = 100;

/** So many times longer may a page wait that nobody looks at. */
const HIDDEN = 5;

/** Longer than this no `Retry-After` counts. Milliseconds. */
const LONGEST_ASKED = 300_000;

export class Backoff {
  /** Failures in a row. */
  attempt = 0;
  #context;
  #failedAt = 0;
  #delay = 0;
  #asked = 0;

  /** @param {Context} context */
  constructor(context) {
    this.#context = context;
  }

  /** @param {SessionError} error */
  failed({ retryAfter }) {
    const { clock, random, options } = this.#context;
    const { base = 1_000, cap = 60_000 } = options.retry ?? {};
    const longest = Math.min(base * 2 ** this.attempt++, isHidden(this.#context) ? cap * HIDDEN : cap);
    this.#failedAt = clock.now();
    this.#asked = Math.min(retryAfter, LONGEST_ASKED);
    this.#delay = this.#asked + Math.max(random() * longest, SHORTEST_DELAY);
  }

  succeeded() {
    this.attempt = this.#delay = 0;
  }

  /**
   * Something has changed for the better: no more waiting than the service has asked for.
   * @param {number} least milliseconds after the failure
   */
  hurry(least) {
    this.#delay = Math.min(this.#delay, Math.max(this.#asked, least));
  }

  ready() {
    return passed(this.#context.clock.now(), this.#failedAt, this.#delay);
  }

  /** By the local clock. */
  nextAt() {
    return this.#failedAt + this.#delay;
  }
}
