// `npm start`: prepares the clone and serves, in this same process.
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { findNpm } from './findNpm.mjs';
import { prepareOrExit, ROOT } from './prepare.mjs';

// Names of webhook receivers are looked up on these threads: with the usual four, two silent name servers would delay all.
process.env.UV_THREADPOOL_SIZE ??= '32';
await prepareOrExit({ build: true });
const main = join(ROOT, 'dist', 'src', 'main.js');
const npm = findNpm();
const stopWith = npm ? ['--stop-with-parent', String(npm)] : [];
process.argv = [process.argv[0], main, 'serve', ...stopWith, ...process.argv.slice(2)];
await import(pathToFileURL(main).href);
