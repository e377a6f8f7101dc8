import { raw } from '~/design/text';
import type { AgentInfo, CountsQuery, Hash, HistoryQuery, State, Text, Thumbprint } from '~/runtime/types';

export const SPANS = ['all', 'today', 'week', 'month', 'custom'] as const;
export type Span = (typeof SPANS)[number];

/** The states a request can be looked for by, in the order of its life. */
export const OUTCOMES = [
  'pending',
  'approved',
  'claimed',
  'executed',
  'failed',
  'unknown',
  'denied',
  'expired',
  'cancelled',
  'revoked',
] as const satisfies readonly State[];

/** What the list is narrowed to. */
export interface Filters {
  agent: Thumbprint | null;
  /** A session of that agent, by its id. */
  session: string | null;
  /** The tool's exact name. */
  tool: string | null;
  outcome: State | null;
  span: Span;
  /** First and last day of a custom span, as `2026-01-31`. */
  from: string | null;
  to: string | null;
  text: string;
}

export const NOTHING: Filters = {
  agent: null,
  session: null,
  tool: null,
  outcome: null,
  span: 'all',
  from: null,
  to: null,
  text: '',
};

/** Where in the history one is: a list, or one request and the list it was opened from. */
export interface Spot {
  request: Hash | null;
  filters: Filters;
}

const DAY = /^\d{4}-\d{2}-\d{2}$/;

/** The part of the address that stands for a spot; `null` for the whole list. */
export function toId({ request, filters }: Spot): string | null {
  const params = new URLSearchParams();
  if (filters.agent) params.set('agent', filters.agent);
  if (filters.agent && filters.session) params.set('session', filters.session);
  if (filters.tool) params.set('tool', filters.tool);
  if (filters.outcome) params.set('outcome', filters.outcome);
  if (filters.span !== 'all') params.set('span', filters.span);
  if (filters.span === 'custom') {
    if (filters.from) params.set('from', filters.from);
    if (filters.to) params.set('to', filters.to);
  }
  if (filters.text) params.set('text', filters.text);
  const query = params.size > 0 ? `?${params}` : '';
  return `${request ?? ''}${query}` || null;
}

/** The spot at an address; what makes no sense in it is left out. */
export function fromId(id: string | null): Spot {
  const [request = '', query = ''] = (id ?? '').split('?', 2);
  const params = new URLSearchParams(query);
  const day = (name: string) => {
    const value = params.get(name);
    return value && DAY.test(value) && dayStart(value) !== null ? value : null;
  };
  const span = SPANS.find((one) => one === params.get('span')) ?? 'all';
  const filters: Filters = {
    agent: params.get('agent') || null,
    session: (params.get('agent') && params.get('session')) || null,
    tool: params.get('tool') || null,
    outcome: OUTCOMES.find((one) => one === params.get('outcome')) ?? null,
    span,
    from: span === 'custom' ? day('from') : null,
    to: span === 'custom' ? day('to') : null,
    text: params.get('text') ?? '',
  };
  return { request: request || null, filters };
}

/** Whether anything is narrowed down. */
export function isNarrowed(filters: Filters): boolean {
  return toId({ request: null, filters }) !== null;
}

/** From when until when, in seconds; days are those of this computer's time zone. */
export function bounds(filters: Filters, now: number): { since: number | null; until: number | null } {
  switch (filters.span) {
    case 'all':
      return { since: null, until: null };
    case 'today':
      return { since: midnight(now, 0), until: null };
    case 'week':
      return { since: midnight(now, -6), until: null };
    case 'month':
      return { since: midnight(now, -29), until: null };
    case 'custom':
      return {
        since: filters.from === null ? null : dayStart(filters.from),
        until: filters.to === null ? null : dayStart(filters.to, 1),
      };
  }
}

const PAGE = 50;

/** What the device is asked for. */
export function toQuery(filters: Filters, now: number, before: number | null): HistoryQuery {
  const text = filters.text.trim();
  return {
    agent: filters.agent,
    session: filters.session,
    tool: filters.tool,
    outcome: filters.outcome,
    ...bounds(filters, now),
    text: text === '' ? null : text,
    before,
    limit: PAGE,
  };
}

const WEEK_SECONDS = 7 * 86_400;
const HOUR = 3600;
const MAX_ROWS = 400;

/** What the chart asks for: hours, to be summed into days of this time zone; whole weeks where it is a long time. */
export function toCounts(filters: Filters, now: number): CountsQuery {
  const { since, until } = bounds(filters, now);
  const end = until ?? midnight(now, 1);
  const from = since ?? midnight(end - 1, -29);
  const hours = (end - from) / HOUR;
  const step = [HOUR, 6 * HOUR, 24 * HOUR, WEEK_SECONDS].find((one) => (hours * HOUR) / one <= MAX_ROWS);
  return { agent: filters.agent, since: from, until: end, step: step ?? Math.ceil((end - from) / MAX_ROWS) };
}

/** Midnight of the day that `at` falls on, some days later or earlier. */
export function midnight(at: number, days: number): number {
  const date = new Date(at * 1000);
  date.setHours(0, 0, 0, 0);
  date.setDate(date.getDate() + days);
  return Math.floor(date.getTime() / 1000);
}

function dayStart(day: string, days = 0): number | null {
  const [year = 0, month = 0, date = 0] = day.split('-').map(Number);
  const start = new Date(year, month - 1, date);
  if (start.getMonth() !== month - 1 || start.getDate() !== date) return null;
  start.setDate(start.getDate() + days);
  return Math.floor(start.getTime() / 1000);
}

/** A tool as the filter names it: its exact characters. */
export function toolName(tool: Text): string {
  return raw(tool);
}

/** What an agent is called in a list of choices, where two of one name are told apart. */
export function agentLabels(agents: readonly AgentInfo[], name: (text: Text) => string): Map<Thumbprint, string> {
  const names = agents.map((agent) => name(agent.name));
  return new Map(
    agents.map((agent, at) => {
      const own = names[at] ?? '';
      const isTwice = names.filter((one) => one === own).length > 1;
      return [agent.agent, isTwice ? `${own} · ${agent.agent.slice(0, 6)}` : own];
    }),
  );
}
