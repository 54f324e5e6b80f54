// The size of each entry as it would travel: bundled, minified, compressed. Fails above the limits.

import { build } from 'esbuild';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';

/** Bytes. */
const LIMITS = { 'session.js': 6 * 1024, 'drafts.js': 3 * 1024, 'dialog.js': 2 * 1024 };

for (const [entry, limit] of Object.entries(LIMITS)) {
  const built = await build({
    entryPoints: [fileURLToPath(new URL(`../${entry}`, import.meta.url))],
    bundle: true,
    minify: true,
    write: false,
    format: 'esm',
    target: 'es2022',
  });
  const minified = built.outputFiles[0].contents;
  const size = gzipSync(minified, { level: 9 }).length;
  const verdict = size > limit ? `too large: at most ${limit}` : 'ok';
  console.log(`${entry}: ${minified.length} bytes minified, ${size} compressed, ${verdict}`);
  if (size > limit) process.exitCode = 1;
}
