import userEvent from '@testing-library/user-event';
import { describe, expect, it } from 'vitest';
import { payment } from '~/fixtures/cards';
import { answers, erased, faulty, proof, record } from '~/fixtures/history';
import { busy, quiet, ready } from '~/fixtures/snapshot';
import { FixtureRuntime } from '~/runtime/fixture';
import type { RecordView } from '~/runtime/types';
import { router } from '~/state/router.svelte';
import { expectAccessible } from '~/test/axe';
import { screen, settle } from '~/test/render';
import { entries } from './moments';
import Record from './Record.svelte';

// A dialog stands in the page's main part; alone, its head is taken for the page's.
const OUTSIDE_MAIN = ['landmark-no-duplicate-banner'];

function runtime(view: RecordView = record): FixtureRuntime {
  const made = new FixtureRuntime(ready(quiet));
  made.answer = answers([], [], view);
  return made;
}

async function opened(made = runtime(), onerased: () => void = () => undefined) {
  router.go('history', 'past-0');
  return screen(Record, made, { request: 'past-0', onback: () => undefined, onerased });
}

describe('a request of the past', () => {
  it('shows what was asked, what happened, who got it when, and the output', async () => {
    const { getByRole, getByText, getAllByText, container } = await opened();
    expect(getByText('Example GmbH', { selector: 'dl *' })).toBeTruthy();
    expect(getByRole('list', { name: 'What happened' }).children).toHaveLength(record.timeline.length);
    expect(getByText('We agreed on 990.')).toBeTruthy();
    expect(getAllByText('the daemon’s word')).toHaveLength(3);
    expect(getByRole('row', { name: /^Laptop/ }).textContent).toContain('never');
    expect(getByText(/TX-20261107-0042/)).toBeTruthy();
    await expectAccessible(container);
  });

  it('shows a signed message as it was signed', async () => {
    const { getByRole, getByText, container } = await opened();
    await userEvent.click(getByRole('button', { name: /^Request signed by/ }));
    await userEvent.click(getByRole('radio', { name: 'As signed' }));
    expect(getByText(record.messages[0]?.text ?? '')).toBeTruthy();
    expect(getByRole('button', { name: 'Copy as signed' })).toBeTruthy();
    await expectAccessible(container);
  });

  it('says loudly when something does not verify, and which answer did not count', async () => {
    const { getByRole, getByText, container } = await opened(runtime(faulty));
    expect(getByRole('alert').textContent).toContain('The signature of a decision does not verify.');
    expect(getByText('Approved on Tablet; it does not count')).toBeTruthy();
    await expectAccessible(container);
  });

  it('says when there is none', async () => {
    const made = runtime();
    made.failures.set('detail', { code: 'not_found', message: 'There is no such thing here.', hint: 'Check the id.' });
    const { getByText, container } = await opened(made);
    expect(getByText('There is no such request here.')).toBeTruthy();
    await expectAccessible(container);
  });

  it('tries again when it could not be read', async () => {
    const made = runtime();
    made.failures.set('detail', { code: 'link_lost', message: 'The daemon cannot be reached.', hint: null });
    const { getByRole, getByText } = await opened(made);
    made.failures.clear();
    getByRole('button', { name: 'Try again' }).click();
    await settle();
    expect(getByText('What it asked for')).toBeTruthy();
  });
});

describe('verifying', () => {
  it('says what was checked', async () => {
    const { getByRole, getByText, container } = await opened();
    getByRole('button', { name: 'Verify' }).click();
    await settle();
    expect(getByText('Verified on this device')).toBeTruthy();
    expect(getByText('6 signatures and 4 inclusion proofs hold, in a log of 1,204 leaves.')).toBeTruthy();
    expect(getByText(proof.root)).toBeTruthy();
    expect(getByText('by this device, over this root')).toBeTruthy();
    await expectAccessible(container);
  });

  it('says loudly what failed', async () => {
    const made = runtime();
    made.failures.set('verify', { code: 'not_in_log', message: 'A message is not in the log.', hint: 'Keep the folder.' });
    const { getByRole, getByText, container } = await opened(made);
    getByRole('button', { name: 'Verify' }).click();
    await settle();
    expect(getByText('It does not verify')).toBeTruthy();
    expect(getByText('A message is not in the log.')).toBeTruthy();
    expect(getByText('Keep the folder.')).toBeTruthy();
    await expectAccessible(container);
  });

  it('does not call a lost line a forgery', async () => {
    const made = runtime();
    made.failures.set('verify', { code: 'link_lost', message: 'The daemon cannot be reached.', hint: null });
    const { getByRole, getByText, queryByText } = await opened(made);
    getByRole('button', { name: 'Verify' }).click();
    await settle();
    expect(getByText('Could not be checked')).toBeTruthy();
    expect(queryByText('It does not verify')).toBeNull();
  });
});

describe('erasing', () => {
  it('asks first, says what goes and what stays, and then erases', async () => {
    let told = 0;
    const { getByRole, getByText, runtime: made, app } = await opened(runtime(), () => (told += 1));
    getByRole('button', { name: 'Erase content' }).click();
    await settle();
    const dialog = getByRole('dialog');
    expect(dialog.textContent).toContain('the proof in the log that none of this was changed');
    expect(made.commands.some((command) => command.command === 'erase')).toBe(false);
    expect(document.activeElement?.textContent?.trim()).toBe('Cancel');
    await expectAccessible(dialog, OUTSIDE_MAIN);
    made.answer = answers([], [], erased);
    await userEvent.click(dialog.querySelector('footer button:last-child') as HTMLElement);
    await settle();
    expect(made.commands).toContainEqual({ command: 'erase', requests: ['past-0'] });
    expect(getByText('The content is erased')).toBeTruthy();
    expect(told).toBe(1);
    expect(app.notices.at(-1)?.title).toBe('Content erased');
  });

  it('stays open and says why if it fails', async () => {
    const made = runtime();
    made.failures.set('erase', { code: 'link_lost', message: 'The daemon cannot be reached.', hint: 'Wait.' });
    const { getByRole } = await opened(made);
    getByRole('button', { name: 'Erase content' }).click();
    await settle();
    await userEvent.click(getByRole('dialog').querySelector('footer button:last-child') as HTMLElement);
    await settle();
    expect(getByRole('dialog').textContent).toContain('The daemon cannot be reached.');
  });

  it('is not offered for what is not over', async () => {
    const { getByRole } = await opened(runtime({ ...record, state: 'claimed' }));
    expect((getByRole('button', { name: 'Erase content' }) as HTMLButtonElement).disabled).toBe(true);
  });
});

describe('a request that waits', () => {
  it('leads to where it can be answered', async () => {
    router.go('history', payment.id);
    const made = new FixtureRuntime(ready(busy));
    made.answer = answers([], [], { ...record, state: 'pending' });
    const props = { request: payment.id, onback: () => undefined, onerased: () => undefined };
    const { getByRole } = await screen(Record, made, props);
    getByRole('button', { name: 'Answer it' }).click();
    expect(router.place).toEqual({ name: 'request', id: payment.id });
  });
});

describe('exporting one request', () => {
  it('says where it is, and nothing if no place was chosen', async () => {
    const { getByRole, runtime: made, app } = await opened();
    getByRole('button', { name: 'Export' }).click();
    await settle();
    expect(made.calls).toContainEqual({ call: 'export', request: 'past-0' });
    expect(app.notices.at(-1)?.title).toBe('Record exported');
  });
});

describe('the timeline', () => {
  it('says of every moment who, and who says so', () => {
    const lines = entries(record.timeline);
    expect(lines.map((line) => line.title)).toEqual([
      'Asked by invoice-bot',
      'Arrived on Laptop',
      'Arrived on Phone',
      'Opened on Phone',
      'Approved with changes on Phone',
      'Taken by invoice-bot',
      'The tool ran',
    ]);
    expect(lines.map((line) => line.moment.signed)).toEqual([true, false, false, false, true, true, true]);
  });
});
