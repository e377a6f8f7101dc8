import userEvent from '@testing-library/user-event';
import { within } from '@testing-library/svelte';
import { describe, expect, it } from 'vitest';
import { KEYS, knock } from '~/fixtures/cards';
import { withDevices } from '~/fixtures/devices';
import { agents, answers } from '~/fixtures/history';
import { ready } from '~/fixtures/snapshot';
import { FixtureRuntime } from '~/runtime/fixture';
import type { Snapshot } from '~/runtime/types';
import { router } from '~/state/router.svelte';
import { expectAccessible } from '~/test/axe';
import { screen, settle } from '~/test/render';
import Agents from './Agents.svelte';
import { KINDS } from './words';

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
  it('say what they did and what they protect against', async () => {
    const { getByRole, getByText, container } = await opened();
    expect(getByText(KINDS.hook.reach, { exact: false })).toBeTruthy();
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
    await userEvent.click(getByRole('radio', { name: 'A command or script' }));
    await settle();
    expect(getByRole('region', { name: 'Text to copy' }).textContent).toContain('agenttrust run');
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
