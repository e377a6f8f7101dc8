import userEvent from '@testing-library/user-event';
import { within } from '@testing-library/svelte';
import { describe, expect, it } from 'vitest';
import { gates, KEYS, knock } from '~/fixtures/cards';
import { withDevices } from '~/fixtures/devices';
import { agents, answers, items, sessions } from '~/fixtures/history';
import { ready } from '~/fixtures/snapshot';
import { FixtureRuntime } from '~/runtime/fixture';
import type { SessionList, Snapshot } from '~/runtime/types';
import { router } from '~/state/router.svelte';
import { expectAccessible } from '~/test/axe';
import { screen, settle } from '~/test/render';
import Agents from './Agents.svelte';

// A dialog stands in the page's main part; alone, its head is taken for the page's.
const OUTSIDE_MAIN = ['landmark-no-duplicate-banner'];

const snapshot = withDevices();

async function opened(more: Partial<Snapshot> = {}, known = agents) {
  router.go('agents');
  const runtime = new FixtureRuntime(ready({ ...snapshot, ...more }));
  runtime.answer = answers([], known);
  return screen(Agents, runtime);
}

describe('the agents', () => {
  it('say what they are and how much they asked', async () => {
    const { getByRole, getByText, container } = await opened();
    expect(getByText('Hook of Claude Code')).toBeTruthy();
    expect(getByText('Gateway in front of a tool server')).toBeTruthy();
    const link = getByRole('link', { name: '1,342 requests' }) as HTMLAnchorElement;
    expect(decodeURIComponent(link.hash)).toBe(`#/history/?agent=${KEYS.invoice}`);
    expect(getByText('Revoked')).toBeTruthy();
    expect(getByText('Refused')).toBeTruthy();
    await expectAccessible(container);
  });

  it('are paused and let go on', async () => {
    const view = await opened();
    const [first] = view.getAllByRole('button', { name: 'Pause' });
    first?.click();
    await settle();
    expect(view.runtime.commands).toContainEqual({ command: 'pause', agent: KEYS.invoice });
    const trust = { ...snapshot.trust, paused: [KEYS.invoice] };
    view.runtime.tell({ news: 'device', event: { event: 'trust_changed', trust } });
    await settle();
    expect(view.getByText('Paused')).toBeTruthy();
    view.getByRole('button', { name: 'Let it go on' }).click();
    await settle();
    expect(view.runtime.commands).toContainEqual({ command: 'resume', agent: KEYS.invoice });
  });

  it('are let go on by admins alone', async () => {
    const trust = { ...snapshot.trust, paused: [KEYS.invoice] };
    const me = snapshot.me && { ...snapshot.me, roles: ['approver'] };
    const { getByRole } = await opened({ me, trust });
    expect((getByRole('button', { name: 'Let it go on' }) as HTMLButtonElement).disabled).toBe(true);
  });

  it('are revoked only after a question', async () => {
    const { getByRole, runtime } = await opened();
    await userEvent.click(getByRole('button', { name: 'More for invoice-bot' }));
    await userEvent.click(getByRole('menuitem', { name: /Revoke/ }));
    const dialog = getByRole('dialog', { name: 'Revoke this agent for good?' });
    expect(dialog.textContent).toContain('cannot ask for anything any more, ever');
    expect(runtime.commands.some((command) => command.command === 'revoke_agent')).toBe(false);
    await expectAccessible(dialog, OUTSIDE_MAIN);
    await userEvent.click(within(dialog).getByRole('button', { name: 'Revoke' }));
    expect(runtime.commands).toContainEqual({ command: 'revoke_agent', agent: KEYS.invoice });
    expect(runtime.commands.at(-1), 'it is looked at again').toEqual({ command: 'agents' });
  });

  it('that ask to be known lead to the inbox', async () => {
    const { getByRole } = await opened({ agents: [knock] });
    expect(getByRole('link', { name: /research-agent asks to be known/ }).getAttribute('href')).toBe('#/inbox');
  });

  it('that the daemon lies about are marked', async () => {
    const fault = { code: 'bad_signature', message: 'The certificate does not verify.', hint: null };
    const [one] = agents;
    const { getByText } = await opened({}, one ? [{ ...one, fault, program: null, kind: null }] : []);
    expect(getByText('The certificate does not verify.')).toBeTruthy();
  });

  it('can be added where there is none', async () => {
    const { getByText, getAllByRole, getByRole, container, runtime } = await opened({}, []);
    expect(getByText('No agent asks you yet')).toBeTruthy();
    await expectAccessible(container);
    getAllByRole('button', { name: 'Add an agent' })[0]?.click();
    await settle();
    expect(runtime.calls).toContainEqual({ call: 'setup', client: 'claude_code' });
    const steps = () => getByRole('list', { name: 'What to type, one after the other' }).textContent;
    expect(steps()).toMatch(/agenttrust install claude-code.*agenttrust doctor claude-code/);
    expect(getByRole('dialog').textContent).toContain('byte for byte');
    await userEvent.click(getByRole('radio', { name: 'A command or script' }));
    await settle();
    expect(steps()).toContain('agenttrust run');
    await expectAccessible(getByRole('dialog'), OUTSIDE_MAIN);
  });

  it('that cannot be read are read again', async () => {
    router.go('agents');
    const runtime = new FixtureRuntime(ready(snapshot));
    runtime.answer = answers([], agents);
    runtime.failures.set('agents', { code: 'link_lost', message: 'The daemon cannot be reached.', hint: 'Wait.' });
    const { getByRole, getAllByRole, container } = await screen(Agents, runtime);
    await expectAccessible(container);
    runtime.failures.clear();
    getByRole('button', { name: 'Try again' }).click();
    await settle();
    expect(getAllByRole('button', { name: 'Pause' })).toHaveLength(3);
  });
});

describe('one agent', () => {
  async function alone(more: Partial<SessionList> = {}, all = items(12)) {
    router.go('agents', KEYS.coder);
    const runtime = new FixtureRuntime(ready(snapshot));
    runtime.answer = answers(all, agents, undefined, { ...sessions, ...more });
    const view = await screen(Agents, runtime);
    // What stands on the page asks once the page is there.
    await settle();
    return view;
  }

  it('shows what you asked it to do, in your words, where and when', async () => {
    const { getByRole, getByText, getAllByText, container, runtime } = await alone();
    expect(runtime.commands).toContainEqual({ command: 'sessions', agent: KEYS.coder, before: null, limit: 20 });
    expect(getByRole('heading', { level: 1 }).textContent).toBe('coding-agent');
    expect(getAllByText('You asked:')).toHaveLength(2);
    expect(getByText('The last test still fails in CI. Find out why, and fix it.')).toBeTruthy();
    expect(getAllByText('/home/owner/projects/webshop')).toHaveLength(1);
    const link = getByRole('link', { name: '18 requests' }) as HTMLAnchorElement;
    expect(decodeURIComponent(link.hash)).toBe(`#/history/?agent=${KEYS.coder}&session=${sessions.sessions[0]?.sid}`);
    expect(getByText('It passed on no words of yours.')).toBeTruthy();
    expect(getByText(/What you said is erased/)).toBeTruthy();
    expect(getByText(gates.hook.reach, { exact: false })).toBeTruthy();
    await expectAccessible(container);
  });

  it('shows what it did, by outcome and last', async () => {
    const { getByRole } = await alone();
    const counts = getByRole('list', { name: 'By outcome' });
    expect(counts.textContent).toMatch(/Ran.*Denied/);
    const denied = within(counts).getByRole('link', { name: /Denied/ }) as HTMLAnchorElement;
    expect(decodeURIComponent(denied.hash)).toContain(`agent=${KEYS.coder}&outcome=denied`);
    expect(within(getByRole('list', { name: 'Its last actions' })).getAllByRole('link').length).toBeGreaterThan(0);
  });

  it('says loudly what does not verify', async () => {
    const fault = { code: 'bad_signature', message: 'The signature does not match the message.', hint: null };
    const { getByText, queryByText, container } = await alone({ fault, sessions: [] });
    expect(getByText('Some of what the daemon says does not verify, and is left out')).toBeTruthy();
    expect(getByText(fault.message)).toBeTruthy();
    expect(queryByText(/Nothing yet/)).toBeNull();
    await expectAccessible(container);
  });

  it('has done nothing yet', async () => {
    const { getByText, container } = await alone({ sessions: [] }, []);
    expect(getByText('It has not asked for anything yet.')).toBeTruthy();
    expect(getByText(/Once it works for you/)).toBeTruthy();
    await expectAccessible(container);
  });

  it('shows a few sessions, and the rest when they are wanted', async () => {
    const many = Array.from({ length: 5 }, (_, at) => ({ ...sessions.sessions[1], sid: `sid-${at}` })) as SessionList['sessions'];
    const { getByRole, getAllByText, queryByRole, runtime } = await alone({ sessions: many });
    expect(getAllByText('It passed on no words of yours.')).toHaveLength(3);
    const asked = runtime.commands.length;
    getByRole('button', { name: 'Show earlier ones' }).click();
    await settle();
    expect(getAllByText('It passed on no words of yours.')).toHaveLength(5);
    expect(runtime.commands, 'they were there already').toHaveLength(asked);
    expect(queryByRole('button', { name: 'Show earlier ones' })).toBeNull();
  });

  it('goes on with earlier sessions, and joins what two pages tell of one', async () => {
    const { getByRole, getAllByText, runtime } = await alone({ next: 7 });
    const first = sessions.sessions[0];
    const earlier = { ...first, turns: [{ ...first?.turns[0], session: 'earlier' }] } as SessionList['sessions'][number];
    runtime.answer = answers([], agents, undefined, { sessions: [earlier], next: null, fault: null });
    getByRole('button', { name: 'Show earlier ones' }).click();
    await settle();
    expect(runtime.commands.at(-1)).toMatchObject({ command: 'sessions', before: 7 });
    expect(getAllByText('You asked:')).toHaveLength(3);
    expect(getAllByText('/home/owner/projects/webshop')).toHaveLength(1);
  });
});
