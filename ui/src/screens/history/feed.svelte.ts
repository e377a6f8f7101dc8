import { errorBody } from '~/runtime/runtime';
import type { ErrorBody, HistoryItem, HistoryList, HistoryQuery } from '~/runtime/types';
import { plain } from '~/design/text';
import { toolName, toQuery, type Filters } from './filters';

/** The requests of the past, page after page. */
export class Feed {
  rows = $state.raw<HistoryItem[]>([]);
  /** Why the list could not be read. */
  error = $state.raw<ErrorBody | null>(null);
  /** Why the next page could not be read. */
  moreError = $state.raw<ErrorBody | null>(null);
  busy = $state(false);
  busyMore = $state(false);
  /** Whether an answer came at all. */
  isRead = $state(false);
  /** The tools met so far, as they are called and as they are shown: the choices of the filter. */
  tools = $state.raw<ReadonlyMap<string, string>>(new Map());

  #next = $state.raw<number | null>(null);
  #fetch: (query: HistoryQuery) => Promise<HistoryList>;
  #filters: Filters | null = null;
  // Later pages are cut at the same moments as the first one, whenever they are asked for.
  #now = 0;
  #turn = 0;
  #pages = 0;

  constructor(fetch: (query: HistoryQuery) => Promise<HistoryList>) {
    this.#fetch = fetch;
  }

  get hasMore(): boolean {
    return this.#next !== null;
  }

  /** Reads the first page; what is overtaken by another call is dropped. */
  async read(filters: Filters, now: number): Promise<void> {
    this.#turn += 1;
    const turn = this.#turn;
    this.#filters = filters;
    this.#now = now;
    this.busy = true;
    this.busyMore = false;
    this.moreError = null;
    try {
      const page = await this.#fetch(toQuery(filters, now, null));
      if (turn !== this.#turn) return;
      this.rows = page.rows;
      this.#next = page.next;
      this.#pages = 1;
      this.error = null;
      this.isRead = true;
      this.#meet(page.rows);
    } catch (thrown) {
      if (turn === this.#turn) this.error = errorBody(thrown);
    } finally {
      if (turn === this.#turn) this.busy = false;
    }
  }

  /** Reads the first page again if nothing beyond it is on the screen: what one looks at stays where it is. */
  async refresh(now: number): Promise<void> {
    if (this.#filters && this.#pages <= 1 && !this.busy) await this.read(this.#filters, now);
  }

  /** Reads the page after the last one. */
  async more(): Promise<void> {
    if (this.#next === null || this.#filters === null || this.busyMore || this.busy) return;
    const turn = this.#turn;
    this.busyMore = true;
    this.moreError = null;
    try {
      const page = await this.#fetch(toQuery(this.#filters, this.#now, this.#next));
      if (turn !== this.#turn) return;
      const known = new Set(this.rows.map((row) => row.request));
      this.rows = [...this.rows, ...page.rows.filter((row) => !known.has(row.request))];
      this.#next = page.next;
      this.#pages += 1;
      this.#meet(page.rows);
    } catch (thrown) {
      if (turn === this.#turn) this.moreError = errorBody(thrown);
    } finally {
      if (turn === this.#turn) this.busyMore = false;
    }
  }

  #meet(rows: readonly HistoryItem[]): void {
    const fresh = rows.filter((row) => !this.tools.has(toolName(row.tool)));
    if (fresh.length === 0) return;
    const all = [...this.tools, ...fresh.map((row) => [toolName(row.tool), plain(row.tool)] as const)];
    this.tools = new Map(all.sort(([, a], [, b]) => a.localeCompare(b)));
  }
}
