// `npm test`: prepares the clone and runs every test; the last line of output is `N passed, N failed`.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { prepareOrExit, ROOT } from './prepare.mjs';

// The start-up tests run the built program.
await prepareOrExit({ build: true });
const folder = mkdtempSync(join(tmpdir(), 'guildhall-results-'));
const results = join(folder, 'results.json');
const jest = join(ROOT, 'node_modules', 'jest', 'bin', 'jest.js');
const args = [jest, '--json', `--outputFile=${results}`, ...process.argv.slice(2)];
// jest prints its report on stderr, and with --json all results on stdout, which nobody wants to read.
const { status } = spawnSync(process.execPath, args, { cwd: ROOT, stdio: ['inherit', 'ignore', 'inherit'] });
console.log(summary());
rmSync(folder, { recursive: true, force: true });
process.exitCode = status ?? 1;

/** A file that could not even be loaded has no tests and counts as one that failed. */
function summary() {
  try {
    const { numPassedTests, numFailedTests, numRuntimeErrorTestSuites } = JSON.parse(readFileSync(results, 'utf8'));
    return `${numPassedTests} passed, ${numFailedTests + numRuntimeErrorTestSuites} failed`;
  } catch {
    return '0 passed, 1 failed';
  }
}
