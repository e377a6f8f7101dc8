import userEvent from '@testing-library/user-event';
import { within } from '@testing-library/svelte';
import { describe, expect, it } from 'vitest';
import { hash, NOW } from '~/fixtures/cards';
import { deviceAnswers, devices, digitsWrong, me, mobile, offer, withDevices } from '~/fixtures/devices';
import { ready } from '~/fixtures/snapshot';
import { FixtureRuntime } from '~/runtime/fixture';
import type { DeviceInfo, Event, Snapshot } from '~/runtime/types';
import { router } from '~/state/router.svelte';
import { expectAccessible } from '~/test/axe';
import { screen, settle } from '~/test/render';
import Devices from './Devices.svelte';

// A dialog stands in the page's main part; alone, its head is taken for the page's.
const OUTSIDE_MAIN = ['landmark-no-duplicate-banner'];

async function opened(at: string | null = null, list: readonly DeviceInfo[] = devices, more: Partial<Snapshot> = {}) {
  router.go('devices', at);
  const runtime = new FixtureRuntime(ready({ ...withDevices(list), ...more }));
  runtime.answer = deviceAnswers(list);
  const view = await screen(Devices, runtime);
  const happens = async (event: Event) => {
    runtime.tell({ news: 'device', event });
    await settle();
  };
  return { ...view, happens };
}

async function choose(view: Awaited<ReturnType<typeof opened>>, device: string, what: RegExp) {
  await userEvent.click(view.getByRole('button', { name: `Change ${device}` }));
  await userEvent.click(view.getByRole('menuitem', { name: what }));
}

describe('a code', () => {
  it('is taken back before anybody reads it', async () => {
    const view = await opened('add');
    await userEvent.click(view.getByRole('button', { name: 'Stop showing this code' }));
    await settle();
    expect(view.runtime.commands).toContainEqual({ command: 'withdraw_pairing' });
    expect(view.app.notices.at(-1)?.title).toBe('The code works no longer');
    expect(router.place).toEqual({ name: 'devices', id: null });
  });

  it('stays on the screen while it still works', async () => {
    const view = await opened('add');
    view.runtime.failures.set('withdraw_pairing', { code: 'link_lost', message: 'No line.', hint: null });
    await userEvent.click(view.getByRole('button', { name: 'Stop showing this code' }));
    await settle();
    expect(view.getByRole('button', { name: 'Stop showing this code' })).toBeTruthy();
    expect(view.app.notices.at(-1)?.title).toBe('No line.');
  });
});

describe('the devices', () => {
  it('say whose they are, how their keys are kept, and how far they vouch', async () => {
    const { getByText, getAllByText, container } = await opened();
    expect(getByText('This device')).toBeTruthy();
    expect(getByText('Sealed by a PIN')).toBeTruthy();
    expect(getByText('Log: 1,190 entries vouched for, 14 behind')).toBeTruthy();
    expect(getAllByText('Connected').length).toBeGreaterThan(0);
    expect(getByText(withDevices().trust.fingerprint)).toBeTruthy();
    await expectAccessible(container);
  });

  it('suggest another one where there is only this', async () => {
    const { getByText, getAllByRole, container } = await opened(null, [me]);
    expect(getByText('Only this device can answer')).toBeTruthy();
    await expectAccessible(container);
    getAllByRole('button', { name: 'Add a device' }).at(-1)?.click();
    expect(router.place).toEqual({ name: 'devices', id: 'add' });
  });

  it('are renamed', async () => {
    const view = await opened();
    await choose(view, 'Phone', /Rename/);
    const dialog = view.getByRole('dialog', { name: 'Rename this device' });
    const name = within(dialog).getByLabelText('Name');
    await userEvent.clear(name);
    await userEvent.click(within(dialog).getByRole('button', { name: 'Rename' }));
    expect(dialog.textContent).toContain('A device needs a name.');
    await expectAccessible(dialog, OUTSIDE_MAIN);
    await userEvent.type(name, ' Pocket phone ');
    await userEvent.click(within(dialog).getByRole('button', { name: 'Rename' }));
    expect(view.runtime.commands).toContainEqual({
      command: 'rename_device',
      device: mobile.device,
      name: 'Pocket phone',
    });
  });

  it('are removed only after a question, and voided first if they were lost', async () => {
    const view = await opened();
    await choose(view, 'Phone', /Remove/);
    const dialog = view.getByRole('dialog', { name: 'Remove this device?' });
    await expectAccessible(dialog, OUTSIDE_MAIN);
    await userEvent.click(within(dialog).getByLabelText('It was lost, stolen or taken over'));
    await userEvent.click(within(dialog).getByRole('button', { name: 'Remove' }));
    const done = view.runtime.commands.map((command) => command.command);
    expect(done.slice(-3).filter((name) => name !== 'devices')).toEqual(['revoke_device', 'remove_device']);
  });

  it('do not remove themselves', async () => {
    const view = await opened();
    await userEvent.click(view.getByRole('button', { name: 'Change Laptop' }));
    expect(view.queryByRole('menuitem', { name: /Remove/ })).toBeNull();
  });

  it('change nothing from a device that is no admin', async () => {
    const list = [{ ...me, roles: ['approver'] }, mobile];
    const { getByRole, getByText } = await opened(null, list);
    expect((getByRole('button', { name: 'Add a device' }) as HTMLButtonElement).disabled).toBe(true);
    expect(getByText(/cannot change who is trusted/)).toBeTruthy();
  });

  it('are shown as far as this one knows while the line is down', async () => {
    const { getByText, runtime, container } = await opened(null, devices, { connection: { line: 'lost', code: 'link_lost' } });
    expect(runtime.commands).toEqual([]);
    expect(getByText('Phone')).toBeTruthy();
    await expectAccessible(container);
  });

  it('say loudly that the recovery key is used', async () => {
    const trust = { ...withDevices().trust, recovery_at: NOW + 86_400 };
    const { getByText, container } = await opened(null, devices, { trust });
    expect(getByText('Somebody uses your recovery key')).toBeTruthy();
    await expectAccessible(container);
  });
});

describe('adding a device', () => {
  const joiner = hash('joiner');

  it('goes from the code over the digits to a device', async () => {
    const view = await opened('add');
    expect(view.getByRole('img', { name: /The code for the new device/ })).toBeTruthy();
    expect(view.getByText(offer.offer.ticket)).toBeTruthy();
    expect(view.getByRole('timer').textContent).toMatch(/left/);
    await expectAccessible(view.container);

    await view.happens({ event: 'pairing_asked', joiner, name: 'Tablet' });
    expect(view.getByText('A device has read the code')).toBeTruthy();
    await expectAccessible(view.container);

    await view.happens({ event: 'pairing_digits', joiner, name: 'Tablet' });
    const digits = view.getByLabelText('Six digits') as HTMLInputElement;
    expect(document.activeElement).toBe(digits);
    expect((view.getByLabelText('What it is to be called') as HTMLInputElement).value).toBe('Tablet');
    expect((view.getByLabelText('Whose it is') as HTMLInputElement).value).toBe('owner');
    await expectAccessible(view.container);

    await userEvent.type(digits, '482');
    await userEvent.click(view.getByRole('button', { name: 'Add this device' }));
    expect(view.getByText('All six digits are needed.')).toBeTruthy();
    expect(view.runtime.commands.some((command) => command.command === 'confirm_pairing')).toBe(false);

    await userEvent.type(digits, '913');
    await userEvent.click(view.getByLabelText('It may change who is trusted'));
    await userEvent.click(view.getByRole('button', { name: 'Add this device' }));
    await settle();
    expect(view.runtime.commands).toContainEqual({
      command: 'confirm_pairing',
      joiner,
      digits: '482913',
      name: 'Tablet',
      owner: 'owner',
      admin: true,
      local: false,
    });
    expect(view.getByText('Tablet is one of your devices now')).toBeTruthy();
    await expectAccessible(view.container);
  });

  it('says loudly that the digits were wrong, and starts anew with another code', async () => {
    const view = await opened('add');
    await view.happens({ event: 'pairing_asked', joiner, name: 'Tablet' });
    await view.happens({ event: 'pairing_digits', joiner, name: 'Tablet' });
    view.runtime.failures.set('confirm_pairing', digitsWrong);
    await userEvent.type(view.getByLabelText('Six digits'), '000000');
    await userEvent.click(view.getByRole('button', { name: 'Add this device' }));
    await view.happens({ event: 'pairing_ended', joiner, why: digitsWrong });
    expect(view.getByRole('alert').textContent).toContain(digitsWrong.message);
    await expectAccessible(view.container);
    view.getByRole('button', { name: 'Show a new code' }).click();
    await settle();
    expect(view.runtime.commands.filter((command) => command.command === 'offer_pairing')).toHaveLength(2);
    expect(view.getByText(offer.offer.ticket)).toBeTruthy();
  });

  it('ends when the other side gives up', async () => {
    const view = await opened('add');
    await view.happens({ event: 'pairing_asked', joiner, name: 'Tablet' });
    const why = { code: 'ticket_invalid', message: 'This pairing code is used up or too old.', hint: null };
    await view.happens({ event: 'pairing_ended', joiner, why });
    expect(view.getByText(why.message)).toBeTruthy();
  });

  it('refuses a device one does not know', async () => {
    const view = await opened('add', devices, { joiner: { joiner, name: 'Stranger', digits: true } });
    expect(view.runtime.commands.some((command) => command.command === 'offer_pairing')).toBe(false);
    view.getByRole('button', { name: 'That is not mine' }).click();
    await settle();
    expect(view.runtime.commands).toContainEqual({ command: 'refuse_pairing', joiner });
  });

  it('says when a code is too old', async () => {
    router.go('devices', 'add');
    const runtime = new FixtureRuntime(ready(withDevices()));
    runtime.answer = () => ({ ...offer, offer: { ...offer.offer, expires: NOW - 5 } });
    const { getByText, container } = await screen(Devices, runtime);
    expect(getByText('This code is too old')).toBeTruthy();
    await expectAccessible(container);
  });

  it('says when there is no code to be had', async () => {
    router.go('devices', 'add');
    const runtime = new FixtureRuntime(ready(withDevices()));
    runtime.answer = deviceAnswers();
    runtime.failures.set('offer_pairing', { code: 'link_lost', message: 'The daemon cannot be reached.', hint: 'Wait.' });
    const { getByText, getByRole } = await screen(Devices, runtime);
    expect(getByText('The daemon cannot be reached.')).toBeTruthy();
    runtime.failures.clear();
    getByRole('button', { name: 'Show a new code' }).click();
    await settle();
    expect(getByText(offer.offer.ticket)).toBeTruthy();
  });
});
