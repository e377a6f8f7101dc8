import { errorBody } from '~/runtime/runtime';
import type { ErrorBody } from '~/runtime/types';

/** Something that is fetched: what is there, whether more is on its way, and what went wrong. */
export class Loaded<T> {
  value = $state.raw<T | null>(null);
  error = $state.raw<ErrorBody | null>(null);
  busy = $state(false);
  #turn = 0;

  /** Fetches anew. What was there stays until the answer is; an answer that was overtaken is dropped. */
  async load(fetch: () => Promise<T>): Promise<void> {
    this.#turn += 1;
    const turn = this.#turn;
    this.busy = true;
    try {
      const value = await fetch();
      if (turn !== this.#turn) return;
      this.value = value;
      this.error = null;
    } catch (thrown) {
      if (turn === this.#turn) this.error = errorBody(thrown);
    } finally {
      if (turn === this.#turn) this.busy = false;
    }
  }

  /** Forgets what is there, as for another subject. */
  clear(): void {
    this.#turn += 1;
    this.value = null;
    this.error = null;
    this.busy = false;
  }
}
