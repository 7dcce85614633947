#!/usr/bin/env node
import 'reflect-metadata';
import { Command } from 'commander';
import { type Config, readConfig } from './config';

const program = new Command('guildhall').description('Manages organizations for other people’s products.');

/** The message alone: what goes wrong here is for the operator, who has no use for a stack. */
function fail(error: unknown): never {
  process.stderr.write(`guildhall: ${(error as Error).message}\n`);
  process.exit(1);
}

/** Runs a command with the settings of the environment; modules are loaded by the command that needs them. */
const withConfig = (run: (config: Config) => Promise<void>) => async () => {
  try {
    await run(readConfig(process.env));
  } catch (error) {
    fail(error);
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
  .command('openapi')
  .description('print the OpenAPI document')
  .action(async () => (await import('./cli/openapi.js')).openapi());

program.parseAsync().catch(fail);
