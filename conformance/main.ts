import { NoAnswer } from './core/client';
import { Unusable } from './core/made';
import { Unreachable } from './core/world';
import { type Arguments, readArguments, USAGE } from './options';
import { hasBroken, print } from './print';
import { conform } from './run';

const FINE = 0;
const BROKEN = 1;
const UNUSABLE = 2;

/** `npm run conformance`; gives the exit code. */
export async function main(args: string[]): Promise<number> {
  let read: Arguments;
  try {
    read = readArguments(args);
  } catch (error) {
    process.stderr.write(`conformance: ${(error as Error).message}\n\n${USAGE}\n`);
    return UNUSABLE;
  }
  const { options, format } = read;
  try {
    const report = await conform(options);
    process.stdout.write(`${print(report, format, Object.keys(options.headers ?? {}))}\n`);
    return hasBroken(report) ? BROKEN : FINE;
  } catch (error) {
    const isKnown = error instanceof Unreachable || error instanceof NoAnswer || error instanceof Unusable;
    process.stderr.write(`conformance: ${isKnown ? error.message : (error as Error).stack}\n`);
    return UNUSABLE;
  }
}
