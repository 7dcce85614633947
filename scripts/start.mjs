// `npm start`: prepares the clone and serves, in this same process.
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { findNpm } from './findNpm.mjs';
import { prepareOrExit, ROOT } from './prepare.mjs';

await prepareOrExit({ build: true });
const main = join(ROOT, 'dist', 'src', 'main.js');
const npm = findNpm();
const stopWith = npm ? ['--stop-with-parent', String(npm)] : [];
process.argv = [process.argv[0], main, 'serve', ...stopWith, ...process.argv.slice(2)];
await import(pathToFileURL(main).href);
