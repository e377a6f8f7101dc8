// Holds the interface to what loads before its first prompt: the entry and all that it imports at once, and the runtime,
// for which the entry waits.
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { gzipSync } from 'node:zlib';

/** Bytes of gzipped JavaScript. */
const LIMIT = 60_000;

const dist = join(import.meta.dirname, '../dist');
const entry = readFileSync(join(dist, 'index.html'), 'utf8').match(/<script type="module"[^>]* src="([^"]+)"/)?.[1];
if (!entry) throw new Error('ui/dist/index.html names no script');

const loaded = new Map();
function load(file) {
  if (loaded.has(file)) return;
  const code = readFileSync(file);
  loaded.set(file, gzipSync(code).length);
  for (const [, name] of code.toString().matchAll(/(?:from|import)\s*"(\.[^"]+\.js)"/g)) {
    load(join(dirname(file), name));
  }
}
load(join(dist, entry));
const runtime = readdirSync(join(dist, 'assets')).filter((name) => /^tauri-.*\.js$/.test(name));
if (runtime.length !== 1) throw new Error('the runtime of the window is not one file');
load(join(dist, 'assets', runtime[0]));

const total = [...loaded.values()].reduce((sum, bytes) => sum + bytes, 0);
const line = `${loaded.size} files of JavaScript load before the first prompt: ${total} bytes gzipped, at most ${LIMIT}.`;
if (total > LIMIT) {
  console.error(line, 'Load a screen when it is opened, or leave something out.');
  process.exit(1);
}
console.log(line);
