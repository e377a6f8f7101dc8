import { errorBody } from '~/runtime/runtime';
import type { DoneOf } from '~/runtime/runtime';
import type { ErrorBody, JoinerView } from '~/runtime/types';
import type { App } from '~/state/app.svelte';
import { clock } from '~/state/clock.svelte';

type Offer = DoneOf<{ command: 'offer_pairing' }>;

/** What the person adds to what the new device says of itself. */
export interface Introduction {
  digits: string;
  name: string;
  owner: string;
  admin: boolean;
  local: boolean;
}

export type Step = 'offering' | 'code' | 'stale' | 'meeting' | 'digits' | 'done' | 'ended';

/** One pairing of another device, from the code to the bundle that holds it. */
export class Pairing {
  offer = $state.raw<Offer | null>(null);
  /** When the code was shown. */
  offered = $state(0);
  busy = $state(false);
  /** The name of the device that was added. */
  added = $state<string | null>(null);
  /** Why there is no code, or why it came to nothing. */
  why = $state.raw<ErrorBody | null>(null);
  /** What was typed cannot be taken; it is no try. */
  fault = $state.raw<ErrorBody | null>(null);

  #app: App;

  constructor(app: App) {
    this.#app = app;
  }

  get joiner(): JoinerView | null {
    return this.#app.snapshot?.joiner ?? null;
  }

  get ended(): ErrorBody | null {
    return this.why ?? this.#app.pairingEnded;
  }

  get step(): Step {
    if (this.added !== null) return 'done';
    if (this.ended) return 'ended';
    if (this.joiner) return this.joiner.digits ? 'digits' : 'meeting';
    if (!this.offer) return 'offering';
    return clock.now >= this.offer.offer.expires ? 'stale' : 'code';
  }

  /** Goes on where a device already knocks, or asks for a code. */
  async begin(): Promise<void> {
    if (this.joiner) this.#app.pairingEnded = null;
    else await this.again();
  }

  /** Asks for a new code. */
  async again(): Promise<void> {
    this.#app.pairingEnded = null;
    this.why = null;
    this.fault = null;
    this.offer = null;
    try {
      this.offer = await this.#app.device({ command: 'offer_pairing' });
      clock.read();
      this.offered = clock.now;
    } catch (thrown) {
      this.why = errorBody(thrown);
    }
  }

  /** The code is to be good for nothing any more; answers whether it is. */
  async withdraw(): Promise<boolean> {
    if (this.busy) return false;
    this.busy = true;
    const isDone = await this.#app.try({ command: 'withdraw_pairing' });
    if (isDone) this.offer = null;
    this.busy = false;
    return isDone;
  }

  /** The digits were typed. There is one try. */
  async confirm(typed: Introduction): Promise<void> {
    const { joiner } = this;
    if (!joiner || this.busy) return;
    this.busy = true;
    this.fault = null;
    try {
      const name = typed.name.trim();
      await this.#app.device({
        command: 'confirm_pairing',
        joiner: joiner.joiner,
        digits: typed.digits,
        name,
        owner: typed.owner.trim(),
        admin: typed.admin,
        local: typed.local,
      });
      this.added = name;
      void this.#app.refresh();
    } catch (thrown) {
      const why = errorBody(thrown);
      if (why.code === 'bad_request') this.fault = why;
      else {
        this.why = why;
        void this.#app.refresh();
      }
    } finally {
      this.busy = false;
    }
  }

  /** The person does not want it. */
  async refuse(): Promise<void> {
    const { joiner } = this;
    if (!joiner || this.busy) return;
    this.busy = true;
    try {
      await this.#app.device({ command: 'refuse_pairing', joiner: joiner.joiner });
    } catch (thrown) {
      this.#app.trouble(thrown);
    } finally {
      this.busy = false;
      await this.#app.refresh();
    }
  }
}
