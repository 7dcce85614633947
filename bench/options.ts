import { parseArgs } from 'node:util';

export interface Options {
  /** Rows of the table, ascending; each size has a database of its own. */
  readonly sizes: readonly number[];
  /** The size at which every case is measured; at the others it is the first page alone. */
  readonly mainSize: number;
  /** Seconds of one turn of one server. */
  readonly seconds: number;
  readonly rounds: number;
  /** The git revision that is compared with, instead of the yardstick. */
  readonly against: string | undefined;
  /** Whether the sending of webhooks is measured, and nothing else. */
  readonly deliveries: boolean;
  /** Whether wallets are measured, and nothing else. */
  readonly wallets: boolean;
  /** Whether docs/BENCHMARKS.md gets the result. */
  readonly write: boolean;
}

export const USAGE =
  'npm run bench -- [--rows 1000,100000] [--million] [--seconds 5] [--rounds 3] [--write]\n' +
  'npm run bench -- --against <git revision> [--rows 100000] [--seconds 5] [--rounds 3] [--write]\n' +
  'npm run bench -- --deliveries [--rows 100000] [--seconds 5] [--rounds 3] [--write]\n' +
  'npm run bench -- --wallets [--rows 100000] [--seconds 5] [--rounds 3] [--write]\n' +
  '  --rows     organizations in the table; every case is measured at the most of them, the first page at all\n' +
  '  --million  the first page at 1,000,000 rows too\n' +
  '  --against  measures list, get, update and create beside those of another revision, which it installs and builds, and nothing else\n' +
  '  --deliveries  measures the sending of webhooks, and nothing else\n' +
  '  --wallets  measures charges, top-ups and the list of transactions, and nothing else\n' +
  '  --seconds  of one turn; --rounds turns of each server per case\n' +
  '  --write    puts the result into docs/BENCHMARKS.md';

const MILLION = 1_000_000;

/** @throws Error in one sentence for an argument that can't be used */
export function readOptions(args: string[]): Options {
  const { values } = parseArgs({
    args,
    options: {
      rows: { type: 'string', default: '1000,100000' },
      against: { type: 'string' },
      deliveries: { type: 'boolean', default: false },
      wallets: { type: 'boolean', default: false },
      million: { type: 'boolean', default: false },
      seconds: { type: 'string', default: '5' },
      rounds: { type: 'string', default: '3' },
      write: { type: 'boolean', default: false },
    },
  });
  // Fewer than two pages leave nothing to compare.
  const rows = values.rows.split(',').map((text) => readWhole('--rows', text, 100));
  const mainSize = Math.max(...rows);
  const others = [
    values.million && '--million',
    values.against && '--against',
    values.deliveries && '--deliveries',
    values.wallets && '--wallets',
  ];
  const [one, two] = others.filter((name) => name);
  if (two !== undefined) throw new Error(`${one} does not go with ${two}.`);
  const sizes = [...new Set(values.million ? [...rows, MILLION] : rows)].sort((a, b) => a - b);
  return {
    sizes,
    mainSize,
    seconds: readWhole('--seconds', values.seconds, 1),
    rounds: readWhole('--rounds', values.rounds, 1),
    against: values.against,
    deliveries: values.deliveries,
    wallets: values.wallets,
    write: values.write,
  };
}

function readWhole(name: string, text: string, least: number): number {
  const number = /^\d{1,8}$/.test(text) ? Number(text) : Number.NaN;
  if (!(number >= least)) throw new Error(`${name} takes whole numbers from ${least} on.`);
  return number;
}
