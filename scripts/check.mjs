// `npm run check`: everything that must hold before a change lands. The tests come last, so that their count is the last
// line; one of them compares docs/openapi.json with what the registry gives.
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { prepareOrExit, ROOT } from './prepare.mjs';

await prepareOrExit({ build: true });
const bin = (...parts) => join(ROOT, 'node_modules', ...parts);
const steps = {
  format: [bin('@biomejs', 'biome', 'bin', 'biome'), 'format', '.'],
  lint: [bin('@biomejs', 'biome', 'bin', 'biome'), 'lint', '--error-on-warnings', '.'],
  types: [bin('typescript', 'bin', 'tsc'), '--noEmit', '-p', 'tsconfig.json'],
  layers: [join(ROOT, 'scripts', 'layers.mjs')],
  tests: [join(ROOT, 'scripts', 'test.mjs')],
};
for (const [name, args] of Object.entries(steps)) {
  console.log(`— ${name}`);
  const { status } = spawnSync(process.execPath, args, { cwd: ROOT, stdio: 'inherit' });
  if (status !== 0) {
    console.error(`check: ${name} failed`);
    process.exit(1);
  }
}
