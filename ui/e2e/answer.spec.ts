// What a person answers is what an agent does.
import type { Page } from '@playwright/test';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test, type Desk } from './desk';

const writes = (desk: Desk, words: string) => ({ command: ['sh', '-c', 'printf %s "$1" > "$0"', join(desk.folder, 'ran'), words] });
const ran = (desk: Desk) => (existsSync(join(desk.folder, 'ran')) ? readFileSync(join(desk.folder, 'ran'), 'utf8') : null);

/** The card that waits, opened from the inbox. */
async function openCard(page: Page, tool = 'pay_invoice'): Promise<void> {
  await page.getByRole('region', { name: 'Waiting for your answer' }).getByRole('link', { name: tool }).click();
  await expect(page.getByRole('heading', { name: tool, level: 1 })).toBeVisible();
}

const button = (page: Page, name: string) => page.getByRole('button', { name, exact: true });

/** Approves, after what would run was read to its end. */
async function approve(page: Page, name = 'Approve'): Promise<void> {
  const hint = button(page, 'Scroll to the end of what would run');
  await expect(async () => {
    if (await hint.isVisible()) await hint.click({ timeout: 500 });
    await expect(button(page, name)).toBeEnabled({ timeout: 1000 });
  }).toPass({ timeout: 10_000 });
  await button(page, name).click();
}

test('an agent is let in, and what is approved runs', async ({ desk, open }) => {
  const asking = desk.ask({ args: { amount: '120.50' }, title: 'Pay the July invoice', risk: 'medium', ...writes(desk, 'paid') });
  const page = await open(desk);
  const knock = page.getByRole('form', { name: 'A new agent asks to be known' });
  await expect(knock).toContainText('invoice-bot');
  await expect(page).toHaveTitle('(1) AgentTrust ID');
  await knock.getByRole('textbox', { name: 'Your name for it' }).fill('Bookkeeper');
  await knock.getByRole('button', { name: 'Accept' }).click();
  await openCard(page);
  const card = page.getByRole('article', { name: 'Bookkeeper: pay_invoice' });
  await expect(card).toContainText('Pay the July invoice');
  await expect(card.getByRole('definition').filter({ hasText: '120.50' })).toBeVisible();
  await expect(button(page, 'Deny')).toBeFocused();
  expect(ran(desk), 'nothing runs before it is approved').toBeNull();
  await approve(page);
  await expect(card.getByRole('heading', { name: 'Approved' })).toBeVisible();
  await expect(card).toContainText('Done. The tool ran.');
  expect((await asking.ended).code).toBe(0);
  expect(ran(desk)).toBe('paid');
  await button(page, 'Back to the inbox').click();
  await expect(page).toHaveTitle('AgentTrust ID');
  await expect(page.getByRole('region', { name: 'Recently' })).toContainText('Approved');
});

test('an agent that nobody knows is sent away', async ({ desk, open }) => {
  const asking = desk.ask(writes(desk, 'paid'));
  const page = await open(desk);
  await button(page, 'I don’t know it').click();
  await expect(page.getByRole('form', { name: 'A new agent asks to be known' })).toBeHidden();
  const { code } = await asking.ended;
  expect(code).toBe(77);
  expect(ran(desk)).toBeNull();
});

test('a denial reaches the agent with the person’s words', async ({ desk, open }) => {
  const asking = await desk.askAsKnown(writes(desk, 'paid'));
  const page = await open(desk);
  await openCard(page);
  await button(page, 'Say why').click();
  const words = page.getByRole('textbox', { name: 'Message to the agent' });
  await expect(words).toBeFocused();
  await words.fill('Wait until Friday; the account is empty.');
  await button(page, 'Deny').click();
  await expect(page.getByRole('article').getByRole('heading', { name: 'Denied' })).toBeVisible();
  const { code, err } = await asking.ended;
  expect(code).toBe(77);
  expect(err).toContain('Wait until Friday; the account is empty.');
  expect(ran(desk)).toBeNull();
});

test('what was edited is shown before it is signed, and is what runs', async ({ desk, open }) => {
  const asking = await desk.askAsKnown({ args: { amount: '1200.5' }, ...writes(desk, 'all of it') });
  const page = await open(desk);
  await openCard(page);
  await button(page, 'Edit').click();
  const changed = button(page, 'Approve with changes');
  await expect(changed).toBeDisabled();
  await page.getByRole('textbox', { name: 'amount' }).fill('twelve');
  await expect(page.getByRole('textbox', { name: 'amount' })).toHaveAttribute('aria-invalid', 'true');
  await expect(changed).toBeDisabled();
  await page.getByRole('textbox', { name: 'amount' }).fill('120.50');
  const argv = page.getByRole('textbox', { name: 'argv' });
  await argv.fill((await argv.inputValue()).replace('all of it', 'a little'));
  const diff = page.getByRole('list', { name: 'Your changes' });
  await expect(diff.getByRole('listitem')).toHaveCount(2);
  for (const words of ['1200.5', '120.50', 'all of it', 'a little']) await expect(diff).toContainText(words);
  await approve(page, 'Approve with changes');
  await expect(page.getByRole('article').getByRole('heading', { name: 'Approved with changes' })).toBeVisible();
  expect((await asking.ended).code).toBe(0);
  expect(ran(desk)).toBe('a little');
});

test('on a small screen the end of what would run is read before it is approved', async ({ desk, open, page }) => {
  await page.setViewportSize({ width: 360, height: 640 });
  const args = Object.fromEntries(Array.from({ length: 12 }, (_, at) => [`argument_${at}`, `value ${at}`]));
  const asking = await desk.askAsKnown({ args, ...writes(desk, 'paid') });
  await open(desk);
  await openCard(page);
  const armed = button(page, 'Approve');
  const hint = button(page, 'Scroll to the end of what would run');
  const last = page.getByRole('definition').last();
  await expect(hint).toBeVisible();
  await expect(last).not.toBeInViewport();
  await page.waitForTimeout(1000);
  await expect(armed, 'however long it waits').toBeDisabled();
  await hint.click();
  await expect(armed).toBeEnabled();
  const bar = await page.locator('article > footer').boundingBox();
  const end = await last.boundingBox();
  expect((end?.y ?? 0) + (end?.height ?? 0), 'above the bar').toBeLessThanOrEqual((bar?.y ?? 0) + 1);
  await armed.click();
  expect((await asking.ended).code).toBe(0);
  expect(ran(desk)).toBe('paid');
});

test('with the keyboard alone the end of what would run is reached by the focus', async ({ desk, open, page }) => {
  await page.setViewportSize({ width: 360, height: 640 });
  const args = Object.fromEntries(Array.from({ length: 12 }, (_, at) => [`argument_${at}`, `value ${at}`]));
  await desk.askAsKnown({ args, ...writes(desk, 'paid') });
  await open(desk);
  await openCard(page);
  const hint = button(page, 'Scroll to the end of what would run');
  await expect(hint).toBeVisible();
  const armed = button(page, 'Approve');
  for (let presses = 0; presses < 8 && (await hint.isVisible()); presses += 1) await page.keyboard.press('Shift+Tab');
  await expect(hint).toBeHidden();
  await expect(armed).toBeEnabled();
});

test('an edit that is discarded changes nothing', async ({ desk, open }) => {
  const asking = await desk.askAsKnown({ args: { amount: '12' }, ...writes(desk, 'as asked') });
  const page = await open(desk);
  await openCard(page);
  await button(page, 'Edit').click();
  await page.getByRole('textbox', { name: 'amount' }).fill('1');
  await page.getByRole('button', { name: 'Discard', exact: true }).click();
  await expect(page.getByRole('textbox', { name: 'amount' })).toBeHidden();
  await approve(page);
  await expect(page.getByRole('article')).toContainText('The tool ran.');
  expect((await asking.ended).code).toBe(0);
  expect(ran(desk)).toBe('as asked');
});

test('a card whose time runs out under the pointer takes no answer', async ({ desk, open }) => {
  const asking = await desk.askAsKnown({ wait: '4s', ...writes(desk, 'late') });
  const page = await open(desk);
  await openCard(page);
  await button(page, 'Approve').hover();
  await expect(page.getByRole('timer').first()).toContainText(/[1-4] s left/);
  await expect(page.getByRole('article').getByRole('heading', { name: 'Nobody answered' })).toBeVisible();
  await expect(button(page, 'Approve')).toBeHidden();
  const { code, err } = await asking.ended;
  expect(code).toBe(77);
  expect(err).toMatch(/Nobody answered|timed_out|expired/);
  expect(ran(desk)).toBeNull();
});

test('a request that its agent withdraws says so', async ({ desk, open }) => {
  const asking = await desk.askAsKnown(writes(desk, 'never'));
  const page = await open(desk);
  await openCard(page);
  asking.child.kill('SIGINT');
  await expect(page.getByRole('article').getByRole('heading', { name: 'No longer needed' })).toBeVisible();
  expect(ran(desk)).toBeNull();
});

test('another device was faster', async ({ desk, open }) => {
  const phone = await desk.phone();
  const asking = await desk.askAsKnown(writes(desk, 'paid'));
  const page = await open(desk);
  await openCard(page);
  phone.answer('approve');
  const card = page.getByRole('article');
  await expect(card.getByRole('heading', { name: 'Answered on Virtual phone' })).toBeVisible();
  await expect(button(page, 'Approve')).toBeHidden();
  expect((await asking.ended).code).toBe(0);
  await expect(card).toContainText('The tool ran.');
});

test('an open card outlives its daemon', async ({ desk, open }) => {
  const asking = await desk.askAsKnown(writes(desk, 'paid'));
  const page = await open(desk);
  await openCard(page);
  process.kill(await desk.daemon(), 'SIGKILL');
  await expect(page.getByText('The AgentTrust daemon is not running')).toBeVisible();
  await expect(page.getByRole('heading', { name: 'pay_invoice', level: 1 }), 'the card stays').toBeVisible();
  await page.getByRole('button', { name: 'Start it' }).click();
  await expect(page.getByText('The AgentTrust daemon is not running')).toBeHidden();
  await approve(page);
  await expect(page.getByRole('article')).toContainText('The tool ran.');
  expect((await asking.ended).code).toBe(0);
  expect(ran(desk)).toBe('paid');
});

test('several wait: the nearest deadline comes first, and answering one leads to the next', async ({ desk, open }) => {
  const first = await desk.askAsKnown({ tool: 'read_notes', wait: '90s', ...writes(desk, 'one') });
  await desk.card();
  const second = desk.ask({ tool: 'send_mail', wait: '40s', command: ['true'] });
  await expect.poll(async () => (await desk.snapshot()).cards.length).toBe(2);
  const page = await open(desk);
  const links = page.getByRole('region', { name: 'Waiting for your answer' }).getByRole('link');
  await expect(links).toHaveCount(2);
  await expect(links.first()).toContainText('send_mail');
  await links.first().click();
  await button(page, 'Deny').click();
  await page.getByRole('button', { name: 'Next request' }).click();
  await expect(page.getByRole('heading', { name: 'read_notes', level: 1 })).toBeVisible();
  await approve(page);
  expect((await first.ended).code).toBe(0);
  expect((await second.ended).code).toBe(77);
});
