import { svelte } from '@sveltejs/vite-plugin-svelte';
import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url));

// The gallery is a page of the development server and of its own build only: what ships is index.html.
export default defineConfig(({ mode }) => ({
  root: here('.'),
  base: './',
  plugins: [svelte()],
  resolve: {
    alias: { '~': here('./src') },
    // Under Vitest the browser's build of Svelte is wanted, not the server's.
    conditions: process.env.VITEST ? ['browser', 'module', 'import', 'default'] : undefined,
  },
  define: { __BRIDGE__: JSON.stringify(mode === 'bridge') },
  build: {
    outDir: here(mode === 'gallery' ? './dist-gallery' : mode === 'bridge' ? './dist-bridge' : './dist'),
    emptyOutDir: true,
    target: ['safari16', 'chrome110'],
    // Small images would be inlined as data; there are none, and the CSP stays narrow.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    rollupOptions: { input: here(mode === 'gallery' ? './gallery.html' : './index.html') },
  },
  test: {
    environment: 'jsdom',
    // What looks at a whole page takes a while on a busy machine.
    testTimeout: 60_000,
    include: ['src/**/*.test.ts'],
    setupFiles: [here('./src/test/setup.ts')],
  },
}));
