/** The time in whole seconds; it moves only while something on the page counts down. */
class Clock {
  #now = $state(seconds());
  #holders = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;

  get now(): number {
    return this.#now;
  }

  /** Keeps the clock going until the answer is called. */
  hold(): () => void {
    this.#holders += 1;
    if (this.#holders === 1) this.#tick();
    return () => {
      this.#holders -= 1;
      if (this.#holders === 0) clearTimeout(this.#timer);
    };
  }

  /** Reads the time now, as after a sleep of the computer. */
  read(): void {
    const now = seconds();
    if (now !== this.#now) this.#now = now;
  }

  #tick = (): void => {
    this.read();
    // Just after the next full second, so that all countdowns turn together and none skips a number.
    this.#timer = setTimeout(this.#tick, 1010 - (Date.now() % 1000));
  };
}

function seconds(): number {
  return Math.floor(Date.now() / 1000);
}

export const clock = new Clock();
