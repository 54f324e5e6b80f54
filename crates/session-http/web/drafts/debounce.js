// Waits for silence, but not for ever.

/** @import { Clock } from '../session.js' */
import { alarmOf } from '../session/clock.js';

/**
 * @param {Clock} clock
 * @param {number} delay milliseconds of silence …
 * @param {number} maxWait … and at the latest after this
 * @param {() => void} work
 */
export const debounceOf = (clock, delay, maxWait, work) => {
  /** @type {number | undefined} */
  let since;
  const clear = () => {
    since = undefined;
    alarm.clear();
  };
  const alarm = alarmOf(clock, () => {
    clear();
    work();
  });
  return {
    clear,
    /** @param {number} [pause] waits for this long, whatever comes before */
    touch(pause) {
      const now = clock.now();
      since ??= now;
      alarm.set(pause ?? Math.min(delay, since + maxWait - now));
    },
  };
};
