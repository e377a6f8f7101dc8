import userEvent from '@testing-library/user-event';
import { describe, expect, it } from 'vitest';
import { card, hash, knock } from '~/fixtures/cards';
import { keyStoreLocked, unpaired, withDevices } from '~/fixtures/devices';
import { ready } from '~/fixtures/snapshot';
import { item, line, shown } from '~/fixtures/text';
import { FixtureRuntime } from '~/runtime/fixture';
import type { Stage } from '~/runtime/types';
import { router } from '~/state/router.svelte';
import { expectAccessible } from '~/test/axe';
import { screen, settle } from '~/test/render';
import FirstRun from './FirstRun.svelte';

const snapshot = withDevices();
const hello = card({
  id: 'hello',
  agent: 'try-out',
  tool: 'say_hello',
  server: null,
  items: [item('command', 'command', shown.text(line('echo Hello!')))],
});

async function opened(stage: Stage) {
  const runtime = new FixtureRuntime(stage);
  runtime.settings = { ...runtime.settings, welcomed: false };
  const view = await screen(FirstRun, runtime);
  const enter = async (next: Stage) => {
    runtime.stage = next;
    runtime.tell({ news: 'stage', stage: next });
    await settle();
  };
  return { ...view, enter };
}

async function atPairing(stage: Stage = unpaired()) {
  const view = await opened(stage);
  await userEvent.click(view.getByRole('button', { name: 'Set up this computer' }));
  return view;
}

async function atTryOut(more: Partial<typeof snapshot> = {}) {
  const view = await opened(ready({ ...snapshot, ...more }));
  await userEvent.click(view.getByRole('button', { name: 'Next' }));
  return view;
}

/** What a call does on the way: the stages it goes through. */
function through(view: Awaited<ReturnType<typeof opened>>, call: string, stages: Stage[], fails = false): void {
  const usual = view.runtime.call.bind(view.runtime);
  view.runtime.call = async (asked) => {
    if (asked.call !== call) return usual(asked);
    view.runtime.calls.push(asked);
    for (const stage of stages) await view.enter(stage);
    if (fails) throw { code: 'daemon_down', message: 'The daemon could not be started.', hint: 'Run `agenttrust doctor`.' };
    return { reply: 'ok' };
  };
}

describe('the first page', () => {
  it('says what this is and keeps nobody out', async () => {
    const { container, getByRole } = await opened(unpaired());
    expect(getByRole('heading', { level: 1 }).textContent).toBe('Agents ask you before they act');
    expect(getByRole('img', { name: /only what you approve/ })).toBeTruthy();
    await expectAccessible(container);
  });
});

describe('making this computer a device', () => {
  it('takes what is proposed, and goes on to the agents', async () => {
    const view = await atPairing();
    expect(document.activeElement?.tagName).toBe('H1');
    await expectAccessible(view.container);
    through(view, 'pair_here', [{ stage: 'joining', digits: null }, ready(snapshot)]);
    await userEvent.click(view.getByRole('button', { name: 'Make it a device' }));
    await settle();
    expect(view.runtime.calls).toContainEqual({ call: 'pair_here', name: 'laptop', owner: 'owner', keys: 'platform' });
    expect(view.getByText('Put it in front of an agent')).toBeTruthy();
    await expectAccessible(view.container);
  });

  it('shows that it is under way', async () => {
    const view = await opened({ stage: 'joining', digits: null });
    expect(view.getByText('This computer becomes a device')).toBeTruthy();
    await expectAccessible(view.container);
    await userEvent.click(view.getByRole('button', { name: 'Cancel' }));
    expect(view.runtime.calls).toContainEqual({ call: 'cancel_join' });
  });

  it('comes back with what went wrong, what to do, and all that was typed', async () => {
    const view = await atPairing();
    await userEvent.clear(view.getByLabelText('Name of this device'));
    await userEvent.type(view.getByLabelText('Name of this device'), 'Desk');
    through(view, 'pair_here', [{ stage: 'joining', digits: null }, unpaired()], true);
    await userEvent.click(view.getByRole('button', { name: 'Make it a device' }));
    await settle();
    expect(view.getByText('The daemon could not be started.')).toBeTruthy();
    expect(view.getByText('Run `agenttrust doctor`.')).toBeTruthy();
    expect((view.getByLabelText('Name of this device') as HTMLInputElement).value).toBe('Desk');
    await expectAccessible(view.container);
  });

  it('asks for names', async () => {
    const view = await atPairing();
    await userEvent.clear(view.getByLabelText('Name of this device'));
    await userEvent.clear(view.getByLabelText('Whose it is'));
    await userEvent.click(view.getByRole('button', { name: 'Make it a device' }));
    expect(view.getByText('A device needs a name.')).toBeTruthy();
    expect(view.getByText('Write whose device it is.')).toBeTruthy();
    expect(view.runtime.calls.some((call) => call.call === 'pair_here')).toBe(false);
  });

  it('puts a key into a file only after a loud warning was accepted', async () => {
    const view = await atPairing(unpaired({ daemon: 'down' }, keyStoreLocked));
    expect(view.getByText(keyStoreLocked.message)).toBeTruthy();
    expect(view.getByText(keyStoreLocked.hint ?? '')).toBeTruthy();
    expect((view.getByRole('radio', { name: /System key store/ }) as HTMLInputElement).disabled).toBe(true);
    expect(view.getByRole('alert').textContent).toContain('Any program you run can read this key');
    await expectAccessible(view.container);
    await userEvent.click(view.getByRole('button', { name: 'Make it a device' }));
    expect(view.runtime.calls.some((call) => call.call === 'pair_here')).toBe(false);
    await userEvent.click(view.getByLabelText(/I understand/));
    await userEvent.click(view.getByRole('button', { name: 'Make it a device' }));
    expect(view.runtime.calls).toContainEqual({ call: 'pair_here', name: 'laptop', owner: 'owner', keys: 'file' });
  });

  it('uses the key store once it is open', async () => {
    const view = await atPairing(unpaired({ daemon: 'down' }, keyStoreLocked));
    view.runtime.stage = unpaired();
    await userEvent.click(view.getByRole('button', { name: 'Check again' }));
    await settle();
    expect(view.runtime.calls).toContainEqual({ call: 'retry' });
    expect((view.getByRole('radio', { name: /System key store/ }) as HTMLInputElement).checked).toBe(true);
  });
});

describe('joining another device', () => {
  it('takes its code and shows digits to type there', async () => {
    const view = await atPairing();
    await userEvent.click(view.getByRole('radio', { name: /on another device/ }));
    await userEvent.click(view.getByRole('button', { name: 'Join' }));
    expect(view.getByText('Paste the code that the other device shows.')).toBeTruthy();
    await expectAccessible(view.container);
    await userEvent.type(view.getByLabelText('The code of the other device'), ' agenttrust-pair:1:k7f2 ');
    through(view, 'join', [
      { stage: 'joining', digits: null },
      { stage: 'joining', digits: '482913' },
    ]);
    await userEvent.click(view.getByRole('button', { name: 'Join' }));
    await settle();
    expect(view.runtime.calls).toContainEqual({
      call: 'join',
      ticket: 'agenttrust-pair:1:k7f2',
      name: 'laptop',
      keys: 'platform',
    });
    expect(view.getByRole('img', { name: /4 8 2 9 1 3/ })).toBeTruthy();
    await expectAccessible(view.container);
    await view.enter({ stage: 'joining', digits: null });
    expect(view.getByText('The digits were typed')).toBeTruthy();
    await view.enter(ready(snapshot));
    expect(view.getByText('Put it in front of an agent')).toBeTruthy();
  });

  it('is the only way where there are devices already', async () => {
    const view = await atPairing(unpaired({ daemon: 'running', paired: true }));
    expect((view.getByRole('radio', { name: /my first device/ }) as HTMLInputElement).disabled).toBe(true);
    expect(view.getByLabelText('The code of the other device')).toBeTruthy();
  });
});

describe('trying it out', () => {
  it('goes from the enrolment over the card to the result', async () => {
    const view = await atTryOut();
    await expectAccessible(view.container);
    await userEvent.click(view.getByRole('button', { name: 'Send a try-out request' }));
    expect(view.runtime.calls).toContainEqual({ call: 'try_out' });
    view.runtime.tell({ news: 'device', event: { event: 'agent_asked', agent: { ...knock, name: line('try-out') } } });
    await settle();
    expect(view.getByRole('form', { name: 'A new agent asks to be known' })).toBeTruthy();
    await expectAccessible(view.container);
    await userEvent.click(view.getByRole('button', { name: 'Accept' }));
    view.runtime.tell({ news: 'device', event: { event: 'agent_answered', enroll: knock.enroll } });
    view.runtime.tell({ news: 'device', event: { event: 'card_added', card: hello } });
    await settle();
    const link = view.getByRole('link', { name: /Look and answer/ });
    expect(link.getAttribute('href')).toBe(`#/request/${hash('hello')}`);
    expect(document.activeElement).toBe(link);
    await expectAccessible(view.container);
    view.runtime.tell({
      news: 'device',
      event: { event: 'card_step', card: hello.id, phase: { phase: 'answered_here', verdict: 'approve', step: 'approved' } },
    });
    await settle();
    expect(view.getByText(/Waiting for the agent to take it/)).toBeTruthy();
    view.runtime.tell({ news: 'tried_out', ran: true, words: 'Hello! This ran because you approved it.' });
    await settle();
    expect(view.getByText('Hello! This ran because you approved it.')).toBeTruthy();
    await expectAccessible(view.container);
    await userEvent.click(view.getByRole('button', { name: 'Next' }));
    expect(view.getByText('You are all set')).toBeTruthy();
  });

  it('says why it did not run, and can be tried again', async () => {
    const view = await atTryOut();
    await userEvent.click(view.getByRole('button', { name: 'Send a try-out request' }));
    view.runtime.tell({ news: 'tried_out', ran: false, words: 'The request was denied.' });
    await settle();
    expect(view.getByText('The request was denied.')).toBeTruthy();
    await userEvent.click(view.getByRole('button', { name: 'Try again' }));
    expect(view.runtime.calls.filter((call) => call.call === 'try_out')).toHaveLength(2);
    expect(view.queryByText('The request was denied.')).toBeNull();
  });

  it('says when it cannot be sent', async () => {
    const view = await atTryOut();
    view.runtime.failures.set('try_out', { code: 'no_program', message: 'It is not installed.', hint: 'Install it.' });
    await userEvent.click(view.getByRole('button', { name: 'Send a try-out request' }));
    await settle();
    expect(view.getByText('It is not installed.')).toBeTruthy();
    expect(view.getByRole('button', { name: 'Send a try-out request' })).toBeTruthy();
  });

  it('goes on where it was after a look at the request', async () => {
    const view = await atTryOut();
    await userEvent.click(view.getByRole('button', { name: 'Send a try-out request' }));
    view.unmount();
    const { flowOf } = await import('./flow.svelte');
    expect(flowOf(view.app).page).toBe('try');
    expect(flowOf(view.app).isTrying).toBe(true);
  });
});

describe('the end', () => {
  it('is remembered, and leads to the inbox or to another device', async () => {
    const view = await atTryOut();
    await userEvent.click(view.getByRole('button', { name: 'Skip for now' }));
    await expectAccessible(view.container);
    await userEvent.click(view.getByRole('radio', { name: 'Off' }));
    expect(view.runtime.settings).toMatchObject({ notifications: 'off', welcomed: false });
    await userEvent.click(view.getByRole('button', { name: 'Add a device' }));
    await settle();
    expect(view.runtime.settings).toMatchObject({ notifications: 'off', welcomed: true });
    expect(router.place).toEqual({ name: 'devices', id: 'add' });
  });

  it('can be gone back from', async () => {
    const view = await atTryOut();
    await userEvent.click(view.getByRole('button', { name: 'Back' }));
    expect(view.getByText('Put it in front of an agent')).toBeTruthy();
    expect(view.queryByRole('button', { name: 'Back' })).toBeNull();
  });
});
