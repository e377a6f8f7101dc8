// From an installed program to a computer that answers agents.
import type { Page } from '@playwright/test';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Desk, expect, test } from './desk';

const heading = (page: Page, name: string) => page.getByRole('heading', { name, level: 1 });
const button = (page: Page, name: string) => page.getByRole('button', { name, exact: true });

async function toPairing(page: Page): Promise<void> {
  await expect(heading(page, 'Agents ask you before they act')).toBeVisible();
  await button(page, 'Set up this computer').click();
  await expect(heading(page, 'Make this computer a device')).toBeFocused();
}

/** No key store is at hand where tests run, or none is meant. */
async function keepInFile(page: Page): Promise<void> {
  await page.getByRole('radio', { name: 'Plain file' }).check();
  await page.getByRole('checkbox', { name: 'I understand, and want the key in a plain file' }).check();
}

test('from nothing to a command that ran because it was approved', async ({ bare, open }) => {
  const page = await open(bare);
  await toPairing(page);
  const name = page.getByRole('textbox', { name: 'Name of this device' });
  await expect(name).not.toHaveValue('');
  await name.fill('Laptop');
  await page.getByRole('textbox', { name: 'Whose it is' }).fill('owner');
  await page.getByRole('radio', { name: 'Plain file' }).check();
  await expect(page.getByText('Any program you run can read this key')).toBeVisible();
  await button(page, 'Make it a device').click();
  await expect(page.getByText('Tick this, or use the key store.')).toBeVisible();
  expect(await bare.stage(), 'an unsealed key has to be wanted').toBe('unpaired');
  await page.getByRole('checkbox', { name: 'I understand, and want the key in a plain file' }).check();
  await button(page, 'Make it a device').click();

  await expect(heading(page, 'Put it in front of an agent')).toBeVisible();
  const steps = page.getByRole('list', { name: 'What to type, one after the other' });
  await expect(steps).toContainText('install claude-code');
  await expect(steps, 'for this folder').toContainText(`--data ${bare.data}`);
  await page.getByRole('radio', { name: 'A command or script' }).check({ force: true });
  await expect(steps).toContainText(' run --tool deploy');
  await button(page, 'Next').click();

  await expect(heading(page, 'Try it out')).toBeVisible();
  await button(page, 'Send a try-out request').click();
  await button(page, 'Accept').click();
  await page.getByRole('link', { name: /say_hello/ }).click();
  await expect(heading(page, 'say_hello')).toBeVisible();
  await button(page, 'Approve').click();
  await expect(page.getByRole('article')).toContainText('The tool ran.');
  await button(page, 'Back to the inbox').click();
  await expect(page.getByText('It ran, because you approved it')).toBeVisible();
  await expect(page.getByText('Hello! This ran because you approved it.', { exact: true })).toBeVisible();
  await button(page, 'Next').click();

  await expect(heading(page, 'You are all set')).toBeVisible();
  await page.getByRole('switch', { name: 'Start with my session' }).check();
  await expect.poll(() => bare.written()).toContain('autostart');
  expect(readFileSync(join(bare.chosen(), 'autostart'), 'utf8')).toBe('on');
  await button(page, 'Open the inbox').click();
  await expect(heading(page, 'Inbox')).toBeVisible();
  await page.reload();
  await expect(heading(page, 'Inbox'), 'it is asked once').toBeVisible();
});

test('a try-out that is denied says what an agent is told', async ({ desk, open }) => {
  const settings = { notifications: 'discreet', autostart: false, theme: 'system', welcomed: false, told_of_tray: true } as const;
  await desk.call({ call: 'set_settings', settings });
  const page = await open(desk);
  for (let at = 0; at < 4 && !(await heading(page, 'Try it out').isVisible()); at += 1) {
    const next = button(page, 'Next').or(button(page, 'Skip for now')).first();
    await expect(next.or(heading(page, 'Try it out')).first()).toBeVisible();
    if (await next.isVisible()) await next.click();
  }
  await button(page, 'Send a try-out request').click();
  await button(page, 'Accept').click();
  await page.getByRole('link', { name: /say_hello/ }).click();
  await button(page, 'Deny').click();
  await expect(page.getByRole('article')).toContainText('nothing was run');
  await button(page, 'Back to the inbox').click();
  await expect(page.getByText('It did not run', { exact: true }).last()).toBeVisible();
});

test('this computer joins devices elsewhere, with digits', async ({ desk, page }) => {
  const offer = await desk.command({ command: 'offer_pairing' });
  if (offer.done !== 'offer') throw new Error(offer.done);
  const other = await Desk.open();
  try {
    await page.goto(`${other.url}/?token=${other.token}`);
    await toPairing(page);
    await page.getByRole('radio', { name: 'I have AgentTrust on another device' }).check();
    await page.getByRole('textbox', { name: 'The code of the other device' }).fill(offer.offer.ticket);
    await page.getByRole('textbox', { name: 'Name of this device' }).fill('Desktop');
    await keepInFile(page);
    await button(page, 'Join').click();
    await expect(heading(page, 'Type these digits on your other device')).toBeVisible();
    const shown = await page.getByRole('img', { name: /^Digits to type/ }).getAttribute('aria-label');
    const digits = shown?.replace(/\D/g, '') ?? '';
    expect(digits).toHaveLength(6);
    await expect.poll(async () => (await desk.snapshot()).joiner?.digits).toBe(true);
    const joiner = (await desk.snapshot()).joiner?.joiner as string;
    await desk.command({ command: 'confirm_pairing', joiner, digits, name: null, owner: 'owner', admin: false, local: false });
    await expect(heading(page, 'Put it in front of an agent').or(heading(page, 'Try it out')).first()).toBeVisible();
    expect((await desk.snapshot()).trust.devices.map((device) => device.name)).toEqual(['Laptop', 'Desktop']);
  } finally {
    await other.close();
  }
});

test('a code that is none is told, and a pairing can be given up', async ({ desk, page }) => {
  const other = await Desk.open();
  try {
    await page.goto(`${other.url}/?token=${other.token}`);
    await toPairing(page);
    await page.getByRole('radio', { name: 'I have AgentTrust on another device' }).check();
    await keepInFile(page);
    await button(page, 'Join').click();
    await expect(page.getByText('Paste the code that the other device shows.')).toBeVisible();
    const code = page.getByRole('textbox', { name: 'The code of the other device' });
    await code.fill('not a code');
    await button(page, 'Join').click();
    await expect(page.getByRole('alert').filter({ hasText: 'It did not become a device.' })).toBeVisible();

    const offer = await desk.command({ command: 'offer_pairing' });
    if (offer.done !== 'offer') throw new Error(offer.done);
    await code.fill(offer.offer.ticket);
    await button(page, 'Join').click();
    await expect(heading(page, 'Type these digits on your other device')).toBeVisible();
    await button(page, 'Cancel').click();
    await expect(heading(page, 'Make this computer a device')).toBeVisible();
    expect(await other.stage()).toBe('unpaired');
  } finally {
    await other.close();
  }
});

test('a computer whose agents have devices already joins them', async ({ bare, open }) => {
  expect(await bare.agenttrust(['--json', 'up']).ended).toMatchObject({ code: 0 });
  const phone = bare.start('virtual-phone', ['--folder', join(bare.folder, 'phone'), 'pair', '--data', bare.data]);
  expect(await phone.ended).toMatchObject({ code: 0 });
  await bare.call({ call: 'retry' });
  const page = await open(bare);
  await toPairing(page);
  await expect(page.getByRole('radio', { name: 'This is my first device' })).toBeDisabled();
  await expect(page.getByText('Agents on this computer have devices already')).toBeVisible();
});
