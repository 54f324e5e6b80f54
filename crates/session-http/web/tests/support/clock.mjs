// A clock that only tests move. It remembers the longest timer that was ever armed.

/** Lets everything that is ready run: promises, and IndexedDB and channels, which take turns of the event loop. */
export const settle = async (turns = 40) => {
  for (let turn = 0; turn < turns; turn++) await new Promise((resolve) => setImmediate(resolve));
};

export class FakeClock {
  longest = 0;
  #now;
  #timers = new Map();
  #next = 1;

  constructor(now = Date.UTC(2026, 0, 5, 9)) {
    this.#now = now;
  }

  now() {
    return this.#now;
  }

  setTimeout(run, delay) {
    this.longest = Math.max(this.longest, delay);
    this.#timers.set(this.#next, { at: this.#now + delay, run });
    return this.#next++;
  }

  clearTimeout(timer) {
    this.#timers.delete(timer);
  }

  /** Time passes, and timers fire when they are due. */
  async advance(span) {
    const end = this.#now + span;
    await settle();
    for (;;) {
      const [due] = [...this.#timers].filter(([, { at }]) => at <= end).sort(([, a], [, b]) => a.at - b.at);
      if (!due) break;
      this.#timers.delete(due[0]);
      this.#now = Math.max(this.#now, due[1].at);
      due[1].run();
      await settle(12);
    }
    this.#now = end;
    await settle();
  }

  /** The machine slept, or somebody set the clock: time has jumped and no timer has fired on the way. */
  jump(span) {
    this.#now += span;
  }
}
