// Every screen in every state, light and dark: nothing for axe to find, nothing wider than the window at 200 %, and no
// word that the policy refuses.
import axe from 'axe-core';
import { expect, test, type Page } from '@playwright/test';
import { watch } from './desk';
import { Window } from './stage';
import { enter, NOW, settle, states } from './states';

const WIDE = { width: 1280, height: 800 };
/** 1280 × 800 at 200 %. */
const ZOOMED = { width: 640, height: 400 };
const NARROW = { width: 360, height: 640 };

/** What axe finds; of a theme that is only another set of colours, the colours alone. */
async function findings(page: Page, of: 'all' | 'colours' = 'all'): Promise<string[]> {
  if (of === 'all') await page.evaluate(axe.source);
  return page.evaluate(async (of) => {
    const { axe } = globalThis as unknown as { axe: typeof import('axe-core') };
    const tags = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];
    const runOnly = of === 'all' ? tags : { type: 'rule' as const, values: ['color-contrast'] };
    const { violations } = await axe.run(document, { runOnly, resultTypes: ['violations'] });
    return violations.flatMap(({ id, help, nodes }) => nodes.map((node) => `${id}: ${help}\n  ${node.html.slice(0, 200)}\n  ${node.failureSummary ?? ''}`));
  }, of);
}

/** What stands out of the window to the side, without a part of its own that scrolls. */
async function overflow(page: Page): Promise<string[]> {
  return page.evaluate(() => {
    const width = document.documentElement.clientWidth;
    if (document.documentElement.scrollWidth <= width) return [];
    const wide = [...document.body.querySelectorAll('*')].filter((one) => one.getBoundingClientRect().right > width + 1);
    return wide.slice(-3).map((one) => one.outerHTML.slice(0, 160));
  });
}

/** What moves for longer than anyone could see. */
async function movement(page: Page): Promise<string[]> {
  return page.evaluate(() => {
    const running = document.getAnimations().filter((one) => one.playState === 'running');
    const lasting = running.filter((one) => Number(one.effect?.getComputedTiming().activeDuration) > 20);
    return lasting.map((one) => ((one.effect as KeyframeEffect).target as Element).outerHTML.slice(0, 160));
  });
}

for (const state of states) {
  test(state.name, async ({ page }) => {
    const troubles = watch(page);
    await page.emulateMedia({ reducedMotion: 'reduce', colorScheme: 'light' });
    const window = await Window.on(page, NOW);
    await enter(state, page, window);
    expect.soft(await movement(page), 'nothing moves for who wants no motion').toEqual([]);
    expect.soft(await findings(page), 'light').toEqual([]);
    await page.emulateMedia({ reducedMotion: 'reduce', colorScheme: 'dark' });
    await settle(page);
    expect.soft(await findings(page, 'colours'), 'dark').toEqual([]);
    for (const size of [ZOOMED, NARROW]) {
      await page.setViewportSize(size);
      expect.soft(await overflow(page), `${size.width} wide`).toEqual([]);
    }
    await page.setViewportSize(WIDE);
    expect.soft(await page.locator('h1').count(), 'one heading of the first level').toBe(1);
    expect(troubles).toEqual([]);
  });
}
