// The history: what was asked, who answered, and the proof.
import type { Page } from '@playwright/test';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test, type Desk } from './desk';

const button = (page: Page, name: string) => page.getByRole('button', { name, exact: true });

/** One request that ran, and one that was denied, of two agents. */
async function aPast(desk: Desk): Promise<void> {
  const paid = await desk.askAsKnown({ agent: 'invoice-bot', tool: 'pay_invoice', args: { amount: '120.50' }, title: 'Pay the July invoice' });
  let card = await desk.card();
  await desk.command({ command: 'approve', card: card.id, shown: card.shown, edit: null, note: 'Thank you', uv: 'presence', unfolded: true });
  expect(await paid.ended).toMatchObject({ code: 0 });
  const deleted = await desk.askAsKnown({ agent: 'desk-helper', tool: 'delete_file', args: { path: '/contracts/lease.pdf' } });
  card = await desk.card();
  await desk.command({ command: 'deny', card: card.id, shown: card.shown, note: 'Keep the contracts.' });
  expect(await deleted.ended).toMatchObject({ code: 77 });
}

/** The rows of the history, which are links to their records. */
const rows = (page: Page) => page.getByRole('main').getByRole('listitem').getByRole('link').filter({ hasText: /pay_invoice|delete_file/ });

test('the past is listed, filtered and searched', async ({ desk, open }) => {
  await aPast(desk);
  const page = await open(desk, 'history');
  await expect(rows(page)).toHaveCount(2);
  await expect(rows(page).first(), 'the latest first').toContainText('delete_file');
  await page.getByRole('combobox', { name: 'Outcome' }).selectOption({ label: 'Denied' });
  await expect(rows(page)).toHaveCount(1);
  await expect(rows(page)).toContainText('delete_file');
  await button(page, 'Clear filters').first().click();
  await expect(rows(page)).toHaveCount(2);
  await page.getByRole('combobox', { name: 'Agent' }).selectOption({ label: 'invoice-bot' });
  await expect(rows(page)).toHaveCount(1);
  await expect(rows(page)).toContainText('pay_invoice');
  await button(page, 'Clear filters').first().click();
  await page.getByRole('combobox', { name: 'Tool' }).selectOption({ label: 'delete_file' });
  await expect(rows(page)).toHaveCount(1);
  await button(page, 'Clear filters').first().click();
  await page.getByRole('searchbox').fill('July');
  await expect(rows(page)).toHaveCount(1);
  await expect(rows(page)).toContainText('pay_invoice');
  await page.getByRole('searchbox').fill('nobody ever wrote this');
  await expect(page.getByRole('heading', { name: 'Nothing matches' })).toBeVisible();
  await button(page, 'Clear filters').first().click();
  await expect(rows(page)).toHaveCount(2);
});

test('a record shows what happened, and its proof is really checked', async ({ desk, open }) => {
  await aPast(desk);
  const page = await open(desk, 'history');
  await rows(page).filter({ hasText: 'pay_invoice' }).click();
  await expect(page.getByRole('heading', { name: 'pay_invoice', level: 1 })).toBeVisible();
  await expect(page.getByText('120.50').first()).toBeVisible();
  await expect(page.getByText('Thank you').first(), 'the person’s words').toBeVisible();
  await expect(page.getByText('signed', { exact: true }).first()).toBeVisible();
  const proof = page.getByRole('region', { name: 'Verification' });
  await proof.getByRole('button', { name: 'Verify' }).click();
  await expect(proof.getByRole('heading', { name: 'Verified on this device' })).toBeVisible();
  await expect(proof).toContainText('Signatures');
  const message = page.getByRole('button', { name: /signed by/ }).first();
  await message.click();
  await expect(message).toHaveAttribute('aria-expanded', 'true');
  await expect(page.getByText('Signing key').first()).toBeVisible();
});

test('content is erased for good, and the proof stays', async ({ desk, open }) => {
  await aPast(desk);
  const page = await open(desk, 'history');
  await rows(page).filter({ hasText: 'pay_invoice' }).click();
  await expect(page.getByText('120.50').first()).toBeVisible();
  await button(page, 'Erase content').click();
  const question = page.getByRole('dialog', { name: 'Erase the content of this request?' });
  await expect(question.getByRole('button', { name: 'Cancel' })).toBeFocused();
  await question.getByRole('button', { name: 'Erase content' }).click();
  await expect(page.getByText('The content is erased')).toBeVisible();
  await expect(page.getByText('120.50')).toBeHidden();
  const proof = page.getByRole('region', { name: 'Verification' });
  await proof.getByRole('button', { name: 'Verify' }).click();
  await expect(proof.getByRole('heading', { name: 'Verified on this device' })).toBeVisible();
});

test('a record and the whole history are exported where the person says', async ({ desk, open }) => {
  await aPast(desk);
  const page = await open(desk, 'history');
  await rows(page).filter({ hasText: 'delete_file' }).click();
  await button(page, 'Export').click();
  await expect(page.getByText('Record exported', { exact: true })).toBeVisible();
  const record = desk.written().find((name) => name.endsWith('.json')) ?? '';
  const { request } = JSON.parse(readFileSync(join(desk.chosen(), record), 'utf8')) as { request: { state: string; messages: string[] } };
  expect(request.state).toBe('denied');
  expect(request.messages.length, 'certificate, session, request, decision').toBe(4);
  await page.goBack();
  await button(page, 'Export').click();
  await expect(page.getByText('History exported', { exact: true })).toBeVisible();
  const folder = desk.written().map((name) => join(desk.chosen(), name)).find((path) => statSync(path).isDirectory());
  expect(folder && existsSync(folder)).toBe(true);
  const checked = await desk.agenttrust(['log', 'verify', String(folder)]).ended;
  expect(checked.code, checked.out + checked.err).toBe(0);
});

test('a damaged log is told, and never called verified', async ({ desk, open }) => {
  await aPast(desk);
  const page = await open(desk, 'history');
  await rows(page).filter({ hasText: 'pay_invoice' }).click();
  await expect(page.getByRole('heading', { name: 'pay_invoice', level: 1 })).toBeVisible();
  await desk.agenttrust(['--json', 'down']).ended;
  await expect(page.getByText('The AgentTrust daemon is not running')).toBeVisible();
  await expect(page.getByRole('region', { name: 'Verification' }).getByRole('button', { name: 'Verify' })).toBeDisabled();
});
