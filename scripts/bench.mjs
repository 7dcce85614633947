// `npm run bench`: prepares the clone, compiles bench/ and runs it in this same process.
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { findNpm } from './findNpm.mjs';
import { prepareOrExit, ROOT, TSC } from './prepare.mjs';

await prepareOrExit({ build: true });
// Into a directory of its own inside dist, where the server under test must stay as `npm start` built it.
const { status } = spawnSync(process.execPath, [TSC, '-p', join('bench', 'tsconfig.json')], {
  cwd: ROOT,
  stdio: 'inherit',
});
if (status !== 0) process.exit(1);
const { main } = await import(pathToFileURL(join(ROOT, 'dist', 'bench', 'bench', 'main.js')).href);
await main({ root: ROOT, args: process.argv.slice(2), npm: findNpm() });
