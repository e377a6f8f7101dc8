import userEvent from '@testing-library/user-event';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { KEYS } from '~/fixtures/cards';
import { answers, hostileItem, items } from '~/fixtures/history';
import { quiet, ready } from '~/fixtures/snapshot';
import { FixtureRuntime } from '~/runtime/fixture';
import type { HistoryQuery } from '~/runtime/types';
import { router } from '~/state/router.svelte';
import { expectAccessible } from '~/test/axe';
import { screen, settle } from '~/test/render';
import History from './History.svelte';

const WHY = { code: 'store_failed', message: 'The database cannot be used.', hint: 'Free some space.' };

function runtime(all = items(120)): FixtureRuntime {
  const made = new FixtureRuntime(ready(quiet));
  made.answer = answers(all);
  return made;
}

function queries(of: FixtureRuntime): HistoryQuery[] {
  return of.commands.flatMap((command) => (command.command === 'history' ? [command.query] : []));
}

function open(id: string | null) {
  router.go('history', id);
}

describe('the list', () => {
  it('shows requests by day, and a chart of them', async () => {
    open(null);
    const { getByRole, getAllByRole } = await screen(History, runtime());
    expect(getByRole('region', { name: 'Today' })).toBeTruthy();
    expect(getAllByRole('link').length).toBe(50);
    expect(getByRole('img', { name: /Requests of the last 30 days/ })).toBeTruthy();
  });

  it('keeps nobody out', async () => {
    open('?span=custom');
    const { container } = await screen(History, runtime(items(3)));
    await expectAccessible(container);
  });

  it('goes on with the cursor until all is there, each once', async () => {
    open(null);
    const { getByRole, getAllByRole, queryByRole, getByText, runtime: made } = await screen(History, runtime());
    getByRole('button', { name: 'Show older requests' }).click();
    await settle();
    getByRole('button', { name: 'Show older requests' }).click();
    await settle();
    expect(queries(made).map((query) => query.before)).toEqual([null, 50, 100]);
    expect(getAllByRole('link').length).toBe(120);
    expect(queryByRole('button', { name: 'Show older requests' })).toBeNull();
    expect(getByText('That is all.')).toBeTruthy();
  });

  it('keeps what is there when the next page cannot be read', async () => {
    open(null);
    const { getByRole, getAllByRole, getByText, runtime: made } = await screen(History, runtime());
    made.failures.set('history', WHY);
    getByRole('button', { name: 'Show older requests' }).click();
    await settle();
    expect(getByText('Older requests could not be read.')).toBeTruthy();
    expect(getAllByRole('link').length).toBe(50);
    made.failures.clear();
    getByRole('button', { name: 'Try again' }).click();
    await settle();
    expect(getAllByRole('link').length).toBe(100);
  });

  it('asks for what the address says', async () => {
    open(`?agent=${KEYS.coder}&outcome=executed&text=bash`);
    const { runtime: made, getByLabelText } = await screen(History, runtime());
    expect(queries(made)[0]).toMatchObject({ agent: KEYS.coder, outcome: 'executed', text: 'bash', before: null });
    expect((getByLabelText('Outcome') as HTMLSelectElement).value).toBe('executed');
    expect((getByLabelText('Agent') as HTMLSelectElement).selectedOptions[0]?.textContent).toBe('coding-agent');
  });

  it('writes its filters into the address, without a step back for each', async () => {
    open(null);
    const steps = history.length;
    const { getByLabelText, getByRole, runtime: made } = await screen(History, runtime());
    await userEvent.selectOptions(getByLabelText('Tool'), 'Bash');
    await userEvent.click(getByRole('radio', { name: '7 days' }));
    await settle();
    expect(router.place.id).toBe('?tool=Bash&span=week');
    expect(queries(made).at(-1)).toMatchObject({ tool: 'Bash' });
    expect(queries(made).at(-1)?.since).not.toBeNull();
    expect(history.length).toBe(steps);
    await userEvent.click(getByRole('button', { name: 'Clear filters' }));
    expect(router.place.id).toBeNull();
  });

  it('takes a span of one’s own', async () => {
    open('?span=custom');
    const { getByLabelText } = await screen(History, runtime());
    const from = getByLabelText('From') as HTMLInputElement;
    from.value = '2026-11-01';
    from.dispatchEvent(new Event('change', { bubbles: true }));
    await settle();
    expect(router.place.id).toBe('?span=custom&from=2026-11-01');
  });

  it('tells an empty history from a search without a match', async () => {
    open(null);
    const empty = await screen(History, runtime([]));
    expect(empty.getByText('Nothing has been asked yet')).toBeTruthy();
    await expectAccessible(empty.container);
    empty.unmount();
    open('?text=zzzz');
    const none = await screen(History, runtime());
    expect(none.getByText('Nothing matches')).toBeTruthy();
    await expectAccessible(none.container);
  });

  it('says what failed and tries again', async () => {
    open(null);
    const made = runtime();
    made.failures.set('history', WHY);
    const { getByText, getByRole, container, getAllByRole } = await screen(History, made);
    expect(getByText('The history could not be read.')).toBeTruthy();
    expect(getByText(WHY.hint)).toBeTruthy();
    await expectAccessible(container);
    made.failures.clear();
    getByRole('button', { name: 'Try again' }).click();
    await settle();
    expect(getAllByRole('link').length).toBe(50);
  });

  it('shows that it loads', async () => {
    open(null);
    const made = runtime();
    const call = made.call.bind(made);
    made.call = (asked) => (asked.call === 'device' ? new Promise(() => undefined) : call(asked));
    const { getByText, container } = await screen(History, made);
    expect(getByText('Loading the history')).toBeTruthy();
    await expectAccessible(container);
  });

  it('shows deceiving names with their hidden characters', async () => {
    open(null);
    const { container } = await screen(History, runtime([hostileItem]));
    expect(container.querySelector('a b')?.textContent).toMatch(/^U\+/);
    expect(container.querySelector('a')?.textContent).toContain('<b>Approved</b>');
    expect(container.innerHTML).not.toContain('\u202e');
  });

  it('leads to a request and back to the same filters', async () => {
    open('?outcome=denied');
    const { getAllByRole, getByRole } = await screen(History, runtime());
    const link = getAllByRole('link')[0] as HTMLAnchorElement;
    location.hash = link.hash;
    router.read();
    await settle();
    expect(router.place.id).toMatch(/^past-.*\?outcome=denied$/);
    getByRole('button', { name: 'Back' }).click();
    await settle();
    expect(router.place.id).toBe('?outcome=denied');
  });

  it('drops an answer that was overtaken', async () => {
    open(null);
    const made = runtime();
    const held: (() => void)[] = [];
    const call = made.call.bind(made);
    made.call = async (asked) => {
      const reply = await call(asked);
      if (asked.call === 'device' && asked.command.command === 'history' && asked.command.query.tool === 'Bash') {
        await new Promise<void>((go) => held.push(go));
      }
      return reply;
    };
    const { getByLabelText, getAllByRole } = await screen(History, made);
    await userEvent.selectOptions(getByLabelText('Tool'), 'Bash');
    await userEvent.selectOptions(getByLabelText('Tool'), '');
    await settle();
    held.forEach((go) => go());
    await settle();
    expect(getAllByRole('link').length).toBe(50);
  });
});

describe('the search', () => {
  beforeEach(() => void vi.useFakeTimers({ shouldAdvanceTime: true }));
  afterEach(() => void vi.useRealTimers());

  it('waits until typing rests', async () => {
    open(null);
    const { getByRole, runtime: made } = await screen(History, runtime());
    const typist = userEvent.setup({ advanceTimers: vi.advanceTimersByTime.bind(vi), delay: 40 });
    await typist.type(getByRole('searchbox'), 'invoice');
    expect(queries(made)).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(400);
    await settle();
    expect(queries(made).map((query) => query.text)).toEqual([null, 'invoice']);
    expect(router.place.id).toBe('?text=invoice');
  });
});
