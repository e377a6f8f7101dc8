import { describe, expect, it, vi } from 'vitest';
import { scenes, type Scene } from '~/gallery/scenes';
import type { Stage } from '~/runtime/types';
import { inPhase, payment } from '~/fixtures/cards';
import { busy, quiet, ready } from '~/fixtures/snapshot';
import { expectAccessible } from '~/test/axe';
import { settle, wholeApp } from '~/test/render';
import { router } from './state/router.svelte';

/** The state without the other requests of the list beside an open one: each of those has a state of its own. */
function alone({ stage, at }: Scene): Stage {
  if (stage.stage !== 'ready' || !at.startsWith('#/request/')) return stage;
  const cards = stage.snapshot.cards.filter((card) => at.endsWith(card.id));
  return { ...stage, snapshot: { ...stage.snapshot, cards } };
}

describe('the app in every state', () => {
  for (const [name, scene] of Object.entries(scenes)) {
    it(`keeps nobody out: ${name}`, async () => {
      const { container } = await wholeApp(alone(scene), scene.at);
      expect(container.textContent?.trim()).not.toBe('');
      expect(container.querySelectorAll('[style]')).toHaveLength(0);
      await expectAccessible(document.body);
    });
  }
});

describe('the app', () => {
  it('counts what waits in its title', async () => {
    const { runtime } = await wholeApp(ready(busy));
    expect(document.title).toBe('(5) AgentTrust ID');
    runtime.tell({ news: 'stage', stage: ready(quiet) });
    await settle();
    expect(document.title).toBe('AgentTrust ID');
  });

  it('opens the card that a notification was clicked for', async () => {
    const { runtime, container } = await wholeApp(ready(busy));
    runtime.tell({ news: 'show', target: { target: 'request', card: payment.id } });
    await settle();
    expect(router.place).toEqual({ name: 'request', id: payment.id });
    expect(container.querySelector(`[data-request="${payment.id}"]`)).not.toBeNull();
  });

  it('starts the daemon from its banner, and tells what went wrong', async () => {
    const { runtime, getByRole, getByText } = await wholeApp(scenes['down']!.stage);
    runtime.failures.set('start_daemon', { code: 'internal', message: 'It could not be started.', hint: 'Run it by hand.' });
    getByRole('button', { name: 'Start it' }).click();
    await settle();
    expect(runtime.calls).toContainEqual({ call: 'start_daemon' });
    expect(getByText('It could not be started.')).toBeTruthy();
    expect(getByText('Run it by hand.')).toBeTruthy();
  });

  it('says of the line what it says of the daemon, in the corner as in the banner', async () => {
    const { runtime, getByRole, getByText, queryByText } = await wholeApp(ready(quiet));
    const corner = () => getByRole('navigation', { name: 'Main' }).textContent;
    expect(corner()).toContain('Connected');
    runtime.tell({ news: 'daemon', daemon: { daemon: 'down' } });
    await settle();
    expect(getByText('The AgentTrust daemon is not running')).toBeTruthy();
    expect(corner()).toContain('Daemon not running');
    expect(corner()).not.toContain('Connected');
    runtime.tell({ news: 'daemon', daemon: { daemon: 'running', paired: true } });
    await settle();
    expect(queryByText('The AgentTrust daemon is not running')).toBeNull();
    expect(corner()).toContain('Connected');
  });

  it('offers a way out while the key store does not answer', async () => {
    vi.useFakeTimers();
    const { runtime, getByRole, queryByRole } = await wholeApp({ stage: 'starting' });
    expect(queryByRole('button')).toBeNull();
    await vi.advanceTimersByTimeAsync(2100);
    await settle();
    getByRole('button', { name: 'Stop waiting' }).click();
    await settle();
    vi.useRealTimers();
    expect(runtime.calls).toContainEqual({ call: 'stop_opening' });
  });

  it('takes a theme over at once', async () => {
    const { runtime } = await wholeApp(ready(quiet));
    runtime.tell({ news: 'settings', settings: { ...runtime.settings, theme: 'dark' } });
    await settle();
    expect(document.documentElement.dataset.theme).toBe('dark');
    runtime.tell({ news: 'settings', settings: { ...runtime.settings, theme: 'system' } });
    await settle();
    expect(document.documentElement.dataset.theme).toBeUndefined();
  });

  it('moves along the inbox with j and k', async () => {
    const { container } = await wholeApp(ready(busy));
    const rows = [...container.querySelectorAll<HTMLElement>('a[data-card]')];
    const press = (key: string) => window.dispatchEvent(new KeyboardEvent('keydown', { key, cancelable: true }));
    press('j');
    expect(document.activeElement).toBe(rows[0]);
    press('j');
    press('j');
    press('k');
    expect(document.activeElement).toBe(rows[1]);
  });

  it('shows the keys on a question mark, and none of them works behind that', async () => {
    const { container, getByText } = await wholeApp(ready(busy));
    window.dispatchEvent(new KeyboardEvent('keydown', { key: '?' }));
    await settle();
    expect(getByText('Approving has no shortcut: it takes its own button, and a fresh press.')).toBeTruthy();
    window.dispatchEvent(new KeyboardEvent('keydown', { key: 'j', cancelable: true }));
    expect(container.querySelector('a[data-card]:focus')).toBeNull();
  });
});

it('draws a flood page by page', async () => {
  const cards = Array.from({ length: 130 }, (_, at) => inPhase(payment, `flood-${at}`, { phase: 'open' }));
  const { container, getByRole } = await wholeApp(ready({ ...quiet, cards }));
  expect(container.querySelectorAll('a[data-card]')).toHaveLength(50);
  expect(document.title).toBe('(130) AgentTrust ID');
  getByRole('button', { name: '80 more wait' }).click();
  await settle();
  expect(container.querySelectorAll('a[data-card]')).toHaveLength(100);
});
