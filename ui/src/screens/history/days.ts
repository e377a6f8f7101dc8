import { midnight } from './filters';
import type { Bar, Series } from '~/design/Chart.svelte';
import type { Counts, CountsQuery, HistoryItem, State } from '~/runtime/types';

/** The requests of one day. */
export interface Day {
  start: number;
  label: string;
  items: HistoryItem[];
}

/** Groups by the day of asking, in the order they come. */
export function byDay(items: readonly HistoryItem[], now: number): Day[] {
  const days: Day[] = [];
  for (const item of items) {
    const start = midnight(item.asked, 0);
    const last = days.at(-1);
    if (last?.start === start) last.items.push(item);
    else days.push({ start, label: dayLabel(start, now), items: [item] });
  }
  return days;
}

/** The day in words. */
export function dayLabel(start: number, now: number): string {
  if (start === midnight(now, 0)) return 'Today';
  if (start === midnight(now, -1)) return 'Yesterday';
  const isThisYear = new Date(start * 1000).getFullYear() === new Date(now * 1000).getFullYear();
  return new Date(start * 1000).toLocaleDateString(undefined, {
    weekday: 'long',
    day: 'numeric',
    month: 'long',
    year: isThisYear ? undefined : 'numeric',
  });
}

/** What the chart stacks: each state belongs to one of them. */
export const SERIES = [
  { name: 'Approved', tone: 'good' },
  { name: 'Denied', tone: 'bad' },
  { name: 'Nobody answered', tone: 'warn' },
  { name: 'Withdrawn', tone: 'neutral' },
  { name: 'Waiting', tone: 'accent' },
] as const satisfies readonly Series[];

const SERIES_OF: Record<State, number> = {
  approved: 0,
  claimed: 0,
  executed: 0,
  failed: 0,
  unknown: 0,
  denied: 1,
  expired: 2,
  cancelled: 3,
  revoked: 3,
  pending: 4,
};

/** One bar for each day (or longer span, if that is what was asked for), empty ones as well. */
export function bars(query: CountsQuery, counts: Counts): Bar[] {
  const isByDay = query.step <= 86_400;
  const sums = new Map<number, number[]>();
  const empty = () => SERIES.map(() => 0);
  if (isByDay) {
    for (let at = midnight(query.since, 0); at < query.until; at = midnight(at, 1)) sums.set(at, empty());
  } else {
    for (let at = query.since; at < query.until; at += query.step) sums.set(at, empty());
  }
  for (const row of counts.rows) {
    const start = isByDay ? midnight(row.from, 0) : row.from;
    const values = sums.get(start) ?? empty();
    const at = SERIES_OF[row.state];
    values[at] = (values[at] ?? 0) + row.count;
    sums.set(start, values);
  }
  return [...sums].sort(([a], [b]) => a - b).map(([start, values]) => ({ label: barLabel(start), values }));
}

function barLabel(start: number): string {
  return new Date(start * 1000).toLocaleDateString(undefined, { day: 'numeric', month: 'short', year: 'numeric' });
}
