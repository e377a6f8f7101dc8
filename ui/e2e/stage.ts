// The built interface in a state made of fixtures, without a daemon: what the bridge would answer is answered here, at
// an address that nothing leaves the browser for.
import type { Page, Route } from '@playwright/test';
import { readFileSync } from 'node:fs';
import { extname, join, normalize } from 'node:path';
import { errorBody } from '~/runtime/runtime';
import type { FixtureRuntime } from '~/runtime/fixture';
import type { Call, News } from '~/runtime/types';
import { root, ui } from './machine';

const ORIGIN = 'http://localhost:7411';

const KINDS: Record<string, string> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript',
  '.css': 'text/css',
  '.svg': 'image/svg+xml',
  '.woff2': 'font/woff2',
};

/** The policy that the desktop's window has; calls go to the page's own address instead of to the shell. */
function policy(): string {
  const config = JSON.parse(readFileSync(join(root, 'tauri.conf.json'), 'utf8')) as {
    app: { security: { csp: Record<string, string> } };
  };
  const rules = { ...config.app.security.csp, 'connect-src': "'self'" };
  return Object.entries(rules).map(([name, words]) => `${name} ${words}`).join('; ');
}

/** A page with the interface on it, which hears what `tell` says. */
export class Window {
  readonly #page: Page;
  #runtime: FixtureRuntime | null = null;
  /** Names of calls and commands that are never answered. */
  #waits: readonly string[] = [];

  private constructor(page: Page) {
    this.#page = page;
  }

  static async on(page: Page, now: number): Promise<Window> {
    const window = new Window(page);
    await page.clock.setFixedTime(now * 1000);
    // News come from the test, one by one.
    await page.addInitScript(() => {
      const sources: { onmessage?: (message: { data: string }) => void }[] = [];
      const fake = class {
        constructor() {
          sources.push(this as (typeof sources)[number]);
        }
        close() {}
      };
      Object.assign(globalThis, {
        EventSource: fake,
        tell: (news: string) => sources.forEach((source) => source.onmessage?.({ data: news })),
      });
    });
    const csp = policy();
    // A page that is gone takes no answer any more.
    await page.route(`${ORIGIN}/**`, (route) => window.#answer(route, csp).catch(() => undefined));
    return window;
  }

  /** Shows this. */
  async open(runtime: FixtureRuntime, at: string, waits: readonly string[] = []): Promise<void> {
    this.#runtime = runtime;
    this.#waits = waits;
    await this.#page.goto('about:blank');
    await this.#page.goto(`${ORIGIN}/?token=fixture${at}`);
  }

  /** Something happens. */
  async tell(news: News): Promise<void> {
    const hear = (text: string) => (globalThis as unknown as { tell: (news: string) => void }).tell(text);
    await this.#page.evaluate(hear, JSON.stringify(news));
  }

  async #answer(route: Route, csp: string): Promise<void> {
    const { pathname } = new URL(route.request().url());
    if (pathname === '/call') return this.#call(route);
    const file = normalize(pathname === '/' ? '/index.html' : pathname);
    try {
      const body = readFileSync(join(ui, file));
      const headers = { 'content-security-policy': csp };
      await route.fulfill({ body, headers, contentType: KINDS[extname(file)] ?? 'application/octet-stream' });
    } catch {
      await route.fulfill({ status: 404, body: '' });
    }
  }

  async #call(route: Route): Promise<void> {
    const call = route.request().postDataJSON() as Call;
    if (this.#waits.includes(call.call === 'device' ? call.command.command : call.call)) return;
    try {
      await route.fulfill({ json: await this.#runtime?.call(call) });
    } catch (thrown) {
      await route.fulfill({ status: 422, json: errorBody(thrown) });
    }
  }
}
