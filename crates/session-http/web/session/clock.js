// Time: the service's clock as seen from here, and one alarm.
// Timers are only hints. Whoever is woken by one compares clocks; what matters is never "the timer has fired".

/** @import { Clock } from '../session.js' */

/** `setTimeout` overflows after 24.8 days and means nothing across a sleep: nothing is ever armed for longer than this. */
export const LONGEST_TIMER = 30_000;

/** A sample that took longer than this says too little. */
const SLOWEST_SAMPLE = 10_000;

/** The service's clock. It is known to within half the round trip of the quickest answer. */
export class ServerClock {
  #clock;
  #offset;
  #uncertainty = Infinity;

  /**
   * @param {Clock} clock
   * @param {number} offset until there is a sample
   */
  constructor(clock, offset) {
    this.#clock = clock;
    this.#offset = offset;
  }

  now() {
    return this.#clock.now() + this.#offset;
  }

  /**
   * @param {number} sentAt by the local clock
   * @param {number} receivedAt by the local clock
   * @param {number} serverTime somewhere between both
   */
  sample(sentAt, receivedAt, serverTime) {
    const roundTrip = receivedAt - sentAt;
    // `!(>=)` also turns away NaN, from an answer without a time.
    if (!(roundTrip >= 0 && roundTrip <= SLOWEST_SAMPLE && serverTime > 0)) return;
    const offset = serverTime - (sentAt + receivedAt) / 2;
    const uncertainty = roundTrip / 2;
    // Both cannot be right: somebody has set the local clock since.
    const contradicts = Math.abs(offset - this.#offset) > uncertainty + this.#uncertainty + 1_000;
    if (uncertainty <= this.#uncertainty || contradicts) {
      this.#offset = offset;
      this.#uncertainty = uncertainty;
    }
  }
}

/** One timer that is set anew each time. */
export class Alarm {
  #clock;
  #ring;
  /** @type {unknown} */
  #timer;

  /**
   * @param {Clock} clock
   * @param {() => void} ring
   */
  constructor(clock, ring) {
    this.#clock = clock;
    this.#ring = ring;
  }

  /** @param {number} delay in milliseconds; a longer one than {@link LONGEST_TIMER} rings early */
  set(delay) {
    this.clear();
    this.#timer = this.#clock.setTimeout(this.#ring, Math.min(Math.max(delay, 0), LONGEST_TIMER));
  }

  clear() {
    this.#clock.clearTimeout(this.#timer);
  }
}

/**
 * Whether `span` has passed since `since`. A clock that was set back has passed everything: waiting for it to catch up could take hours.
 * @param {number} now
 * @param {number} since
 * @param {number} span
 */
export const passed = (now, since, span) => now < since || now - since >= span;
