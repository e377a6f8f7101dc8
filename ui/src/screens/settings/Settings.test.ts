import userEvent from '@testing-library/user-event';
import { within } from '@testing-library/svelte';
import { describe, expect, it } from 'vitest';
import { withDevices } from '~/fixtures/devices';
import { ready } from '~/fixtures/snapshot';
import { FixtureRuntime } from '~/runtime/fixture';
import type { DaemonView, Snapshot } from '~/runtime/types';
import { expectAccessible } from '~/test/axe';
import { screen, settle } from '~/test/render';
import { daemonWords } from './daemon';
import Settings from './Settings.svelte';

// A dialog stands in the page's main part; alone, its head is taken for the page's.
const OUTSIDE_MAIN = ['landmark-no-duplicate-banner'];

async function opened(more: Partial<Snapshot> = {}, daemon: DaemonView = { daemon: 'running', paired: true }) {
  const runtime = new FixtureRuntime({ ...ready({ ...withDevices(), ...more }), daemon } as ReturnType<typeof ready>);
  return screen(Settings, runtime);
}

describe('the settings', () => {
  it('keep nobody out', async () => {
    const { container, getByText } = await opened();
    expect(getByText('1,204 entries, verified here')).toBeTruthy();
    await expectAccessible(container);
  });

  it('are kept one at a time, with the others as they were', async () => {
    const { getByRole, getByText, runtime } = await opened();
    await userEvent.click(getByRole('radio', { name: 'With content' }));
    expect(runtime.settings).toMatchObject({ notifications: 'full', theme: 'system', welcomed: true });
    expect(getByText(/Whoever sees the screen/)).toBeTruthy();
    await userEvent.click(getByRole('radio', { name: 'Dark' }));
    expect(runtime.settings).toMatchObject({ notifications: 'full', theme: 'dark' });
    expect(document.documentElement.dataset.theme).toBe('dark');
    await userEvent.click(getByRole('radio', { name: 'System' }));
  });

  it('show what holds when the system refuses', async () => {
    const { getByRole, runtime, app } = await opened();
    runtime.failures.set('set_settings', { code: 'internal', message: 'It cannot be started.', hint: null });
    const toggle = getByRole('switch', { name: 'Start with my session' }) as HTMLInputElement;
    await userEvent.click(toggle);
    await settle();
    expect(toggle.checked).toBe(false);
    expect(app.notices.at(-1)?.title).toBe('It cannot be started.');
  });

  it('say which versions run here', async () => {
    const { getByText } = await opened();
    expect(getByText('App').nextElementSibling?.textContent).toBe('0.1.0');
    expect(getByText('Protocol').nextElementSibling?.textContent).toBe('agenttrust/1');
  });

  it('export the whole history', async () => {
    const { getByRole, runtime } = await opened();
    await userEvent.click(getByRole('button', { name: 'Export the whole history' }));
    expect(runtime.calls).toContainEqual({ call: 'export', request: null });
  });
});

describe('the kill switch', () => {
  it('asks first, and is lifted without a question', async () => {
    const view = await opened();
    await userEvent.click(view.getByRole('button', { name: 'Pause everything' }));
    const dialog = view.getByRole('dialog', { name: 'Pause everything?' });
    expect(view.runtime.commands).toEqual([]);
    await expectAccessible(dialog, OUTSIDE_MAIN);
    await userEvent.click(within(dialog).getByRole('button', { name: 'Pause everything' }));
    expect(view.runtime.commands).toEqual([{ command: 'pause_all' }]);
    const trust = { ...withDevices().trust, paused_all: true };
    view.runtime.tell({ news: 'device', event: { event: 'trust_changed', trust } });
    await settle();
    expect(view.getByText('Everything is paused', { selector: 'h2' })).toBeTruthy();
    await userEvent.click(view.getByRole('button', { name: 'Let agents go on' }));
    expect(view.runtime.commands.at(-1)).toEqual({ command: 'resume', agent: null });
  });

  it('needs the line', async () => {
    const { getByRole, container } = await opened({ connection: { line: 'lost', code: 'link_lost' } });
    expect((getByRole('button', { name: 'Pause everything' }) as HTMLButtonElement).disabled).toBe(true);
    await expectAccessible(container);
  });
});

describe('the daemon', () => {
  it('is started, and what went wrong is said with what to do', async () => {
    const { getByRole, getByText, runtime } = await opened({}, { daemon: 'down' });
    runtime.failures.set('start_daemon', { code: 'no_program', message: 'It is not installed.', hint: 'Install it.' });
    await userEvent.click(getByRole('button', { name: 'Start it' }));
    await settle();
    expect(getByText('It is not installed.')).toBeTruthy();
    expect(getByText('Install it.')).toBeTruthy();
  });

  it('has words for every way it can be', () => {
    const views: DaemonView[] = [
      { daemon: 'running', paired: true },
      { daemon: 'other_version', version: '0.9.2', older: true },
      { daemon: 'other_version', version: '9.0.0', older: false },
      { daemon: 'down' },
      { daemon: 'foreign', why: { code: 'store_foreign', message: 'It has another trust domain.' } },
      { daemon: 'elsewhere' },
    ];
    expect(new Set(views.map((view) => daemonWords(view).word)).size).toBe(views.length);
    expect(daemonWords({ daemon: 'down' }).action).toBe('Start it');
    expect(daemonWords({ daemon: 'elsewhere' }).action).toBeNull();
  });
});
