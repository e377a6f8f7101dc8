// Agents, devices and settings: who may ask, who may answer, and how.
import type { Page } from '@playwright/test';
import { expect, test } from './desk';

const button = (page: Page, name: string) => page.getByRole('button', { name, exact: true });

test('an agent is paused, goes on, and is revoked for good', async ({ desk, open }) => {
  const asking = await desk.askAsKnown();
  const { id, shown } = await desk.card();
  await desk.command({ command: 'deny', card: id, shown, note: null });
  await asking.ended;
  const page = await open(desk, 'agents');
  const agent = page.getByRole('list', { name: 'Agents that may ask' }).getByRole('listitem').filter({ hasText: 'invoice-bot' });
  await expect(agent).toContainText('1 request');
  await expect(agent).toContainText('Library in the agent’s program');
  await agent.getByRole('button', { name: 'Pause' }).click();
  await expect(agent.getByRole('button', { name: 'Let it go on' })).toBeVisible();
  expect((await desk.snapshot()).trust.paused).toHaveLength(1);
  await agent.getByRole('button', { name: 'Let it go on' }).click();
  await expect(agent.getByRole('button', { name: 'Pause' })).toBeVisible();
  expect((await desk.snapshot()).trust.paused).toHaveLength(0);
  await agent.getByRole('button', { name: 'More for invoice-bot' }).click();
  await page.getByRole('menuitem', { name: 'Revoke for good…' }).click();
  const question = page.getByRole('dialog', { name: 'Revoke this agent for good?' });
  await expect(question.getByRole('button', { name: 'Cancel' })).toBeFocused();
  await question.getByRole('button', { name: 'Revoke' }).click();
  await expect(page.getByRole('heading', { name: 'May not ask any more' })).toBeVisible();
  const again = await desk.ask().ended;
  expect(again.code, again.err).toBe(77);
});

test('an agent opens to where it worked and what it did', async ({ desk, open }) => {
  const asking = await desk.askAsKnown();
  const { id, shown } = await desk.card();
  await desk.command({ command: 'deny', card: id, shown, note: null });
  await asking.ended;
  const page = await open(desk, 'agents');
  await page.getByRole('heading', { name: 'invoice-bot', level: 2 }).getByRole('link').click();
  await expect(page.getByRole('heading', { name: 'invoice-bot', level: 1 })).toBeFocused();
  await expect(page.getByRole('list', { name: 'By outcome' })).toContainText('Denied');
  const told = page.getByRole('region', { name: 'What you asked it to do' });
  await expect(told).toContainText(desk.folder);
  await expect(told).toContainText('It passed on no words of yours.');
  await told.getByRole('link', { name: '1 request' }).click();
  await expect(page.getByRole('link', { name: /pay_invoice/ })).toHaveCount(1);
  await button(page, 'One session only: show all of this agent').click();
  await expect(page).not.toHaveURL(/session/);
});

test('a coding agent’s hook is let in, and its page tells what it was asked in the person’s own words', async ({ desk, open }) => {
  const page = await open(desk, 'inbox');
  const prompt = 'Tidy up the notes.\nLeave <b>drafts</b> alone.';
  expect((await desk.hook({ hook_event_name: 'UserPromptSubmit', prompt }).ended).code).toBe(0);
  const call = { hook_event_name: 'PreToolUse', tool_name: 'Bash', tool_input: { command: 'ls notes' }, tool_use_id: 'call-1' };
  const asking = desk.hook(call);
  const knock = page.getByRole('form', { name: 'A new agent asks to be known' });
  await expect(knock).toContainText('Hook of Claude Code, as it says');
  await expect(knock).toContainText('as long as the program calls its hook');
  await expect(knock).toContainText(/uid \d+.*started by/);
  await knock.getByRole('button', { name: 'Accept' }).click();
  const card = await desk.card();
  await desk.command({ command: 'deny', card: card.id, shown: card.shown, note: 'Not today.' });
  expect((await asking.ended).out).toContain('Not today.');

  await page.getByRole('link', { name: 'Agents' }).click();
  await page.getByRole('heading', { name: 'claude-code', level: 2 }).getByRole('link').click();
  const told = page.getByRole('region', { name: 'What you asked it to do' });
  await expect(told).toContainText('You asked:');
  await expect(told.locator('blockquote')).toHaveText(prompt, { useInnerText: true });
  await expect(told).toContainText(desk.folder);
  await expect(page.getByRole('list', { name: 'By outcome' })).toContainText('Denied');
});

test('what to type is told where there is no agent yet', async ({ desk, open }) => {
  const page = await open(desk, 'agents');
  await expect(page.getByRole('heading', { name: 'No agent asks you yet' })).toBeVisible();
  await button(page, 'Add an agent').first().click();
  const dialog = page.getByRole('dialog', { name: 'Put an agent behind this device' });
  await expect(dialog.getByRole('list', { name: 'What to type, one after the other' })).toContainText('doctor claude-code');
  await page.keyboard.press('Escape');
  await expect(dialog).toBeHidden();
});

test('a second device is added with its digits, renamed and removed', async ({ desk, open }) => {
  const page = await open(desk, 'devices');
  await button(page, 'Add a device').first().click();
  await expect(page.getByRole('img', { name: 'The code for the new device to read' })).toBeVisible();
  const box = await page.getByRole('img', { name: 'The code for the new device to read' }).boundingBox();
  expect(box?.width, 'large enough for a camera').toBeGreaterThan(240);
  const ticket = (await page.locator('p.mono').filter({ hasText: /^\S{40,}$/ }).first().textContent())?.trim() ?? '';
  const phone = desk.start('virtual-phone', ['--folder', `${desk.folder}/phone`, 'join', '--ticket', ticket]);
  const digits = (await phone.said(/digits: ([\d ]+)/)).replace(/\D/g, '');
  const field = page.getByRole('textbox', { name: 'Six digits' });
  await expect(field).toBeFocused();
  await field.fill(digits.slice(0, 3));
  await button(page, 'Add this device').click();
  await expect(page.getByText('All six digits are needed.')).toBeVisible();
  await field.fill(digits);
  await page.getByRole('textbox', { name: 'What it is to be called' }).fill('Phone');
  await button(page, 'Add this device').click();
  await expect(page.getByRole('heading', { name: 'Phone is one of your devices now' })).toBeVisible();
  expect(await phone.ended).toMatchObject({ code: 0 });
  await button(page, 'Done').click();

  const device = page.getByRole('main').getByRole('listitem').filter({ hasText: 'Phone' });
  await expect(device).toBeVisible();
  await device.getByRole('button', { name: 'Change Phone' }).click();
  await page.getByRole('menuitem', { name: 'Rename…' }).click();
  const rename = page.getByRole('dialog', { name: 'Rename this device' });
  await rename.getByRole('textbox', { name: 'Name' }).fill('Tablet');
  await page.keyboard.press('Enter');
  await expect(page.getByRole('heading', { name: 'Tablet' })).toBeVisible();
  await page.getByRole('button', { name: 'Change Tablet' }).click();
  await page.getByRole('menuitem', { name: 'Remove…' }).click();
  const question = page.getByRole('dialog', { name: 'Remove this device?' });
  await question.getByRole('button', { name: 'Remove' }).click();
  await expect(page.getByRole('heading', { name: 'Tablet' })).toBeHidden();
  expect((await desk.snapshot()).trust.devices.filter((one) => !one.revoked)).toHaveLength(1);
});

test('wrong digits let nobody in', async ({ desk, open }) => {
  const page = await open(desk, 'devices/add');
  const ticket = (await page.locator('p.mono').filter({ hasText: /^\S{40,}$/ }).first().textContent())?.trim() ?? '';
  const phone = desk.start('virtual-phone', ['--folder', `${desk.folder}/phone`, 'join', '--ticket', ticket]);
  const digits = (await phone.said(/digits: ([\d ]+)/)).replace(/\D/g, '');
  const wrong = digits.replace(/\d$/, (digit) => String((Number(digit) + 1) % 10));
  await page.getByRole('textbox', { name: 'Six digits' }).fill(wrong);
  await button(page, 'Add this device').click();
  await expect(page.getByRole('alert')).toBeVisible();
  await expect(button(page, 'Show a new code')).toBeVisible();
  expect((await desk.snapshot()).trust.devices).toHaveLength(1);
  phone.kill();
});

test('choices hold: theme, notifications, start with the session', async ({ desk, open }) => {
  const page = await open(desk, 'settings');
  await page.getByRole('radiogroup', { name: 'Appearance' }).getByRole('radio', { name: 'Dark' }).check({ force: true });
  await expect(page.locator('html')).toHaveAttribute('data-theme', 'dark');
  await page.getByRole('radiogroup', { name: 'Notifications' }).getByRole('radio', { name: 'With content' }).check({ force: true });
  await page.getByRole('switch', { name: 'Start with my session' }).check();
  await expect.poll(() => desk.written()).toContain('autostart');
  await page.reload();
  await expect(page.locator('html')).toHaveAttribute('data-theme', 'dark');
  await expect(page.getByRole('radio', { name: 'With content' })).toBeChecked();
  await expect(page.getByRole('switch', { name: 'Start with my session' })).toBeChecked();
});

test('the kill switch stops every agent until it is lifted', async ({ desk, open }) => {
  const page = await open(desk, 'settings');
  await button(page, 'Pause everything').click();
  const question = page.getByRole('dialog', { name: 'Pause everything?' });
  await question.getByRole('button', { name: 'Pause everything' }).click();
  await expect(page.getByRole('heading', { name: 'Everything is paused' })).toBeVisible();
  await expect(page.getByText('All agents are paused')).toBeVisible();
  expect((await desk.snapshot()).trust.paused_all).toBe(true);
  await page.getByRole('button', { name: /^(Let agents go on|Resume)$/ }).first().click();
  await expect(page.getByText('All agents are paused')).toBeHidden();
  expect((await desk.snapshot()).trust.paused_all).toBe(false);
});

test('a daemon that is down is started from the app', async ({ desk, open }) => {
  const page = await open(desk);
  await expect(page.getByRole('heading', { name: 'Inbox' })).toBeVisible();
  expect(await desk.agenttrust(['--json', 'down']).ended).toMatchObject({ code: 0 });
  await expect(page.getByText('The AgentTrust daemon is not running')).toBeVisible();
  await page.getByRole('button', { name: 'Start it' }).click();
  await expect(page.getByText('The AgentTrust daemon is not running')).toBeHidden();
  await expect.poll(async () => (await desk.snapshot()).connection.line).toBe('connected');
});
