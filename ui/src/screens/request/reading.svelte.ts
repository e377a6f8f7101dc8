/**
 * Whether the person has had the end of what would run before their eyes. Until then nothing is approved: on a small
 * screen an argument may stand below the lower edge.
 */
export class Reading {
  #seen = $state(false);
  // How much of the page's lower edge the bar with the answers covers.
  #covered = $state(0);
  #end: HTMLElement | null = null;

  /** Whether its end was on the screen since it last changed. */
  get seen(): boolean {
    return this.#seen;
  }

  /** Something else would run, or more of it is unfolded: its end is to be seen anew. */
  begin(): void {
    this.#seen = false;
  }

  /** The end was reached, by scrolling or by the focus. */
  reached = (): void => {
    this.#seen = true;
  };

  /** Brings the end into view, and the focus with it. */
  show(): void {
    this.#end?.scrollIntoView({ block: 'end' });
    this.#end?.focus({ preventScroll: true });
  }

  /** The element at the end. */
  end = (element: HTMLElement): (() => void) | undefined => {
    this.#end = element;
    if (this.#seen) return;
    if (typeof IntersectionObserver === 'undefined') {
      this.reached();
      return;
    }
    const observer = new IntersectionObserver(
      (entries) => {
        if (entries.at(-1)?.isIntersecting) this.reached();
      },
      { rootMargin: `0px 0px -${this.#covered}px 0px` },
    );
    observer.observe(element);
    return () => observer.disconnect();
  };

  /** The element that holds what would run: once it is taller, there is more to read. */
  text = (element: HTMLElement): (() => void) | undefined => {
    let tallest = 0;
    return onHeight(element, (height) => {
      if (tallest > 0 && height > tallest) this.begin();
      tallest = height;
    });
  };

  /** The bar that covers the page's lower edge. */
  bar = (element: HTMLElement): (() => void) | undefined => onHeight(element, (height) => (this.#covered = height));
}

function onHeight(element: HTMLElement, tell: (height: number) => void): (() => void) | undefined {
  tell(element.offsetHeight);
  if (typeof ResizeObserver === 'undefined') return;
  const observer = new ResizeObserver(() => tell(element.offsetHeight));
  observer.observe(element);
  return () => observer.disconnect();
}
