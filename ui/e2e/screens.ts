// Draws every screen in every state, light and dark, on a small and on a large window, into docs/screens/. The same
// source gives the same pictures: the clock stands still, and so does everything that moves.
import { expect, test, type Page } from '@playwright/test';
import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './machine';
import { Window } from './stage';
import { enter, NOW, settle, states, type State } from './states';

const folder = join(root, 'docs/screens');
const SIZES = [
  { name: 'small', width: 360, height: 640 },
  { name: 'large', width: 1280, height: 800 },
];
/** Letters stay sharp, and four hundred pictures stay small. */
const QUALITY = 24;
/** So many at a time: a page that hangs takes no more than its part with it. */
const PART = 12;

const drawn = states.filter((state) => !state.isPlain);

test('pictures of states that are gone are taken away', () => {
  mkdirSync(folder, { recursive: true });
  const names = new Set(drawn.flatMap((state) => SIZES.flatMap((size) => ['light', 'dark'].map((theme) => file(state, size.name, theme)))));
  for (const name of readdirSync(folder)) if (name.endsWith('.webp') && !names.has(name)) rmSync(join(folder, name));
});

for (let at = 0; at < drawn.length; at += PART) {
  const part = drawn.slice(at, at + PART);
  test(`${part[0]?.name} … ${part.at(-1)?.name}`, async ({ page }) => {
    for (const theme of ['light', 'dark'] as const) {
      await page.emulateMedia({ reducedMotion: 'reduce', colorScheme: theme });
      const window = await Window.on(page, NOW);
      for (const state of part) {
        await page.setViewportSize(SIZES[1] as (typeof SIZES)[number]);
        await enter(state, page, window);
        for (const size of SIZES) {
          await page.setViewportSize(size);
          await page.mouse.move(0, 0);
          await settle(page);
          writeFileSync(join(folder, file(state, size.name, theme)), await picture(page, state.name));
        }
      }
    }
  });
}

function file(state: State, size: string, theme: string): string {
  return `${state.name}.${size}.${theme}.webp`;
}

/** The window as it is, small enough to be kept. */
async function picture(page: Page, name: string): Promise<Buffer> {
  await page.evaluate(() => {
    // A caret blinks. A style element would be refused by the page's policy.
    const still = new CSSStyleSheet();
    still.replaceSync('* { caret-color: transparent !important; }');
    document.adoptedStyleSheets = [still];
  });
  const session = await page.context().newCDPSession(page);
  const { data } = await session.send('Page.captureScreenshot', { format: 'webp', quality: QUALITY });
  await session.detach();
  const bytes = Buffer.from(data, 'base64');
  expect(bytes.length, name).toBeGreaterThan(500);
  return bytes;
}
