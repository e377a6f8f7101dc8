import { fireEvent, within } from '@testing-library/svelte';
import userEvent from '@testing-library/user-event';
import { tick } from 'svelte';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import * as cards from '~/fixtures/cards';
import { busy, ready } from '~/fixtures/snapshot';
import { runtimeOf, scenes } from '~/gallery/scenes';
import { App } from '~/state/app.svelte';
import { clock } from '~/state/clock.svelte';
import { router } from '~/state/router.svelte';
import AppView from '~/App.svelte';
import { render } from '@testing-library/svelte';
import type { CardView, Command } from '~/runtime/types';

const user = userEvent.setup({ advanceTimers: (delay) => vi.advanceTimersByTime(delay) });

async function pass(milliseconds: number) {
  await vi.advanceTimersByTimeAsync(milliseconds);
  await tick();
}

/** A request in the app, long enough on the screen to be answered. */
async function opened(card: CardView) {
  const runtime = runtimeOf({ stage: ready({ ...busy, agents: [], cards: [card] }), at: '' });
  location.hash = `#/request/${card.id}`;
  router.read();
  render(AppView, { props: { app: new App(runtime) } });
  await pass(600);
  const page = within(document.querySelector('article') as HTMLElement);
  const answers = () =>
    runtime.commands.filter((one): one is Command => ['approve', 'deny', 'agree'].includes(one.command));
  return { runtime, page, answers };
}

beforeEach(() => {
  vi.useFakeTimers({ now: cards.NOW * 1000, shouldAdvanceTime: true });
  clock.read();
});

afterEach(() => vi.useRealTimers());

describe('answering a request', () => {
  it('approves exactly what is on the screen', async () => {
    const { page, answers, runtime } = await opened(cards.payment);
    expect(runtime.commands[0]).toEqual({ command: 'opened', card: cards.payment.id });
    await user.click(page.getByRole('button', { name: 'Approve' }));
    expect(answers()).toEqual([
      {
        command: 'approve',
        card: cards.payment.id,
        shown: cards.payment.shown,
        edit: null,
        note: null,
        uv: 'presence',
        unfolded: false,
      },
    ]);
  });

  it('has the focus on Deny, and sends the words along', async () => {
    const { page, answers } = await opened(cards.payment);
    expect(document.activeElement).toBe(page.getByRole('button', { name: 'Deny' }));
    await user.click(page.getByRole('button', { name: 'Say why' }));
    await user.keyboard('Wrong amount{Enter}');
    expect(answers()).toEqual([]);
    await user.click(page.getByRole('button', { name: 'Deny' }));
    expect(answers()).toEqual([
      { command: 'deny', card: cards.payment.id, shown: cards.payment.shown, note: 'Wrong amount' },
    ]);
  });

  it('denies on d, but not while something is typed', async () => {
    const { page, answers } = await opened(cards.payment);
    await user.click(page.getByRole('button', { name: 'Say why' }));
    await user.keyboard('d');
    expect(answers()).toEqual([]);
    (document.activeElement as HTMLElement).blur();
    await user.keyboard('d');
    await user.keyboard('d');
    expect(answers()).toHaveLength(1);
  });

  it('tells why the device refused, and can be tried again', async () => {
    const { page, runtime, answers } = await opened(cards.payment);
    runtime.failures.set('approve', { code: 'conflict', message: 'It has changed.', hint: 'Look at it again.' });
    await user.click(page.getByRole('button', { name: 'Approve' }));
    await pass(50);
    expect(page.getByRole('alert').textContent).toContain('It has changed.');
    runtime.failures.clear();
    await pass(600);
    await user.click(page.getByRole('button', { name: 'Approve' }));
    expect(answers()).toHaveLength(2);
  });

  it('cannot be answered once its time is over, though nobody said so', async () => {
    const { page } = await opened(cards.command);
    const left = cards.command.display.deadline * 1000 - Date.now();
    await pass(left + 1100);
    expect(page.queryByRole('button', { name: 'Approve' })).toBeNull();
    expect(page.getByRole('heading', { name: 'Nobody answered' })).toBeTruthy();
  });

  it('cannot be answered once another device did', async () => {
    const { page, runtime } = await opened(cards.payment);
    const phase = { phase: 'answered_elsewhere' as const, by: ['Phone'], step: 'approved' as const };
    runtime.tell({ news: 'device', event: { event: 'card_step', card: cards.payment.id, phase } });
    await tick();
    expect(page.queryByRole('button', { name: 'Approve' })).toBeNull();
    expect(page.getByRole('heading', { name: 'Answered on Phone' })).toBeTruthy();
  });

  it('rests anew when the card is another one under the same name', async () => {
    const { page, runtime } = await opened(cards.payment);
    const card = { ...cards.payment, shown: 'something else' };
    runtime.tell({ news: 'device', event: { event: 'card_changed', card } });
    await tick();
    expect((page.getByRole('button', { name: 'Approve' }) as HTMLButtonElement).disabled).toBe(true);
    await pass(600);
    expect((page.getByRole('button', { name: 'Approve' }) as HTMLButtonElement).disabled).toBe(false);
  });

  it('wants everything opened first at high risk, and says that it was', async () => {
    const { page, answers } = await opened(cards.longText);
    const approve = () => page.getByRole('button', { name: 'Approve' }) as HTMLButtonElement;
    expect(approve().disabled).toBe(true);
    expect(page.getByText('Open the 2 folded texts first.')).toBeTruthy();
    for (const fold of page.getAllByRole('button', { name: /more characters/ })) await user.click(fold);
    await pass(600);
    await user.click(approve());
    expect(answers()[0]).toMatchObject({ command: 'approve', unfolded: true });
  });

  it('opens arguments that are folded away, and waits for nobody at low risk', async () => {
    const { page, answers } = await opened(cards.manyArguments);
    await user.click(page.getByRole('button', { name: '24 more arguments' }));
    expect(page.getByText('entry_64')).toBeTruthy();
    await user.click(page.getByRole('button', { name: 'Approve' }));
    expect(answers()[0]).toMatchObject({ unfolded: true });
  });

  it('agrees with another device’s change', async () => {
    const { page, answers } = await opened(cards.changed);
    expect(page.queryByRole('button', { name: 'Edit' })).toBeNull();
    await user.click(page.getByRole('button', { name: 'Agree' }));
    expect(answers()).toEqual([
      {
        command: 'agree',
        card: cards.changed.id,
        shown: cards.change.shown,
        first: cards.change.first,
        uv: 'presence',
      },
    ]);
  });

  it('cannot approve what is blocked or needs a verified person', async () => {
    const first = await opened(cards.needsVerification);
    expect((first.page.getByRole('button', { name: 'Approve' }) as HTMLButtonElement).disabled).toBe(true);
    expect((first.page.getByRole('button', { name: 'Deny' }) as HTMLButtonElement).disabled).toBe(false);
  });

  it('says why it is blocked, and what to do', async () => {
    const { page, answers } = await opened(cards.blocked);
    expect(page.getByText('Set the clock, then try again.')).toBeTruthy();
    await user.keyboard('d');
    expect(answers()).toEqual([]);
  });
});

describe('editing a request', () => {
  it('approves the edit that was previewed, as it was shown', async () => {
    const { page, answers } = await opened(cards.payment);
    await user.keyboard('e');
    await user.clear(page.getByLabelText('amount'));
    await user.type(page.getByLabelText('amount'), '990.00');
    const approve = () => page.getByRole('button', { name: 'Approve with changes' }) as HTMLButtonElement;
    expect(approve().disabled).toBe(true);
    await pass(900);
    expect(page.getByRole('list', { name: 'Your changes' }).textContent).toContain('990.00');
    await user.click(approve());
    expect(answers()).toEqual([
      {
        command: 'approve',
        card: cards.payment.id,
        shown: `${cards.payment.shown}-edited`,
        edit: { fields: { '/amount': '990.00' } },
        note: null,
        uv: 'presence',
        unfolded: false,
      },
    ]);
  });

  it('goes on showing the change once it is approved', async () => {
    const { page, runtime } = await opened(cards.payment);
    await user.keyboard('e');
    await user.clear(page.getByLabelText('amount'));
    await user.type(page.getByLabelText('amount'), '990.00');
    await pass(900);
    await user.click(page.getByRole('button', { name: 'Approve with changes' }));
    const phase = { phase: 'answered_here', verdict: 'modify', step: 'stored' } as const;
    runtime.tell({ news: 'device', event: { event: 'card_step', card: cards.payment.id, phase } });
    await pass(50);
    expect(page.queryByRole('button', { name: 'Approve with changes' })).toBeNull();
    expect(page.getByText('Would run, as changed')).toBeTruthy();
  });

  it('tells at the field what is wrong, and approves nothing of it', async () => {
    const { page, answers } = await opened(cards.payment);
    await user.click(page.getByRole('button', { name: 'Edit' }));
    await user.clear(page.getByLabelText('amount'));
    await user.type(page.getByLabelText('amount'), 'twelve');
    await pass(900);
    const field = page.getByLabelText('amount');
    expect(field.getAttribute('aria-invalid')).toBe('true');
    const error = document.getElementById(field.getAttribute('aria-describedby') ?? '');
    expect(error?.textContent).toBe('This must be a number, such as 12 or 9.50.');
    await fireEvent.click(page.getByRole('button', { name: 'Approve with changes' }));
    expect(answers()).toEqual([]);
  });

  it('goes back to the agent’s own call when it is discarded', async () => {
    const { page, answers } = await opened(cards.payment);
    await user.click(page.getByRole('button', { name: 'Edit' }));
    await user.type(page.getByLabelText('payee'), ' Ltd');
    await pass(900);
    await user.click(page.getByRole('button', { name: 'Discard' }));
    await pass(600);
    await user.click(page.getByRole('button', { name: 'Approve' }));
    expect(answers()[0]).toMatchObject({ shown: cards.payment.shown, edit: null });
  });

  it('edits all arguments as JSON', async () => {
    const { page, runtime } = await opened(cards.payment);
    await user.click(page.getByRole('button', { name: 'Edit' }));
    await user.click(page.getByLabelText('JSON'));
    const text = page.getByLabelText('All arguments, as JSON');
    expect((text as HTMLTextAreaElement).value).toBe(cards.payment.json);
    await fireEvent.input(text, { target: { value: '{"payee": "Example GmbH"}' } });
    await pass(400);
    expect(runtime.commands.at(-1)).toMatchObject({ command: 'preview', edit: { json: '{"payee": "Example GmbH"}' } });
  });

  it('offers no field for a value that would hide something', async () => {
    const hidden: CardView = {
      ...cards.payment,
      fields: [{ path: '/payee', name: 'payee', kind: 'text', value: 'Example\u202e GmbH' }],
    };
    const { page } = await opened(hidden);
    await user.click(page.getByRole('button', { name: 'Edit' }));
    expect(page.queryByLabelText('payee')).toBeNull();
    expect(page.getByText(/a field would hide/)).toBeTruthy();
  });
});

it('has a scene for every phase', () => {
  const scened = Object.keys(scenes).filter((name) => name.startsWith('phase-'));
  expect(scened).toHaveLength(cards.phases.length);
});

it('shows the first steps from the answer itself, and goes on with events', async () => {
  const { page, runtime } = await opened(cards.payment);
  runtime.answer = (command) =>
    command.command === 'approve' ? { done: 'answered', decision: 'd', stored: null } : undefined;
  await user.click(page.getByRole('button', { name: 'Approve' }));
  await pass(50);
  expect(page.getByText(/Signed here\. It is handed over/)).toBeTruthy();
  expect(document.activeElement).toBe(page.getByRole('heading', { name: 'Approved' }));
  const phase = { phase: 'answered_here' as const, verdict: 'approve' as const, step: 'executed' as const };
  runtime.tell({ news: 'device', event: { event: 'card_closed', card: cards.payment.id, phase, code: null } });
  await tick();
  expect(page.getByText('Done. The tool ran.')).toBeTruthy();
});

it('cannot answer what it does not know to be open', async () => {
  const unsure = cards.inPhase(cards.payment, 'unsure-payment', { phase: 'unsure' });
  const { page, answers } = await opened(unsure);
  expect((page.getByRole('button', { name: 'Approve' }) as HTMLButtonElement).disabled).toBe(true);
  await user.keyboard('d');
  expect(answers()).toEqual([]);
  expect(document.activeElement?.tagName).toBe('H1');
});
