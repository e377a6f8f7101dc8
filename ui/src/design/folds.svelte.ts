import { createContext, untrack } from 'svelte';

/** Keeps count of what is folded away within a part of the page, and of what the person opened. */
export class Folds {
  #closed = $state(0);
  #opened = $state(0);

  /** Folds that nobody has opened yet. */
  get closed(): number {
    return this.#closed;
  }

  /** Whether something was folded away, and every piece of it was opened by the person. */
  get allOpened(): boolean {
    return this.#closed === 0 && this.#opened > 0;
  }

  /** A closed fold is on the page; the answer takes it off again. */
  add(): () => void {
    const count = (by: number) => untrack(() => (this.#closed += by));
    count(1);
    return () => count(-1);
  }

  /** The person opened one. */
  open(): void {
    this.#opened += 1;
  }

  /** Something else is on the page now. */
  reset(): void {
    this.#opened = 0;
  }
}

const [read, write] = createContext<Folds>();

/** The folds of the part of the page this component stands in, if it counts them. */
export function foldsHere(): Folds | null {
  try {
    return read();
  } catch {
    return null;
  }
}

export const countFolds = write;
