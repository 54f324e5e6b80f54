// Time: the service's clock as seen from here, and one alarm.
// Timers are only hints. Whoever is woken by one compares clocks; what matters is never "the timer has fired".

/** @import { Clock } from '../session.js' */

/** `setTimeout` overflows after 24.8 days and means nothing across a sleep: nothing is ever armed for longer than this. */
export const LONGEST_TIMER = 30_000;

/** A sample that took longer than this says too little. */
const SLOWEST_SAMPLE = 10_000;

/** @typedef {ReturnType<typeof serverClockOf>} ServerClock */

/**
 * The service's clock. It is known to within half the round trip of the quickest answer.
 * @param {Clock} clock
 * @param {number} [offset] until there is a sample
 */
export const serverClockOf = (clock, offset = 0) => {
  let uncertainty = Infinity;
  return {
    now: () => clock.now() + offset,
    /**
     * @param {number} sentAt by the local clock
     * @param {number} receivedAt by the local clock
     * @param {number} serverTime somewhere between both; NaN from an answer without a time
     */
    sample(sentAt, receivedAt, serverTime) {
      const roundTrip = receivedAt - sentAt;
      if (!(roundTrip >= 0 && roundTrip <= SLOWEST_SAMPLE && serverTime > 0)) return;
      const found = serverTime - sentAt - roundTrip / 2;
      // If both cannot be right, somebody has set the local clock since.
      const contradicts = Math.abs(found - offset) > (roundTrip + uncertainty) / 2 + 1_000;
      if (roundTrip <= uncertainty || contradicts) {
        offset = found;
        uncertainty = roundTrip;
      }
    },
  };
};

/**
 * One timer that is set anew each time.
 * @param {Clock} clock
 * @param {() => void} ring
 */
export const alarmOf = (clock, ring) => {
  /** @type {unknown} */
  let timer;
  const clear = () => clock.clearTimeout(timer);
  return {
    clear,
    /** @param {number} delay in milliseconds; a longer one than {@link LONGEST_TIMER} rings early */
    set(delay) {
      clear();
      timer = clock.setTimeout(ring, Math.min(delay, LONGEST_TIMER));
    },
  };
};

/**
 * Whether `span` has passed since `since`. A clock that was set back has passed everything: waiting for it to catch up could take hours.
 * @param {number} now
 * @param {number} since
 * @param {number} span
 */
export const passed = (now, since, span) => now < since || now - since >= span;
