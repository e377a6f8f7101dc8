// What this machine has: the programs that were built, a Chromium, and a place for what a run leaves behind.
import { existsSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const target = process.env.CARGO_TARGET_DIR ?? join(homedir(), '.cache/agenttrust/target');

/** Where `agenttrust` and the tests' own programs are. */
export const programs = process.env.AGENTTRUST_PROGRAMS ?? join(target, 'debug');

/** What a run leaves behind. */
export const scratch = join(tmpdir(), 'agenttrust-e2e');

/** The interface, built for the bridge. */
export const ui = fileURLToPath(new URL('../dist-bridge', import.meta.url));

/** The repository. */
export const root = fileURLToPath(new URL('../..', import.meta.url));

/** A program, which has to be built. */
export function program(name: string): string {
  const path = join(programs, name);
  if (!existsSync(path)) throw new Error(`${path} is not built: cargo build --workspace --bins`);
  return path;
}

/** How pages are opened. */
export const chromium = {
  browserName: 'chromium' as const,
  headless: true,
  locale: 'en-GB',
  timezoneId: 'UTC',
  viewport: { width: 1280, height: 800 },
  launchOptions: {
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
      '--disable-extensions',
      '--font-render-hinting=none',
      '--force-color-profile=srgb',
    ],
  },
};
