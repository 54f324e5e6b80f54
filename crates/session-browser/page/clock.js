// A clock that stands still until a case moves it, so that hours pass in milliseconds and nothing depends on how fast a machine is.

const { port1: near, port2: far } = new MessageChannel();
/** @type {Array<() => void>} */
const waiting = [];
near.onmessage = () => waiting.shift()();

/** One turn of the event loop, which hidden tabs do not throttle as they do timers. */
const turn = () =>
  new Promise((resolve) => {
    waiting.push(resolve);
    far.postMessage(null);
  });

/**
 * @param {number} time milliseconds since 1970
 * @param {() => boolean} isQuiet whether nothing is under way that a timer has begun
 */
export const standingClock = (time, isQuiet) => {
  const timers = new Map();
  let count = 0;
  let longest = 0;

  /** Runs the timer that is due next, if there is one until `end`. */
  const ring = (end) => {
    const [next] = [...timers].filter(([, { at }]) => at <= end).sort(([, a], [, b]) => a.at - b.at);
    if (!next) return false;
    const [id, { at, run }] = next;
    timers.delete(id);
    time = Math.max(time, at);
    run();
    return true;
  };

  return {
    now: () => time,
    setTimeout(run, milliseconds) {
      longest = Math.max(longest, milliseconds);
      // Whole milliseconds, as `Date.now` has them; never early.
      timers.set(++count, { run, at: time + Math.max(0, Math.ceil(milliseconds)) });
      return count;
    },
    clearTimeout: (id) => void timers.delete(id),
    /** The longest that a timer was ever armed for, in milliseconds. */
    longest: () => longest,

    /** Time passes, and the network is quicker than the clock: what a timer begins has ended before the next one rings. */
    async advance(milliseconds) {
      const end = time + milliseconds;
      do await quiet(isQuiet, 1);
      while (ring(end));
      time = end;
      await quiet(isQuiet, 3);
    },
    /** Time passes while the network hangs. */
    async elapse(milliseconds) {
      const end = time + milliseconds;
      while (ring(end)) await turn();
      time = end;
    },
    /** Time passes until `reached()`, at most so many milliseconds. */
    async until(reached, milliseconds) {
      const end = time + milliseconds;
      while (!reached() && ring(end)) await turn();
      return reached();
    },
    /** The machine sleeps: the clock goes on, and no timer rings. */
    sleep(milliseconds) {
      time += milliseconds;
    },
  };
};

/** A request that ends, and what is then written down: by real time, since the network's is real. */
const quiet = async (isQuiet, enough) => {
  const giveUp = performance.now() + 15_000;
  for (let turns = 0; turns < enough; turns = isQuiet() ? turns + 1 : 0) {
    if (performance.now() > giveUp) throw new Error('what a timer has begun does not end');
    await turn();
  }
};
