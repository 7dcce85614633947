import { execFile } from 'node:child_process';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';

const ROOT = join(__dirname, '..');

/** Asks nobody: neither for news of itself nor to tell what it was used for. */
const OFFLINE = { REDOCLY_TELEMETRY: 'off', REDOCLY_SUPPRESS_UPDATE_NOTICE: 'true' };

test('docs/openapi.json has no fault that Redocly finds; what is switched off is in redocly.yaml, with the reason', async () => {
  const cli = join(dirname(require.resolve('@redocly/cli/package.json')), 'bin', 'cli.js');
  const args = [cli, 'lint', 'docs/openapi.json', '--config=redocly.yaml', '--format=json'];
  const options = { cwd: ROOT, env: { ...process.env, ...OFFLINE } };
  const { stdout } = await promisify(execFile)(process.execPath, args, options).catch((error) => error);
  expect(JSON.parse(stdout)).toMatchObject({ problems: [], totals: { errors: 0, warnings: 0, ignored: 0 } });
});
