import base from './playwright.config';

// Pictures of every screen and state: `make screens`.
export default { ...base, testMatch: 'screens.ts', globalTimeout: 600_000, timeout: 60_000, reporter: [['line']] as [string][] };
