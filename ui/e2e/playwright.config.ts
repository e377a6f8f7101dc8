import { defineConfig } from '@playwright/test';
import { chromium, scratch } from './machine';

// Two at a time on two cores; what hangs is ended with a reason, and nothing is tried again until it passes.
export default defineConfig({
  testDir: '.',
  testMatch: '*.spec.ts',
  outputDir: `${scratch}/results`,
  workers: 2,
  fullyParallel: true,
  retries: 0,
  timeout: 30_000,
  globalTimeout: 900_000,
  expect: { timeout: 10_000 },
  reporter: [['list']],
  forbidOnly: true,
  use: { ...chromium, actionTimeout: 10_000, navigationTimeout: 10_000, screenshot: 'only-on-failure' },
});
