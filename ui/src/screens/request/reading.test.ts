import { render, within } from '@testing-library/svelte';
import userEvent from '@testing-library/user-event';
import { tick } from 'svelte';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import AppView from '~/App.svelte';
import * as cards from '~/fixtures/cards';
import { busy, ready } from '~/fixtures/snapshot';
import { runtimeOf } from '~/gallery/scenes';
import { App } from '~/state/app.svelte';
import { clock } from '~/state/clock.svelte';
import { router } from '~/state/router.svelte';

const user = userEvent.setup({ advanceTimers: (delay) => vi.advanceTimersByTime(delay) });
const HINT = 'Scroll to the end of what would run';

/** What is in view, told by hand: everything but the end of what would run. */
class Sight {
  static all: Sight[] = [];
  targets: Element[] = [];
  constructor(
    readonly tell: IntersectionObserverCallback,
    readonly options?: IntersectionObserverInit,
  ) {
    Sight.all.push(this);
  }
  observe(target: Element) {
    this.targets.push(target);
    this.say(target, !target.matches('.end'));
  }
  disconnect() {
    this.targets = [];
  }
  say(target: Element, isIntersecting: boolean) {
    this.tell([{ target, isIntersecting } as unknown as IntersectionObserverEntry], this as unknown as IntersectionObserver);
  }
  static scrollToTheEnd() {
    for (const one of [...Sight.all]) for (const target of [...one.targets]) if (target.matches('.end')) one.say(target, true);
  }
}

async function pass(milliseconds: number) {
  await vi.advanceTimersByTimeAsync(milliseconds);
  await tick();
}

async function opened(card = cards.payment) {
  const runtime = runtimeOf({ stage: ready({ ...busy, agents: [], cards: [card] }), at: '' });
  location.hash = `#/request/${card.id}`;
  router.read();
  render(AppView, { props: { app: new App(runtime) } });
  await pass(600);
  const page = within(document.querySelector('article') as HTMLElement);
  const approve = (name = 'Approve') => page.getByRole('button', { name }) as HTMLButtonElement;
  const approvals = () => runtime.commands.filter((one) => one.command === 'approve');
  return { page, approve, approvals };
}

beforeEach(() => {
  Sight.all = [];
  vi.stubGlobal('IntersectionObserver', Sight);
  vi.useFakeTimers({ now: cards.NOW * 1000, shouldAdvanceTime: true });
  clock.read();
});

afterEach(() => {
  vi.unstubAllGlobals();
  vi.useRealTimers();
});

describe('a call whose end is below the screen', () => {
  it('is not approved until its end was in view, and says so', async () => {
    const { page, approve, approvals } = await opened();
    expect(approve().disabled).toBe(true);
    const why = document.getElementById(approve().getAttribute('aria-describedby') ?? '');
    expect(why?.textContent).toContain(HINT);
    expect((page.getByRole('button', { name: 'Deny' }) as HTMLButtonElement).disabled).toBe(false);
    Sight.scrollToTheEnd();
    await pass(300);
    expect(approve().disabled, 'it rests once the end is in view').toBe(true);
    await pass(300);
    expect(page.queryByText(HINT)).toBeNull();
    await user.click(approve());
    expect(approvals()).toHaveLength(1);
  });

  it('stays read once the end was reached', async () => {
    const { approve } = await opened();
    Sight.scrollToTheEnd();
    await pass(600);
    expect(approve().disabled).toBe(false);
    expect(Sight.all.flatMap((one) => one.targets).some((target) => target.matches('.end'))).toBe(false);
  });

  it('is to be read anew after an edit', async () => {
    const { page, approve, approvals } = await opened();
    Sight.scrollToTheEnd();
    await pass(600);
    await user.keyboard('e');
    await user.clear(page.getByLabelText('amount'));
    await user.type(page.getByLabelText('amount'), '990.00');
    await pass(900);
    expect(approve('Approve with changes').disabled).toBe(true);
    expect(page.getByText(HINT)).toBeTruthy();
    Sight.scrollToTheEnd();
    await pass(600);
    await user.click(approve('Approve with changes'));
    expect(approvals()).toHaveLength(1);
  });

  it('is read to its end by the focus', async () => {
    const { page, approve } = await opened();
    const end = page.getByText('End of what would run').closest('p') as HTMLElement;
    expect(end.tabIndex).toBe(0);
    end.focus();
    await pass(600);
    expect(approve().disabled).toBe(false);
    expect(end.tabIndex).toBe(-1);
  });

  it('comes into view at a click', async () => {
    const scrolled = vi.spyOn(Element.prototype, 'scrollIntoView');
    const { page } = await opened();
    await user.click(page.getByRole('button', { name: HINT }));
    expect((scrolled.mock.instances[0] as unknown as Element).matches('.end')).toBe(true);
    expect(document.activeElement?.matches('.end'), 'the focus goes along').toBe(true);
  });

  it('keeps the focus when the hint goes', async () => {
    const { page } = await opened();
    page.getByRole('button', { name: HINT }).focus();
    Sight.scrollToTheEnd();
    await pass(50);
    expect(document.activeElement).toBe(page.getByRole('button', { name: 'Deny' }));
  });
});
