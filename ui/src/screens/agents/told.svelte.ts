import { errorBody } from '~/runtime/runtime';
import type { ErrorBody, SessionInfo, SessionList, Thumbprint } from '~/runtime/types';

const TURNS = 20;

/** What an agent was told to do, page after page. */
export class Told {
  sessions = $state.raw<SessionInfo[] | null>(null);
  /** What of it does not verify. */
  fault = $state.raw<ErrorBody | null>(null);
  /** Why it could not be read. */
  error = $state.raw<ErrorBody | null>(null);
  busy = $state(false);

  #next = $state.raw<number | null>(null);
  #turn = 0;
  #fetch: (agent: Thumbprint, before: number | null, limit: number) => Promise<SessionList>;

  constructor(fetch: (agent: Thumbprint, before: number | null, limit: number) => Promise<SessionList>) {
    this.#fetch = fetch;
  }

  get hasMore(): boolean {
    return this.#next !== null;
  }

  /** Reads the newest ones; an answer that was overtaken is dropped. */
  read(agent: Thumbprint): Promise<void> {
    return this.#load(agent, null);
  }

  /** Reads those before. */
  async more(agent: Thumbprint): Promise<void> {
    if (this.#next !== null && !this.busy) await this.#load(agent, this.#next);
  }

  async #load(agent: Thumbprint, before: number | null): Promise<void> {
    this.#turn += 1;
    const turn = this.#turn;
    this.busy = true;
    try {
      const page = await this.#fetch(agent, before, TURNS);
      if (turn !== this.#turn) return;
      this.sessions = before === null ? page.sessions : joined(this.sessions ?? [], page.sessions);
      this.fault = (before === null ? null : this.fault) ?? page.fault;
      this.#next = page.next;
      this.error = null;
    } catch (thrown) {
      if (turn === this.#turn) this.error = errorBody(thrown);
    } finally {
      if (turn === this.#turn) this.busy = false;
    }
  }
}

/** A session that spans two pages is one. */
function joined(all: readonly SessionInfo[], more: readonly SessionInfo[]): SessionInfo[] {
  const sessions = all.map((session) => ({ ...session, turns: [...session.turns] }));
  for (const { sid, turns } of more) {
    const known = sessions.find((session) => session.sid === sid);
    if (known) known.turns.push(...turns.filter((turn) => !known.turns.some((one) => one.session === turn.session)));
    else sessions.push({ sid, turns });
  }
  return sessions;
}
