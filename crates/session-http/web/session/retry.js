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

/** @param {Context} context */
export const backoffOf = (context) => {
  const { clock, random, options } = context;
  const { base = 1_000, cap = 60_000 } = options.retry ?? {};
  let attempt = 0;
  let failedAt = 0;
  let delay = 0;
  let asked = 0;
  return {
    /** Failures in a row. */
    attempt: () => attempt,
    /** By the local clock. */
    nextAt: () => failedAt + delay,
    ready: () => passed(clock.now(), failedAt, delay),

    /** @param {SessionError} error */
    failed({ retryAfter }) {
      const longest = Math.min(base * 2 ** attempt++, isHidden(context) ? cap * HIDDEN : cap);
      failedAt = clock.now();
      asked = Math.min(retryAfter, LONGEST_ASKED);
      delay = asked + Math.max(random() * longest, SHORTEST_DELAY);
    },

    succeeded() {
      attempt = delay = 0;
    },

    /**
     * Something has changed for the better: no more waiting than the service has asked for.
     * @param {number} least milliseconds after the failure
     */
    hurry(least) {
      delay = Math.min(delay, Math.max(asked, least));
    },
  };
};
