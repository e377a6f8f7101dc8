import { errorBody } from '~/runtime/runtime';
import type { ErrorBody, KeyPlace } from '~/runtime/types';
import type { App } from '~/state/app.svelte';

export const PAGES = ['what', 'pair', 'agents', 'try', 'ready'] as const;
export type PageName = (typeof PAGES)[number];

/** How this computer becomes a device. */
export type Way = 'here' | 'join';

/** Where a person is in the first run, and what they have typed; it outlives a look at something else. */
export class Flow {
  way = $state<Way>('here');
  name = $state('');
  owner = $state('');
  ticket = $state('');
  keys = $state<KeyPlace>('platform');
  /** The person has read what a plain file means. */
  isWarned = $state(false);
  /** Why it did not become a device. */
  why = $state.raw<ErrorBody | null>(null);
  busy = $state(false);
  /** Whether a try-out is on its way. */
  isTrying = $state(false);
  /** Why it could not be sent. */
  tryWhy = $state.raw<ErrorBody | null>(null);

  #chosen = $state<PageName>('what');
  #app: App;
  #isFilled = false;

  constructor(app: App) {
    this.#app = app;
  }

  /** The page to show: what was chosen, as far as the stage has it. */
  get page(): PageName {
    const chosen = this.#chosen;
    switch (this.#app.stage.stage) {
      case 'joining':
        return 'pair';
      case 'ready':
        return chosen === 'what' || chosen === 'pair' ? 'agents' : chosen;
      default:
        return chosen === 'what' ? 'what' : 'pair';
    }
  }

  go(page: PageName): void {
    this.#chosen = page;
  }

  /** Whether there is a page to go back to. */
  get hasBack(): boolean {
    const { page } = this;
    const first = this.#app.stage.stage === 'ready' ? 'agents' : 'what';
    return page !== first && this.#app.stage.stage !== 'joining';
  }

  back(): void {
    const before = PAGES[PAGES.indexOf(this.page) - 1];
    if (before) this.#chosen = before;
  }

  /** Takes what the console proposes, once. */
  fill(): void {
    const { stage } = this.#app;
    if (stage.stage !== 'unpaired') return;
    if (!this.#isFilled) {
      this.name = stage.name;
      this.owner = stage.owner;
      this.#isFilled = true;
      if (stage.daemon.daemon === 'running' && stage.daemon.paired) this.way = 'join';
    }
    if (stage.key_store) this.keys = 'file';
  }

  /** Looks again: whether the key store is open, and which daemon answers. */
  async check(): Promise<void> {
    this.busy = true;
    try {
      await this.#app.call({ call: 'retry' });
      await this.#app.refresh();
      const { stage } = this.#app;
      if (stage.stage === 'unpaired' && !stage.key_store) this.keys = 'platform';
    } catch (thrown) {
      this.why = errorBody(thrown);
    } finally {
      this.busy = false;
    }
  }

  /** Makes this computer a device. */
  async pair(): Promise<void> {
    this.busy = true;
    this.why = null;
    const [name, keys] = [this.name.trim(), this.keys];
    try {
      if (this.way === 'here') await this.#app.call({ call: 'pair_here', name, owner: this.owner.trim(), keys });
      else await this.#app.call({ call: 'join', ticket: this.ticket.trim(), name, keys });
      this.#chosen = 'agents';
    } catch (thrown) {
      const why = errorBody(thrown);
      // The person gave it up: they know.
      this.why = why.code === 'cancelled' ? null : why;
      this.#chosen = 'pair';
    } finally {
      this.busy = false;
    }
  }

  async cancel(): Promise<void> {
    try {
      await this.#app.call({ call: 'cancel_join' });
    } catch (thrown) {
      this.#app.trouble(thrown);
    }
  }

  /** Sends the harmless request. */
  async tryOut(): Promise<void> {
    this.tryWhy = null;
    this.#app.triedOut = null;
    this.isTrying = true;
    try {
      await this.#app.call({ call: 'try_out' });
    } catch (thrown) {
      this.isTrying = false;
      this.tryWhy = errorBody(thrown);
    }
  }

  /** The first run is read to its end. */
  async finish(): Promise<void> {
    const { settings } = this.#app;
    if (settings) await this.#app.choose({ ...settings, welcomed: true });
  }
}

const flows = new WeakMap<App, Flow>();

/** The one first run of this app. */
export function flowOf(app: App): Flow {
  const known = flows.get(app);
  if (known) return known;
  const flow = new Flow(app);
  flows.set(app, flow);
  return flow;
}
