// Everything can be done with keys alone, and nothing is approved by a key that was meant for something else.
import type { Page } from '@playwright/test';
import { expect, test } from './desk';

/** Presses Tab until this has the focus. */
async function tabTo(page: Page, name: string, role: 'button' | 'link' = 'button'): Promise<void> {
  const wanted = page.getByRole(role, { name });
  for (let at = 0; at < 60; at += 1) {
    if (await wanted.evaluateAll((all) => all.some((one) => one === document.activeElement))) return;
    await page.keyboard.press('Tab');
  }
  throw new Error(`Tab does not come to “${name}”`);
}

const approve = (page: Page) => page.getByRole('button', { name: 'Approve', exact: true });
const deny = (page: Page) => page.getByRole('button', { name: 'Deny', exact: true });

test('an agent is let in and a request approved with keys alone', async ({ desk, open }) => {
  const asking = desk.ask();
  const page = await open(desk);
  await expect(page.getByRole('form', { name: 'A new agent asks to be known' })).toBeVisible();
  await tabTo(page, 'Accept');
  await page.keyboard.press('Enter');
  await expect(page.getByRole('link', { name: /pay_invoice/ })).toBeVisible();
  await page.keyboard.press('j');
  await expect(page.getByRole('link', { name: /pay_invoice/ })).toBeFocused();
  await page.keyboard.press('Enter');
  await expect(deny(page)).toBeFocused();
  await expect(approve(page)).toBeEnabled();
  await tabTo(page, 'Approve');
  await expect(approve(page)).toBeFocused();
  await page.keyboard.press('Space');
  await expect(page.getByRole('article').getByRole('heading', { name: 'Approved' })).toBeVisible();
  expect((await asking.ended).code).toBe(0);
  await page.keyboard.press('Escape');
  await expect(page.getByRole('heading', { name: 'Inbox', level: 1 })).toBeVisible();
});

test('a request is denied with one key', async ({ desk, open }) => {
  const asking = await desk.askAsKnown();
  const page = await open(desk, `request/${(await desk.card()).id}`);
  await expect(deny(page)).toBeFocused();
  await page.keyboard.press('d');
  await expect(page.getByRole('article').getByRole('heading', { name: 'Denied' })).toBeVisible();
  expect((await asking.ended).code).toBe(77);
});

test('words to the agent are typed and sent with keys alone, and their letters are no shortcuts', async ({ desk, open }) => {
  const asking = await desk.askAsKnown();
  const page = await open(desk, `request/${(await desk.card()).id}`);
  await expect(deny(page)).toBeFocused();
  await tabTo(page, 'Say why');
  await page.keyboard.press('Enter');
  await page.keyboard.type('deeded?');
  await expect(page.getByRole('textbox', { name: 'Message to the agent' })).toHaveValue('deeded?');
  await expect(page.getByRole('dialog')).toBeHidden();
  await page.keyboard.press('Shift+Tab');
  await tabTo(page, 'Deny');
  await page.keyboard.press('Enter');
  expect((await asking.ended).err).toContain('deeded?');
});

test('no key approves: y, a and Enter leave the card as it is', async ({ desk, open }) => {
  await desk.askAsKnown();
  const card = await desk.card();
  const page = await open(desk, `request/${card.id}`);
  await expect(approve(page)).toBeEnabled();
  await page.evaluate(() => (document.activeElement as HTMLElement).blur());
  for (const key of ['y', 'a', 'Enter', 'Space', 'Control+Enter']) await page.keyboard.press(key);
  await page.waitForTimeout(300);
  expect((await desk.card()).id).toBe(card.id);
  await expect(approve(page)).toBeVisible();
});

test('approve rests for 400 ms after the card came on the screen', async ({ desk, open }) => {
  await desk.askAsKnown();
  const card = await desk.card();
  const page = await open(desk);
  await expect(page.getByRole('link', { name: /pay_invoice/ })).toBeVisible();
  // Measured within the page: from the first frame that has the button to the first in which it can be pressed.
  const rested = page.evaluate(async () => {
    const find = () => [...document.querySelectorAll('button')].find((one) => one.textContent?.trim() === 'Approve');
    const frame = () => new Promise((done) => requestAnimationFrame(done));
    while (!find()) await frame();
    const since = performance.now();
    const presses: number[] = [];
    while (find()?.disabled) {
      find()?.click();
      presses.push(performance.now() - since);
      await frame();
    }
    return { rested: performance.now() - since, presses: presses.length };
  });
  await page.goto(`${page.url().split('#')[0]}#/request/${card.id}`);
  const found = await rested;
  expect(found.rested).toBeGreaterThanOrEqual(380);
  expect(found.rested).toBeLessThan(2000);
  expect(found.presses, 'it was pressed meanwhile').toBeGreaterThan(3);
  expect((await desk.card()).id, 'and nothing was approved').toBe(card.id);
});

for (const key of ['Enter', 'Space']) {
  test(`${key} that went down before the card was there does not approve it`, async ({ desk, open }) => {
    await desk.askAsKnown();
    const card = await desk.card();
    const page = await open(desk, `request/${card.id}`);
    await expect(approve(page)).toBeEnabled();
    // The key goes down elsewhere, stays down, and repeats on the button.
    await page.evaluate(() => (document.activeElement as HTMLElement).blur());
    await page.keyboard.down(key);
    await approve(page).focus();
    for (let at = 0; at < 5; at += 1) await page.keyboard.down(key);
    await page.keyboard.up(key);
    await page.waitForTimeout(300);
    expect((await desk.card()).phase).toEqual({ phase: 'open' });
    await page.keyboard.press(key);
    await expect(page.getByRole('article').getByRole('heading', { name: 'Approved' })).toBeVisible();
  });
}

test('a pointer that went down before the button was armed does not approve', async ({ desk, open }) => {
  await desk.askAsKnown();
  const card = await desk.card();
  const page = await open(desk, `request/${card.id}`);
  await expect(approve(page)).toBeEnabled();
  const box = await approve(page).boundingBox();
  if (!box) throw new Error('no button');
  // Pressed on something else, released on the button.
  await page.mouse.move(box.x + box.width / 2, box.y - 60);
  await page.mouse.down();
  await page.mouse.move(box.x + box.width / 2, box.y + box.height / 2, { steps: 4 });
  await page.mouse.up();
  await page.waitForTimeout(300);
  expect((await desk.card()).phase).toEqual({ phase: 'open' });
});

test('help lists the keys and gives the focus back', async ({ desk, open }) => {
  const page = await open(desk);
  await expect(page.getByRole('heading', { name: 'Inbox' })).toBeVisible();
  await page.keyboard.press('?');
  const help = page.getByRole('dialog', { name: 'Keyboard' });
  await expect(help).toContainText(/next/i);
  await page.keyboard.press('Escape');
  await expect(help).toBeHidden();
});

test('the skip link and the navigation are the first stops', async ({ desk, open }) => {
  const page = await open(desk);
  await expect(page.getByRole('heading', { name: 'Inbox' })).toBeVisible();
  await page.keyboard.press('Tab');
  await expect(page.getByRole('link', { name: 'To the content' })).toBeFocused();
  await page.keyboard.press('Enter');
  await expect(page.getByRole('main')).toBeFocused();
  for (const name of ['History', 'Agents', 'Devices', 'Settings']) {
    await page.getByRole('navigation', { name: 'Main' }).getByRole('link', { name }).focus();
    await page.keyboard.press('Enter');
    await expect(page.getByRole('heading', { name, level: 1 })).toBeFocused();
  }
});
