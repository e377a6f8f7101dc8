import { describe, expect, it } from 'vitest';
import { fromId, midnight, NOTHING, toCounts, toId, toQuery, type Filters } from './filters';

const NOW = Math.floor(new Date(2026, 10, 25, 13, 30).getTime() / 1000);
const at = (year: number, month: number, day: number) => new Date(year, month - 1, day).getTime() / 1000;

describe('the address of a place in the history', () => {
  const all: Filters = {
    agent: 'Yk3n0vJ2',
    session: '0198c2f0-7a00-7000-8000-000000000001',
    tool: 'payments.send & more=?#/%',
    outcome: 'denied',
    span: 'custom',
    from: '2026-11-01',
    to: '2026-11-20',
    text: 'größe “a” b',
  };

  it('holds every filter, and the request that is open', () => {
    for (const request of [null, 'k7f2Q']) {
      for (const filters of [NOTHING, all, { ...NOTHING, text: 'x' }]) {
        expect(fromId(toId({ request, filters }))).toEqual({ request, filters });
      }
    }
    expect(toId({ request: null, filters: NOTHING })).toBeNull();
  });

  it('leaves out what makes no sense', () => {
    const { filters } = fromId('?outcome=maybe&span=forever&from=2026-01-01&agent=&x=1');
    expect(filters).toEqual(NOTHING);
    expect(fromId('?span=custom&from=2026-02-31&to=yesterday').filters).toEqual({ ...NOTHING, span: 'custom' });
  });
});

describe('what the device is asked for', () => {
  it('goes by days of this time zone', () => {
    const since = (span: Filters['span']) => toQuery({ ...NOTHING, span }, NOW, null).since;
    expect(since('all')).toBeNull();
    expect(since('today')).toBe(at(2026, 11, 25));
    expect(since('week')).toBe(at(2026, 11, 19));
    expect(since('month')).toBe(at(2026, 10, 27));
  });

  it('takes the last day of a custom span as a whole', () => {
    const query = toQuery({ ...NOTHING, span: 'custom', from: '2026-11-01', to: '2026-11-02' }, NOW, null);
    expect([query.since, query.until]).toEqual([at(2026, 11, 1), at(2026, 11, 3)]);
    const open = toQuery({ ...NOTHING, span: 'custom', to: '2026-11-02' }, NOW, null);
    expect([open.since, open.until]).toEqual([null, at(2026, 11, 3)]);
  });

  it('carries the filters and the cursor, and no empty words', () => {
    const query = toQuery({ ...NOTHING, agent: 'a', tool: 'b', outcome: 'expired', text: '  ' }, NOW, 41);
    expect(query).toMatchObject({ agent: 'a', tool: 'b', outcome: 'expired', text: null, before: 41, limit: 50 });
  });

  it('counts no more spans than the daemon does', () => {
    const spans: Filters[] = [
      NOTHING,
      { ...NOTHING, span: 'today' },
      { ...NOTHING, span: 'week' },
      { ...NOTHING, span: 'month' },
      { ...NOTHING, span: 'custom', from: '2026-01-01', to: '2026-11-25' },
      { ...NOTHING, span: 'custom', from: '1999-01-01', to: '2026-11-25' },
      { ...NOTHING, span: 'custom', from: '1980-01-01' },
    ];
    for (const filters of spans) {
      const { since, until, step } = toCounts(filters, NOW);
      expect(until).toBeGreaterThan(since);
      expect((until - since) / step).toBeLessThanOrEqual(400);
    }
    expect(toCounts(NOTHING, NOW)).toMatchObject({ since: midnight(NOW, -29), until: midnight(NOW, 1) });
  });
});
