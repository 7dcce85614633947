// `npm run conformance`: prepares the clone, compiles conformance/ and runs it in this same process.
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { prepareOrExit, ROOT, TSC } from './prepare.mjs';

// The suite needs the compiler alone: the server it tests may be another one.
await prepareOrExit({ build: false });
const { status } = spawnSync(process.execPath, [TSC, '-p', join('conformance', 'tsconfig.json')], {
  cwd: ROOT,
  stdio: 'inherit',
});
if (status !== 0) process.exit(2);
const { main } = await import(pathToFileURL(join(ROOT, 'dist', 'conformance', 'main.js')).href);
process.exitCode = await main(process.argv.slice(2));
