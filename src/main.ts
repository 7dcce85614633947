#!/usr/bin/env node
import 'reflect-metadata';
import { Command } from 'commander';
import { type Config, readConfig } from './config';

const program = new Command('guildhall').description('Manages organizations for other people’s products.');

/** The message alone: what goes wrong here is for the operator, who has no use for a stack. */
function fail(error: unknown, code = 1): never {
  process.stderr.write(`guildhall: ${(error as Error).message}\n`);
  process.exit(code);
}

/** Runs a command with the settings of the environment; modules are loaded by the command that needs them. */
const withConfig =
  (run: (config: Config) => Promise<void>, codeOfFailure = 1) =>
  async () => {
    try {
      await run(readConfig(process.env));
    } catch (error) {
      fail(error, codeOfFailure);
    }
  };

const collect = (value: string, list: number[]) => [...list, Number(value)];

const serving = (name: string, description: string) =>
  program
    .command(name)
    .description(description)
    .option('--stop-with-parent <pid>', 'stop when this process has gone', collect, []);

serving('serve', 'serve the API').action((options: { stopWithParent: number[] }) =>
  withConfig(async (config) => (await import('./cli/serve.js')).serve(config, options.stopWithParent))(),
);
serving('worker', 'run background jobs, serve health only').action((options: { stopWithParent: number[] }) =>
  withConfig(async (config) =>
    (await import('./cli/serve.js')).serve({ ...config, role: 'worker' }, options.stopWithParent),
  )(),
);
program
  .command('migrate')
  .description('bring the database up to date')
  .action(withConfig(async (config) => (await import('./cli/migrate.js')).migrateOnly(config)));
program
  .command('key')
  .description('make another platform key')
  .option('--name <name>', 'what it is for', 'From the command line')
  .action(({ name }: { name: string }) =>
    withConfig(async (config) => (await import('./cli/key.js')).makePlatformKey(config, name))(),
  );
program
  .command('health')
  .description('ask the running server whether it is ready')
  .action(withConfig(async (config) => (await import('./cli/health.js')).health(config)));
program
  .command('verify')
  .description('verify exports of the audit trail, without a database; exit code 0: good, 1: bad, 2: unreadable')
  .argument('<file...>', 'NDJSON exports; - is the standard input')
  .option('--public-key <key>', 'the key that they must be signed with, 32 bytes in base64')
  .action((files: string[], { publicKey }: { publicKey?: string }) =>
    withConfig(async (config) => (await import('./cli/verify.js')).verifyFiles(config, files, publicKey ?? null), 2)(),
  );
program
  .command('openapi')
  .description('print the OpenAPI document')
  .action(async () => (await import('./cli/openapi.js')).openapi());

program.parseAsync().catch(fail);
