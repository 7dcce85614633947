// Makes a fresh clone ready to run: installs from the lockfile and builds, each only when it is due. Needs nothing but
// Node, as it runs before anything is installed.
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { withLock } from './prepareLock.mjs';

export const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));
export const TSC = join(ROOT, 'node_modules', 'typescript', 'bin', 'tsc');

const LOCKFILE = join(ROOT, 'package-lock.json');
const INSTALLED_HASH = join(ROOT, 'node_modules', '.guildhall-lock');
const DIST = join(ROOT, 'dist');
const BUILD_HASH = join(DIST, '.build-hash');
const SOURCES = ['ormconfig.ts', 'src', 'entities', 'serializers', 'package-lock.json', 'scripts/prepare.mjs'];
const API_REFERENCE = 'node_modules/@scalar/api-reference/dist/browser/standalone.js';

/**
 * Leaves node_modules as the lockfile says and, with `build`, dist as the sources say. Does nothing, in some 50 ms, when
 * they are. Throws an Error whose message is for the operator. `quiet` leaves out the lines about what is being done.
 * Several may run at once: one works and the others wait for it.
 */
export async function prepare({ build, quiet = false }) {
  checkNodeVersion();
  const isReady = () => isInstalled() && (!build || isBuilt());
  if (isReady()) return;
  const report = quiet ? () => {} : (line) => console.log(line);
  await withLock(ROOT, async () => {
    if (!isInstalled()) await install(report);
    if (build && !isBuilt()) await compile(report);
  });
}

/** For the scripts: prepares, or ends the process with the reason on stderr. */
export async function prepareOrExit(options) {
  try {
    await prepare(options);
  } catch (error) {
    console.error(error.message);
    process.exit(1);
  }
}

/** Removes what marks dist as fresh, for a script that writes into dist by itself. */
export function markBuildStale() {
  rmSync(BUILD_HASH, { force: true });
}

function checkNodeVersion() {
  const [major, minor] = process.versions.node.split('.').map(Number);
  if (major > 20 || (major === 20 && minor >= 19)) return;
  throw new Error(`guildhall needs Node.js 20.19 or newer, and this is ${process.version}: install a newer Node.js.`);
}

function readText(path) {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}

function hashText(text) {
  return createHash('sha256').update(text).digest('hex');
}

function isInstalled() {
  const lockfile = readText(LOCKFILE);
  if (lockfile === undefined) throw new Error(`${LOCKFILE} is missing: the clone is not complete.`);
  const hash = hashText(lockfile);
  if (readText(INSTALLED_HASH) === hash) return true;
  if (!isInstalledByHand(JSON.parse(lockfile).packages)) return false;
  try {
    writeFileSync(INSTALLED_HASH, hash);
  } catch {
    // A read-only installation is compared each time.
  }
  return true;
}

/** Somebody ran `npm ci` or `npm install`: npm keeps its own list of what is there. */
function isInstalledByHand(wanted) {
  const list = readText(join(ROOT, 'node_modules', '.package-lock.json'));
  if (list === undefined) return false;
  const present = JSON.parse(list).packages;
  const isSame = ([path, entry]) => wanted[path]?.version === entry.version;
  const isThere = ([path, entry]) => path === '' || present[path] || entry.optional || entry.devOptional || entry.link;
  return Object.entries(present).every(isSame) && Object.entries(wanted).every(isThere);
}

async function install(report) {
  report('Installing dependencies…');
  // Development packages too, whatever NODE_ENV says: the build needs the compiler.
  const args = ['ci', '--include=dev', '--no-audit', '--no-fund', '--prefer-offline'];
  const npm = process.env.npm_execpath;
  // Under yarn or pnpm that variable names theirs, which know no `ci`.
  const isNpm = npm !== undefined && basename(npm).startsWith('npm') && /\.c?js$/.test(npm);
  if (isNpm) await run(process.execPath, [npm, ...args], 'npm ci');
  else await run('npm', args, 'npm ci', { shell: process.platform === 'win32' });
  writeFileSync(INSTALLED_HASH, hashText(readFileSync(LOCKFILE)));
}

function isBuilt() {
  return readText(BUILD_HASH) === hashSources();
}

/** By content, not by time: a checkout gives every file a new time. */
function hashSources() {
  const hash = createHash('sha256');
  const configs = readdirSync(ROOT).filter((name) => /^tsconfig.*\.json$/.test(name));
  for (const source of [...SOURCES, ...configs.sort()]) addToHash(hash, source);
  return hash.digest('hex');
}

function addToHash(hash, path) {
  const absolute = join(ROOT, path);
  if (!existsSync(absolute)) return;
  let names;
  try {
    names = readdirSync(absolute);
  } catch {
    const content = readFileSync(absolute);
    hash.update(`${path}\0${content.length}\0`).update(content);
    return;
  }
  for (const name of names.sort()) addToHash(hash, `${path}/${name}`);
}

/** Into a new directory beside dist: a deleted source leaves nothing behind, and a failure leaves dist as it was. */
async function compile(report) {
  report('Building…');
  const hash = hashSources();
  const draft = join(ROOT, 'dist.new');
  const former = join(ROOT, 'dist.old');
  for (const path of [draft, former]) rmSync(path, { recursive: true, force: true });
  try {
    await run(process.execPath, [TSC, '-p', 'tsconfig.build.json', '--outDir', 'dist.new'], 'The build');
    mkdirSync(join(draft, 'docs'), { recursive: true });
    cpSync(join(ROOT, API_REFERENCE), join(draft, 'docs', 'scalar.js'));
    writeFileSync(join(draft, basename(BUILD_HASH)), hash);
    if (existsSync(DIST)) renameSync(DIST, former);
    renameSync(draft, DIST);
  } finally {
    for (const path of [draft, former]) rmSync(path, { recursive: true, force: true });
  }
}

/** Runs a program to its end, and throws with everything it printed when it fails. */
function run(command, args, title, options = {}) {
  const child = spawn(command, args, { cwd: ROOT, stdio: ['ignore', 'pipe', 'pipe'], ...options });
  let output = '';
  child.stdout.on('data', (chunk) => {
    output += chunk;
  });
  child.stderr.on('data', (chunk) => {
    output += chunk;
  });
  return new Promise((resolve, reject) => {
    child.on('error', (error) => reject(new Error(`${title} failed: ${error.message}`)));
    child.on('close', (code, signal) => {
      if (code === 0) resolve();
      else reject(new Error(`${output.trim()}\n${title} failed (${signal ?? `exit code ${code}`}).`));
    });
  });
}

// `npm run build`
if (process.argv[1] === fileURLToPath(import.meta.url)) await prepareOrExit({ build: true });
