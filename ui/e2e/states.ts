// Every screen in every state: what is checked for access, and what pictures are taken of.
import type { Page } from '@playwright/test';
import type { FixtureRuntime } from '~/runtime/fixture';
import type { Command, Done, ErrorBody, Event, Snapshot, Stage } from '~/runtime/types';
import type { Window } from './stage';

/** The time in all of them, in seconds: a Wednesday morning. */
export const NOW = Date.UTC(2026, 10, 25, 9, 41) / 1000;

// Fixtures lie around the time at which they are read.
const now = Date.now;
Date.now = () => NOW * 1000;
const { scenes, runtimeOf } = await import('~/gallery/scenes');
const cards = await import('~/fixtures/cards');
const { busy, quiet, ready } = await import('~/fixtures/snapshot');
const past = await import('~/fixtures/history');
const devices = await import('~/fixtures/devices');
const { FixtureRuntime: Runtime } = await import('~/runtime/fixture');
Date.now = now;

/** A screen in a state. */
export interface State {
  name: string;
  stage: Stage;
  /** The address within the app. */
  at: string;
  /** Answers the device's commands. */
  answer?: (command: Command) => Done | undefined;
  /** What calls and commands fail with. */
  fails?: Record<string, ErrorBody>;
  /** Calls and commands that are never answered. */
  waits?: string[];
  /** The first run is not over. */
  isFirst?: boolean;
  /** What the person does, and what happens, until it is in this state. */
  then?: (page: Page, window: Window) => Promise<void>;
  /** Of little use as a picture: it looks like another one. */
  isPlain?: boolean;
}

export function runtime(state: State): FixtureRuntime {
  const of = new Runtime(state.stage);
  of.settings = { ...of.settings, welcomed: !state.isFirst };
  const { answer } = runtimeOf({ stage: state.stage, at: state.at });
  of.answer = (command) => state.answer?.(command) ?? all(command) ?? answer(command);
  for (const [name, why] of Object.entries(state.fails ?? {})) of.failures.set(name, why);
  return of;
}

const history = past.answers();
const list = devices.deviceAnswers();
const all = (command: Command): Done | undefined => history(command) ?? list(command);

const button = (page: Page, name: string) => page.getByRole('button', { name, exact: true }).first();
const press = (name: string) => (page: Page) => button(page, name).click();
const why = (code: string, message: string, hint: string): ErrorBody => ({ code, message, hint });
const unreachable = why('link_lost', 'The daemon cannot be reached.', 'Start it with `agenttrust up`.');
const event = (of: Event) => ({ news: 'device', event: of }) as const;

const pages = [...Object.entries(scenes)].map(([name, { stage, at }]): State => {
  const kind = at.startsWith('#/request') ? 'request' : at.startsWith('#/inbox') ? 'inbox' : 'app';
  return { name: `${kind}-${name}`, stage, at, isPlain: /phase-here-(stored|claimed|unknown|modify)|there-denied|newer|unverified/.test(name) };
});

const payment = scenes.payment as { stage: Stage; at: string };
const editing: State[] = [
  { name: 'request-edit', ...payment, then: press('Edit') },
  {
    name: 'request-edit-diff',
    ...payment,
    then: async (page) => {
      await press('Edit')(page);
      await page.getByRole('textbox', { name: 'amount' }).fill('990.00');
      await page.getByRole('list', { name: 'Your changes' }).waitFor();
    },
  },
  {
    name: 'request-edit-error',
    ...payment,
    then: async (page) => {
      await press('Edit')(page);
      await page.getByRole('textbox', { name: 'amount' }).fill('a lot');
      await page.getByText('This must be a number', { exact: false }).first().waitFor();
    },
  },
  {
    name: 'request-edit-json',
    ...payment,
    then: async (page) => {
      await press('Edit')(page);
      await page.getByRole('radio', { name: 'JSON' }).check({ force: true });
    },
  },
  { name: 'request-say-why', ...payment, then: press('Say why') },
  {
    name: 'request-refused',
    ...payment,
    fails: { deny: why('not_pending', 'This request waits no longer.', 'Look at how it ended.') },
    then: press('Deny'),
  },
  {
    name: 'request-details',
    ...payment,
    then: async (page) => page.getByText('Details', { exact: true }).click(),
  },
  { name: 'inbox-hook-knocks', stage: ready({ ...quiet, agents: [cards.hookKnock()] }), at: '#/inbox' },
  { name: 'starting-long', stage: { stage: 'starting' }, at: '', then: (page) => button(page, 'Stop waiting').waitFor() },
  { name: 'app-keyboard', ...(scenes.inbox as { stage: Stage; at: string }), then: async (page) => page.keyboard.press('?') },
];

const record = `#/history/${past.record.request}`;
const onHistory = (name: string, more: Partial<State> = {}): State => ({ name: `history-${name}`, stage: ready(quiet), at: '#/history', ...more });
const onRecord = (name: string, more: Partial<State> = {}): State => onHistory(name, { at: record, ...more });
const histories: State[] = [
  onHistory('list'),
  onHistory('empty', { answer: past.answers([]) }),
  onHistory('nothing-matches', { then: (page) => page.getByRole('searchbox').fill('a word nobody wrote') }),
  onHistory('hostile', { answer: past.answers([past.hostileItem, ...past.items(3)]) }),
  onHistory('loading', { waits: ['history', 'counts', 'agents'] }),
  onHistory('failed', { fails: { history: unreachable, counts: unreachable } }),
  onHistory('filters', {
    then: async (page) => {
      const filters = page.getByRole('button', { name: /^Filters/ });
      if (await filters.isVisible()) await filters.click();
      await page.getByRole('combobox', { name: 'Outcome' }).selectOption({ label: 'Denied' });
    },
  }),
  onHistory('offline', { stage: ready({ ...quiet, connection: { line: 'lost', code: 'closed' } }) }),
  onRecord('record'),
  onRecord('verified', { then: press('Verify') }),
  onRecord('not-verified', {
    fails: { verify: why('bad_proof', 'The log does not hold this message.', 'Keep the data folder as it is.') },
    then: press('Verify'),
  }),
  onRecord('verify-unreachable', { fails: { verify: why('daemon_down', 'The AgentTrust daemon is not running.', 'Start it.') }, then: press('Verify') }),
  onRecord('erased', { answer: past.answers(past.items(3), past.agents, past.erased) }),
  onRecord('faulty', { answer: past.answers(past.items(3), past.agents, past.faulty) }),
  onRecord('erase', { then: press('Erase content') }),
  onRecord('message', { then: (page) => page.getByRole('button', { name: /signed by/ }).first().click() }),
  onRecord('record-loading', { waits: ['detail'] }),
  onRecord('record-missing', { fails: { detail: why('not_found', 'There is no such thing here.', 'Check the id.') } }),
];

const onAgents = (name: string, more: Partial<State> = {}): State => ({ name: `agents-${name}`, stage: ready(quiet), at: '#/agents', ...more });
const agents: State[] = [
  onAgents('list', { stage: ready({ ...quiet, agents: [cards.knock] }) }),
  onAgents('empty', { answer: past.answers([], []) }),
  onAgents('loading', { waits: ['agents'] }),
  onAgents('failed', { fails: { agents: unreachable } }),
  onAgents('paused', { stage: ready({ ...quiet, trust: { ...quiet.trust, paused: [cards.KEYS.invoice] } }) }),
  onAgents('one', { at: `#/agents/${cards.KEYS.coder}` }),
  onAgents('one-gateway', { at: `#/agents/${cards.KEYS.desk}`, answer: past.answers([], past.agents, past.record, { sessions: [], next: null, fault: null }) }),
  onAgents('one-faulty', {
    at: `#/agents/${cards.KEYS.coder}`,
    answer: past.answers(past.items(9), past.agents, past.record, {
      ...past.sessions,
      sessions: past.sessions.sessions.slice(0, 1),
      fault: { code: 'bad_signature', message: 'The signature does not match the message. [session]', hint: null },
    }),
  }),
  onAgents('one-loading', { at: `#/agents/${cards.KEYS.coder}`, waits: ['sessions', 'counts'] }),
  onAgents('add', { then: press('Add an agent') }),
  onAgents('add-command', {
    then: async (page) => {
      await button(page, 'Add an agent').click();
      await page.getByRole('radio', { name: 'A command or script' }).check();
    },
  }),
  onAgents('revoke', {
    then: async (page) => {
      await button(page, 'More for invoice-bot').click();
      await page.getByRole('menuitem', { name: 'Revoke for good…' }).click();
    },
  }),
  onAgents('menu', { then: (page) => button(page, 'More for invoice-bot').click() }),
];

const joiner = (digits: boolean): Snapshot => ({ ...devices.withDevices(), joiner: { joiner: 'joiner', name: 'Tablet', digits } });
const onDevices = (name: string, more: Partial<State> = {}): State => ({ name: `devices-${name}`, stage: ready(devices.withDevices()), at: '#/devices', ...more });
const change = (what: string) => async (page: Page) => {
  await button(page, 'Change Phone').click();
  await page.getByRole('menuitem', { name: what }).click();
};
const deviceStates: State[] = [
  onDevices('list'),
  onDevices('alone', { stage: ready(devices.withDevices([devices.me])), answer: devices.deviceAnswers([devices.me]) }),
  onDevices('loading', { waits: ['devices'] }),
  onDevices('failed', { fails: { devices: unreachable } }),
  onDevices('offline', { stage: ready({ ...devices.withDevices(), connection: { line: 'lost', code: 'closed' } }) }),
  onDevices('code', { at: '#/devices/add' }),
  onDevices('code-failed', { at: '#/devices/add', fails: { offer_pairing: unreachable } }),
  onDevices('meeting', { at: '#/devices/add', stage: ready(joiner(false)) }),
  onDevices('digits', { at: '#/devices/add', stage: ready(joiner(true)) }),
  onDevices('digits-wrong', {
    at: '#/devices/add',
    stage: ready(joiner(true)),
    then: async (page, window) => {
      await page.getByRole('textbox', { name: 'Six digits' }).waitFor();
      await window.tell(event({ event: 'pairing_ended', joiner: 'joiner', why: devices.digitsWrong }));
    },
  }),
  onDevices('rename', { then: change('Rename…') }),
  onDevices('remove', { then: change('Remove…') }),
];

const onSettings = (name: string, more: Partial<State> = {}): State => ({ name: `settings-${name}`, stage: ready(quiet), at: '#/settings', ...more });
const settings: State[] = [
  onSettings('all'),
  onSettings('paused', { stage: ready({ ...quiet, trust: { ...quiet.trust, paused_all: true } }) }),
  onSettings('pause', { then: press('Pause everything') }),
  onSettings('down', { stage: { ...ready({ ...quiet, connection: { line: 'lost', code: 'closed' } }), daemon: { daemon: 'down' } } as Stage }),
  onSettings('log-changed', { stage: ready({ ...quiet, log_trouble: { message: 'Leaf 311 is missing.', fraud: true } }) }),
];

const first = (name: string, more: Partial<State> = {}): State => ({ name: `first-${name}`, stage: devices.unpaired(), at: '', isFirst: true, ...more });
const setUp = press('Set up this computer');
const isReady = (snapshot: Snapshot = quiet): Partial<State> => ({ stage: ready(snapshot) });
const toTryOut = async (page: Page) => button(page, 'Skip for now').click();
const trial = cards.card({ id: 'hello', agent: 'try-out', tool: 'say_hello', server: null, task: null, items: [] });
const send = async (page: Page) => {
  await toTryOut(page);
  await button(page, 'Send a try-out request').click();
};
const firsts: State[] = [
  first('what'),
  first('pair', { then: setUp }),
  first('pair-no-key-store', { stage: devices.unpaired({ daemon: 'down' }, devices.keyStoreLocked), then: setUp }),
  first('pair-unwarned', {
    stage: devices.unpaired({ daemon: 'down' }, devices.keyStoreLocked),
    then: async (page) => {
      await setUp(page);
      await button(page, 'Make it a device').click();
    },
  }),
  first('pair-older-daemon', { stage: devices.unpaired({ daemon: 'other_version', version: '0.0.9', older: true }), then: setUp }),
  first('pair-foreign', { stage: devices.unpaired({ daemon: 'foreign', why: unreachable }), then: setUp }),
  first('pair-failed', {
    fails: { pair_here: why('disk_full', 'The disk is full, so nothing can be recorded and nothing is approved.', 'Free some space.') },
    then: async (page) => {
      await setUp(page);
      await button(page, 'Make it a device').click();
      await page.getByRole('alert').first().waitFor();
    },
  }),
  first('join', { stage: devices.unpaired({ daemon: 'running', paired: true }), then: setUp }),
  first('joining', { stage: { stage: 'joining', digits: null } }),
  first('joining-digits', { stage: { stage: 'joining', digits: '428917' } }),
  first('agents', isReady()),
  first('try-out', { ...isReady(), then: toTryOut }),
  first('try-out-sent', { ...isReady(), then: send }),
  first('try-out-knocks', { ...isReady({ ...quiet, agents: [cards.knock] }), then: send }),
  first('try-out-waits', { ...isReady({ ...quiet, cards: [trial] }), then: send }),
  first('try-out-ran', {
    ...isReady(),
    then: async (page, window) => {
      await send(page);
      await window.tell({ news: 'tried_out', ran: true, words: 'Hello! This ran because you approved it.' });
    },
  }),
  first('try-out-ended', {
    ...isReady(),
    then: async (page, window) => {
      await send(page);
      await window.tell({ news: 'tried_out', ran: false, words: 'A person denied it.' });
    },
  }),
  first('ready', {
    ...isReady(),
    then: async (page) => {
      await toTryOut(page);
      await button(page, 'Skip for now').click();
    },
  }),
];

const notices: State = {
  name: 'app-notice',
  stage: ready(busy),
  at: '#/inbox',
  then: async (page, window) => {
    await page.getByRole('heading', { name: 'Inbox' }).waitFor();
    await window.tell(event({ event: 'trouble', why: unreachable }));
    await page.getByText(unreachable.message).first().waitFor();
  },
};

/** All of them. */
export const states: State[] = [...firsts, ...pages, ...editing, notices, ...histories, ...agents, ...deviceStates, ...settings];

/** Brings a page into a state, and waits until nothing moves. */
export async function enter(state: State, page: Page, window: Window): Promise<void> {
  await window.open(runtime(state), state.at, state.waits);
  await page.locator('#app > *').first().waitFor();
  await page.locator('h1, main').first().waitFor();
  await state.then?.(page, window);
  // An answer's button rests for a moment after its card came.
  const rested = () => document.querySelector('[data-armed="false"]:not([aria-describedby])') === null;
  await page.waitForFunction(rested, null, { timeout: 700 }).catch(() => undefined);
  await settle(page);
}

/** Waits until nothing moves. */
export async function settle(page: Page): Promise<void> {
  await page.evaluate(async () => {
    await document.fonts.ready;
    const frame = () => new Promise((done) => requestAnimationFrame(done));
    await frame();
    await frame();
    // What ends may set off what follows: a colour that is inherited goes from one element to the next.
    const ending = () => document.getAnimations().some((one) => one.effect?.getComputedTiming().iterations !== Infinity);
    for (let still = 0, frames = 0; still < 3 && frames < 200; frames += 1) {
      await frame();
      still = ending() ? 0 : still + 1;
    }
  });
}
