// A person at a desk: a real daemon, a real device behind the bridge, a browser that shows it, and whatever else such
// a person has, as programs of their own.
import { test as base, expect, type Page } from '@playwright/test';
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Call, CardView, Command, Done, ErrorBody, Reply, Snapshot } from '~/runtime/types';
import { program, ui } from './machine';

/** How a program ended and what it said. */
export interface Ended {
  code: number | null;
  out: string;
  err: string;
}

/** A program that runs beside the browser. */
export class Running {
  readonly ended: Promise<Ended>;
  out = '';
  err = '';

  constructor(readonly child: ChildProcess) {
    child.stdout?.on('data', (data: Buffer) => (this.out += data.toString()));
    child.stderr?.on('data', (data: Buffer) => (this.err += data.toString()));
    this.ended = new Promise((resolve, reject) => {
      child.once('error', reject);
      child.once('close', (code) => resolve({ code, out: this.out, err: this.err }));
    });
  }

  /** Ends it at once. */
  kill(): void {
    this.child.kill('SIGKILL');
  }

  /** The text between two others in what it said, once it is there. */
  async said(pattern: RegExp): Promise<string> {
    let found = '';
    await expect(() => {
      found = pattern.exec(this.out + this.err)?.[1] ?? '';
      expect(found, `${pattern} in ${this.out}${this.err}`).not.toBe('');
    }).toPass({ timeout: 10_000, intervals: [50] });
    return found;
  }
}

interface Asking {
  agent?: string;
  tool?: string;
  args?: Record<string, string>;
  title?: string;
  reason?: string;
  risk?: 'low' | 'medium' | 'high' | 'critical';
  wait?: string;
  command?: string[];
}

export class Desk {
  readonly data: string;
  readonly folder: string;
  readonly #children: Running[] = [];
  url = '';
  token = '';

  private constructor(folder: string) {
    this.folder = folder;
    this.data = join(folder, 'data');
  }

  /** An empty data folder with a bridge in front of it. */
  static async open(): Promise<Desk> {
    const desk = new Desk(mkdtempSync(join(tmpdir(), 'agenttrust-e2e-')));
    mkdirSync(desk.data, { mode: 0o700 });
    writeFileSync(join(desk.data, 'config.toml'), '[link]\nbind = "127.0.0.1:0"\n');
    await desk.openBridge();
    return desk;
  }

  async openBridge(): Promise<void> {
    const bridge = this.start('ui-bridge', ['--data', this.data, '--ui', ui], 'pipe');
    const lines = createInterface({ input: bridge.child.stdout as NodeJS.ReadableStream });
    const first = await new Promise<string>((resolve, reject) => {
      lines.once('line', resolve);
      void bridge.ended.then(({ err }) => reject(new Error(`the bridge ended: ${err}`)));
    });
    ({ url: this.url, token: this.token } = JSON.parse(first) as { url: string; token: string });
  }

  /** Something for the console, past the browser; throws an `ErrorBody`. */
  async call<R extends Reply>(call: Call): Promise<R> {
    const response = await fetch(`${this.url}/call`, {
      method: 'POST',
      headers: { authorization: `Bearer ${this.token}`, 'content-type': 'application/json' },
      body: JSON.stringify(call),
    });
    const body: unknown = await response.json();
    if (!response.ok) throw body as ErrorBody;
    return body as R;
  }

  /** Makes the desk's computer a device, and leaves the first run behind. */
  async pair(): Promise<void> {
    await expect.poll(() => this.stage(), { timeout: 10_000 }).toBe('unpaired');
    await this.call({ call: 'pair_here', name: 'Laptop', owner: 'owner', keys: 'file' });
    const settings = { notifications: 'discreet', autostart: false, theme: 'system', welcomed: true, told_of_tray: true } as const;
    await this.call({ call: 'set_settings', settings });
    await expect.poll(async () => (await this.snapshot()).connection.line, { timeout: 10_000 }).toBe('connected');
  }

  async stage(): Promise<string> {
    const { stage } = await this.call<Extract<Reply, { reply: 'stage' }>>({ call: 'stage' });
    return stage.stage;
  }

  async snapshot(): Promise<Snapshot> {
    const { stage } = await this.call<Extract<Reply, { reply: 'stage' }>>({ call: 'stage' });
    if (stage.stage !== 'ready') throw new Error(`it is ${stage.stage}`);
    return stage.snapshot;
  }

  /** The newest card that waits. */
  async card(): Promise<CardView> {
    let found: CardView | undefined;
    await expect(async () => {
      found = (await this.snapshot()).cards.filter((card) => card.phase.phase === 'open').at(-1);
      expect(found, 'a card waits').toBeTruthy();
    }).toPass({ timeout: 10_000, intervals: [50] });
    return found as CardView;
  }

  /** An agent asks to run a command. */
  ask(asking: Asking = {}): Running {
    const { agent = 'invoice-bot', tool = 'pay_invoice', args = {}, wait = '25s', command = ['echo', 'it ran'] } = asking;
    const more = Object.entries(args).map(([name, value]) => `--arg=${name}=${value}`);
    for (const name of ['title', 'reason', 'risk'] as const) if (asking[name]) more.push(`--${name}=${asking[name]}`);
    const words = ['run', '--agent', agent, '--tool', tool, '--wait', wait, ...more, '--', ...command];
    return this.agenttrust(words);
  }

  /** An agent that may ask already asks to run a command. */
  async askAsKnown(asking: Asking = {}): Promise<Running> {
    const running = this.ask(asking);
    await expect(async () => {
      const { agents, cards } = await this.snapshot();
      for (const agent of agents) {
        await this.command({ command: 'accept_agent', enroll: agent.enroll, name: null });
      }
      expect(cards.some((card) => card.phase.phase === 'open'), running.err).toBe(true);
    }).toPass({ timeout: 10_000, intervals: [50] });
    return running;
  }

  /** What a coding agent calls before and after, with what it tells its hook. */
  hook(event: Record<string, unknown>): Running {
    const hook = this.start('agenttrust', ['--data', this.data, 'hook', 'claude-code'], 'pipe');
    const told = { session_id: 'a-session', cwd: this.folder, transcript_path: '/dev/null', permission_mode: 'default', ...event };
    hook.child.stdin?.end(JSON.stringify(told));
    return hook;
  }

  /** Runs the `agenttrust` program. */
  agenttrust(words: string[]): Running {
    return this.start('agenttrust', ['--data', this.data, ...words]);
  }

  /** The daemon's process. */
  async daemon(): Promise<number> {
    const { out } = await this.agenttrust(['--json', 'status']).ended;
    return (JSON.parse(out) as { daemon?: { pid: number }; pid?: number }).pid ?? (JSON.parse(out).daemon.pid as number);
  }

  /** Starts a program; it ends with the desk. */
  start(name: string, words: string[], stdin: 'ignore' | 'pipe' = 'ignore'): Running {
    const env = { ...process.env, AGENTTRUST_STATE: join(this.folder, 'state'), NO_COLOR: '1' };
    for (const other of ['AGENTTRUST_DATA', 'AGENTTRUST_SOCKET', 'AGENTTRUST_AGENT']) delete (env as NodeJS.ProcessEnv)[other];
    const child = spawn(program(name), words, { cwd: this.folder, env, stdio: [stdin, 'pipe', 'pipe'] });
    const running = new Running(child);
    this.#children.push(running);
    return running;
  }

  /** A second device, let in with its digits; nobody looks at it yet. */
  async phone(): Promise<Phone> {
    const done = await this.command({ command: 'offer_pairing' });
    if (done.done !== 'offer') throw new Error(done.done);
    const phone = new Phone(this, done.offer.ticket);
    const digits = await phone.joining.said(/digits: ([\d ]+)/);
    await expect.poll(async () => (await this.snapshot()).joiner?.digits).toBe(true);
    const joiner = (await this.snapshot()).joiner?.joiner as string;
    const rest = { name: null, owner: 'owner', admin: true, local: false };
    await this.command({ command: 'confirm_pairing', joiner, digits, ...rest });
    expect(await phone.joining.ended).toMatchObject({ code: 0 });
    return phone;
  }

  /** Something for the device, past the browser. */
  async command(command: Command): Promise<Done> {
    return (await this.call<Extract<Reply, { reply: 'device' }>>({ call: 'device', command })).done;
  }

  /** What the person's exports and choices wrote. */
  chosen(): string {
    return join(this.data, 'chosen');
  }

  written(): string[] {
    return readdirSync(this.chosen());
  }

  async close(): Promise<void> {
    const down = this.agenttrust(['--json', 'down']);
    await down.ended.catch(() => undefined);
    for (const child of this.#children) {
      child.child.stdin?.end();
      child.kill();
    }
    await Promise.all(this.#children.map((child) => child.ended.catch(() => undefined)));
    rmSync(this.folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 50 });
  }
}

/** A device with nobody in front of it. */
export class Phone {
  readonly joining: Running;
  readonly #desk: Desk;
  readonly #folder: string;

  constructor(desk: Desk, ticket: string) {
    this.#desk = desk;
    this.#folder = join(desk.folder, 'phone');
    this.joining = desk.start('virtual-phone', ['--folder', this.#folder, 'join', '--ticket', ticket]);
  }

  /** Gives these answers, one a card: `approve`, `deny:WORDS`, `edit:JSON`, `ignore`. */
  answer(...answers: string[]): Running {
    return this.#desk.start('virtual-phone', ['--folder', this.#folder, 'serve', ...answers]);
  }
}

interface Fixtures {
  /** A computer that is no device yet. */
  bare: Desk;
  /** A computer that is a device. */
  desk: Desk;
  /** The window's page. */
  open: (desk: Desk, place?: string) => Promise<Page>;
}

export const test = base.extend<Fixtures>({
  // eslint-disable-next-line no-empty-pattern
  bare: async ({}, use) => {
    const desk = await Desk.open();
    await use(desk);
    await desk.close();
  },
  desk: async ({ bare }, use) => {
    await bare.pair();
    await use(bare);
  },
  open: async ({ page }, use) => {
    const troubles = watch(page);
    await use(async (desk, place = '') => {
      await page.goto(`${desk.url}/?token=${desk.token}${place && `#/${place}`}`);
      return page;
    });
    expect(troubles, 'nothing is thrown, and nothing is refused by the policy').toEqual([]);
  },
});

/** Everything that went wrong in a page without being shown. */
export function watch(page: Page): string[] {
  const troubles: string[] = [];
  page.on('pageerror', (error) => troubles.push(String(error)));
  page.on('console', (message) => {
    // A refused call is shown on the page; the browser tells its status besides.
    if (message.type() === 'error' && !message.text().startsWith('Failed to load resource')) troubles.push(message.text());
  });
  return troubles;
}

export { expect };
