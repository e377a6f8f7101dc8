/** How long a button rests after what it stands for came on the screen. */
export const REST = 400;

/**
 * Keeps an answer's button from being pressed by accident: it rests until what it stands for has been visible for a
 * moment, and takes only a press that began after that. It begins anew whenever what it stands for changes or the
 * page was out of sight.
 */
export class Arming {
  /** Whether it takes a press. */
  ready = $state(false);

  #rest: number;
  // Counts the times it was armed: a press belongs to one of them.
  #round = 0;
  #pointer: number | null = null;
  #key: { key: string; round: number } | null = null;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(rest: number = REST) {
    this.#rest = rest;
  }

  /** Something is shown, on an element; the answer takes it off. */
  show(element: Element): () => void {
    let inView = typeof IntersectionObserver === 'undefined';
    const check = () => {
      this.#disarm();
      if (inView && document.visibilityState === 'visible') this.#wait();
    };
    const observer = inView
      ? null
      : new IntersectionObserver((entries) => {
          const seen = entries.at(-1)?.isIntersecting ?? false;
          if (seen !== inView) {
            inView = seen;
            check();
          }
        });
    observer?.observe(element);
    document.addEventListener('visibilitychange', check);
    // The click that brings the window to the front is no answer.
    window.addEventListener('focus', check);
    window.addEventListener('pointerdown', this.#pressed, true);
    check();
    return () => {
      observer?.disconnect();
      document.removeEventListener('visibilitychange', check);
      window.removeEventListener('focus', check);
      window.removeEventListener('pointerdown', this.#pressed, true);
      this.#disarm();
    };
  }

  /** A key went down on the button. */
  keyDown(event: KeyboardEvent): void {
    if (event.key !== 'Enter' && event.key !== ' ') return;
    // The browser would press at once or again and again; the press is made in `keyUp`.
    event.preventDefault();
    if (!event.repeat) this.#key = this.ready ? { key: event.key, round: this.#round } : null;
  }

  /** A key came up on the button; answers whether that completes a press. */
  keyUp(event: KeyboardEvent): boolean {
    if (event.key !== 'Enter' && event.key !== ' ') return false;
    event.preventDefault();
    const began = this.#key;
    this.#key = null;
    return this.ready && began !== null && began.key === event.key && began.round === this.#round;
  }

  /** The button was clicked; answers whether that counts. */
  clicked(event: MouseEvent): boolean {
    const began = this.#pointer;
    this.#pointer = null;
    if (!this.ready) return false;
    // A click without a pointer is one of assistive technology, which presses in one step.
    return event.detail === 0 || began === this.#round;
  }

  /** The focus left: a key that was down is not waited for. */
  left(): void {
    this.#key = null;
  }

  #pressed = (): void => {
    this.#pointer = this.ready ? this.#round : null;
  };

  #wait(): void {
    // Two frames: after the second one the first has been painted.
    const frame = typeof requestAnimationFrame === 'function' ? requestAnimationFrame : (run: () => void) => setTimeout(run, 16);
    const round = this.#round;
    frame(() =>
      frame(() => {
        if (round === this.#round) this.#timer = setTimeout(() => this.#arm(), this.#rest);
      }),
    );
  }

  #arm(): void {
    this.#round += 1;
    this.ready = true;
  }

  #disarm(): void {
    clearTimeout(this.#timer);
    this.#round += 1;
    this.#key = null;
    this.#pointer = null;
    this.ready = false;
  }
}
