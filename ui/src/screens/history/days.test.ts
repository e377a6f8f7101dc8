import { describe, expect, it } from 'vitest';
import { items } from '~/fixtures/history';
import type { HistoryItem } from '~/runtime/types';
import { bars, byDay, SERIES } from './days';
import { midnight, NOTHING, toCounts } from './filters';

const NOW = Math.floor(new Date(2026, 10, 25, 13, 30).getTime() / 1000);
const [some] = items(1) as [HistoryItem];
const asked = (at: number, request: string): HistoryItem => ({ ...some, asked: at, request });

describe('the days of the list', () => {
  it('hold what was asked on them, in order', () => {
    const days = byDay(
      [asked(NOW, 'a'), asked(midnight(NOW, 0), 'b'), asked(midnight(NOW, 0) - 1, 'c'), asked(midnight(NOW, -9), 'd')],
      NOW,
    );
    expect(days.map((day) => day.items.map((item) => item.request))).toEqual([['a', 'b'], ['c'], ['d']]);
    expect(days.map((day) => day.label).slice(0, 2)).toEqual(['Today', 'Yesterday']);
    expect(days[2]?.label).toContain('16');
  });
});

describe('the bars of the chart', () => {
  it('sum each day by outcome, and leave no day out', () => {
    const query = toCounts({ ...NOTHING, span: 'week' }, NOW);
    const first = midnight(NOW, -6);
    const chart = bars(query, {
      step: query.step,
      rows: [
        { from: first, state: 'executed', count: 2 },
        { from: first + 3600, state: 'failed', count: 1 },
        { from: first + 7200, state: 'denied', count: 4 },
        { from: midnight(NOW, 0), state: 'pending', count: 1 },
      ],
    });
    expect(chart).toHaveLength(7);
    expect(chart[0]?.values).toEqual([3, 4, 0, 0, 0]);
    expect(chart[1]?.values).toEqual([0, 0, 0, 0, 0]);
    expect(chart[6]?.values.at(SERIES.findIndex((one) => one.name === 'Waiting'))).toBe(1);
  });

  it('stand for longer spans where there are too many days', () => {
    const query = toCounts({ ...NOTHING, span: 'custom', from: '2021-11-25', to: '2026-11-25' }, NOW);
    const chart = bars(query, { step: query.step, rows: [{ from: query.since, state: 'expired', count: 7 }] });
    expect(chart.length).toBeLessThanOrEqual(400);
    expect(chart[0]?.values).toEqual([0, 0, 7, 0, 0]);
  });
});
