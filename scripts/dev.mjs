// `npm run dev`: builds on every change and starts the server again when the build has no errors.
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { findNpm } from './findNpm.mjs';
import { markBuildStale, prepareOrExit, ROOT } from './prepare.mjs';

await prepareOrExit({ build: true });
// From now on tsc writes into dist, and leaves the output of deleted sources there.
markBuildStale();
const compiler = spawn(await findCompiler(), ['-p', 'tsconfig.build.json', '--watch', '--preserveWatchOutput'], {
  cwd: ROOT,
  stdio: ['ignore', 'pipe', 'inherit'],
});
const { watchParent } = await import('../dist/src/parent.js');
let server;
let restarting = Promise.resolve();
let isEnding = false;

createInterface({ input: compiler.stdout }).on('line', (line) => {
  if (line.trim()) console.log(line);
  if (/Found 0 errors/.test(line)) restarting = restarting.then(restartServer);
});
compiler.on('exit', end);
watchParent([findNpm() ?? process.ppid], end);
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, end);

/** The compiler itself: its wrapper in Node passes no signal on before Node 22.15. */
async function findCompiler() {
  const { default: getExePath } = await import('../node_modules/typescript/lib/getExePath.js');
  return getExePath();
}

async function restartServer() {
  await stopServer();
  if (isEnding) return;
  const args = [join('dist', 'src', 'main.js'), 'serve', '--stop-with-parent', String(process.pid)];
  server = spawn(process.execPath, ['--enable-source-maps', ...args, ...process.argv.slice(2)], {
    cwd: ROOT,
    stdio: 'inherit',
    // Out of the terminal's group: Ctrl-C shall reach it once, from here.
    detached: process.platform !== 'win32',
  });
}

async function stopServer() {
  if (!server || server.exitCode !== null || server.signalCode !== null) return;
  const exited = new Promise((resolve) => server.once('exit', resolve));
  server.kill('SIGTERM');
  await exited;
}

async function end() {
  if (isEnding) return;
  isEnding = true;
  compiler.kill();
  await restarting;
  await stopServer();
  process.exit();
}
