import { readFile, writeFile } from 'node:fs/promises';
import { availableParallelism, cpus, platform, totalmem } from 'node:os';
import { join } from 'node:path';
import type { Comparison } from './against';
import type { Case } from './cases';
import { CHANGES_PER_SECOND, DELIVERY_AIMS, type DeliveryReport, LIST_CONNECTIONS } from './deliveries';
import { CONNECTIONS } from './load';
import type { Figures } from './measure';
import type { Options } from './options';
import type { PageTimes } from './pageTimes';
import { hasProcessTimes } from './processTimes';
import { WALLETS, type WalletResult } from './wallets';

/** One server in one case. */
export interface Measured extends Figures {
  /** SQL statements of one request. */
  readonly statements: number;
}

export interface Result {
  readonly case: Case;
  readonly guildhall: Measured;
  readonly bare: Measured | undefined;
}

/** The same request with one kind of credential. */
export interface CredentialResult {
  readonly kind: string;
  readonly believed: Measured;
  readonly lookedUp: Measured;
}

/** What was measured, and with what. */
export interface Setting {
  readonly options: Options;
  readonly guildhallVersion: string;
  readonly postgresVersion: string;
}

export interface Report {
  /** Every case at the main size. */
  readonly results: readonly Result[];
  /** The first page at every size, ascending. */
  readonly firstPages: ReadonlyMap<number, Result>;
  readonly pageTimes: readonly PageTimes[];
  readonly credentials: readonly CredentialResult[];
}

const count = (value: number): string => Math.round(value).toLocaleString('en');
const fixed = (value: number, digits: number): string => (Number.isNaN(value) ? '–' : value.toFixed(digits));
const whole = (value: number): string => (Number.isNaN(value) ? '–' : count(value));

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  // Names to the left, figures to the right.
  const rule = head.map((_, i) => (i === 0 ? '---' : '---:'));
  return [head, rule, ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}

type Figured = Pick<Figures, 'requestsPerSecond' | 'nodeUs'>;

/** By requests per second and by CPU of node; 1 is as fast, more is faster. */
const ratios = (ours: Figured, theirs: Figured): [string, string] => [
  fixed(ours.requestsPerSecond / theirs.requestsPerSecond, 2),
  fixed(theirs.nodeUs / ours.nodeUs, 2),
];

function judged(ours: Figured, theirs: Figured, aim: number | undefined): string {
  if (aim === undefined) return '';
  return `${aim}: ${ours.requestsPerSecond / theirs.requestsPerSecond >= aim ? 'reached' : '**missed**'}`;
}

function ratioTable(results: readonly Result[]): string {
  const rows = results.flatMap(({ case: { name, aim }, guildhall, bare }) =>
    bare === undefined ? [] : [[name, ...ratios(guildhall, bare), judged(guildhall, bare, aim)]],
  );
  return table(['case', 'by requests/s', 'by CPU of node', 'aim'], rows);
}

const FIGURES = ['requests/s', 'p50 ms', 'p99 ms', 'node µs', 'PostgreSQL µs', 'peak RSS MB'];
const figureCells = (figures: Figures): string[] => [
  count(figures.requestsPerSecond),
  fixed(figures.p50, 2),
  fixed(figures.p99, 1),
  whole(figures.nodeUs),
  whole(figures.postgresUs),
  whole(figures.peakMb),
];

function figureTable(results: readonly Result[]): string {
  const cells = (name: string, server: string, measured: Measured) => [
    name,
    server,
    ...figureCells(measured),
    String(measured.statements),
  ];
  const rows = results.flatMap(({ case: { name }, guildhall, bare }) => [
    cells(name, 'guildhall', guildhall),
    ...(bare === undefined ? [] : [cells('', 'bare', bare)]),
  ]);
  return table(['case', 'server', ...FIGURES, 'statements'], rows);
}

/** Cases that do what others do, by what they get done. */
function wayTable(results: readonly Result[]): string {
  const rates = new Map(results.map((result) => [result.case.name, result.guildhall.requestsPerSecond]));
  const rows = results.flatMap(({ case: { name, instead }, guildhall }) => {
    if (instead === undefined) return [];
    const rate = guildhall.requestsPerSecond * instead.times;
    const other = rates.get(instead.of) ?? Number.NaN;
    return [[name, instead.of, count(rate), count(other), fixed(rate / other, 2)]];
  });
  return table(['case', 'instead of', 'done per second', 'that one', 'ratio'], rows);
}

function sizeTable(firstPages: Report['firstPages']): string {
  const rows = [...firstPages].map(([size, { guildhall, bare }]) => [
    count(size),
    count(guildhall.requestsPerSecond),
    ...(bare === undefined ? ['', ''] : [count(bare.requestsPerSecond), ratios(guildhall, bare)[0]]),
    whole(guildhall.postgresUs),
  ]);
  return table(['rows', 'guildhall requests/s', 'bare requests/s', 'ratio', 'PostgreSQL µs (guildhall)'], rows);
}

function pageTable(times: readonly PageTimes[]): string {
  const rows = times.map(({ rows: size, page, firstPage, deepPage, plainOffset, cursor }) => [
    count(size),
    fixed(firstPage, 2),
    count(page),
    fixed(deepPage, 2),
    fixed(plainOffset, 2),
    fixed(cursor, 2),
  ]);
  return table(['rows', 'first page ms', 'deep page', 'ms', 'plain OFFSET ms', 'by cursor ms'], rows);
}

function credentialTable(results: readonly CredentialResult[]): string {
  const cells = ({ requestsPerSecond, nodeUs, postgresUs, statements }: Measured) => [
    count(requestsPerSecond),
    whole(nodeUs),
    whole(postgresUs),
    String(statements),
  ];
  const rows = results.flatMap(({ kind, believed, lookedUp }) => [
    [kind, 'believed', ...cells(believed)],
    ['', 'looked up', ...cells(lookedUp)],
  ]);
  return table(['credential', 'is', 'requests/s', 'node µs', 'PostgreSQL µs', 'statements'], rows);
}

function commandOf({ sizes, mainSize, seconds, rounds, against, deliveries, wallets, write }: Options): string {
  const alone = deliveries ? ' --deliveries' : wallets ? ' --wallets' : '';
  const other = against === undefined ? alone : ` --against ${against}`;
  const rows = other === '' ? sizes.filter((size) => size <= mainSize).join() : mainSize;
  const million = sizes.some((size) => size > mainSize) ? ' --million' : '';
  return `npm run bench --${other} --rows ${rows}${million} --seconds ${seconds} --rounds ${rounds}${write ? ' --write' : ''}`;
}

/** When, where and with what. */
function introduction({ options, guildhallVersion, postgresVersion }: Setting): string[] {
  const gib = Math.round(totalmem() / 2 ** 30);
  const machine = `${availableParallelism()} cores (${cpus()[0]?.model.trim() ?? 'unknown'}), ${gib} GiB, ${platform()}`;
  return [
    `${new Date().toISOString().slice(0, 10)}: guildhall ${guildhallVersion}, Node ${process.versions.node}, ` +
      `PostgreSQL ${postgresVersion}; ${machine}; ${CONNECTIONS} connections.`,
    `\`${commandOf(options)}\``,
    ...(hasProcessTimes ? [] : ['CPU and memory are missing: only Linux tells them.']),
  ];
}

/** The results of docs/BENCHMARKS.md. */
export type Section = 'bench' | 'against' | 'deliveries' | 'wallets';

/** The result in Markdown. */
export function describe(setting: Setting, { results, firstPages, pageTimes, credentials }: Report): string {
  return [
    ...introduction(setting),
    `Speed of guildhall as a part of the bare server's, ${count(setting.options.mainSize)} organizations:`,
    ratioTable(results),
    'What was measured (µs are CPU per request):',
    figureTable(results),
    'One way instead of another, guildhall alone:',
    wayTable(results),
    'One organization with one attribute, by kind of credential (µs are CPU per request):',
    credentialTable(credentials),
    'The first page, by size of the table:',
    sizeTable(firstPages),
    'Pages inside PostgreSQL (`explain analyze`, median):',
    pageTable(pageTimes),
  ].join('\n\n');
}

/** The comparison with another revision in Markdown. */
export function describeComparison(setting: Setting, comparisons: readonly Comparison[]): string {
  const other = setting.options.against ?? '';
  const speeds = comparisons.map(({ name, aim, ours, others }) => [
    name,
    ...ratios(ours, others),
    judged(ours, others, aim),
  ]);
  const rows = comparisons.flatMap(({ name, ours, others }) => [
    [name, 'guildhall', ...figureCells(ours)],
    ['', other, ...figureCells(others)],
  ]);
  return [
    ...introduction(setting),
    `Speed of guildhall as a part of that of revision ${other}, ${count(setting.options.mainSize)} organizations:`,
    table(['case', 'by requests/s', 'by CPU of node', 'aim'], speeds),
    'What was measured (µs are CPU per request):',
    table(['case', 'server', ...FIGURES], rows),
  ].join('\n\n');
}

const aimed = (aim: string, isReached: boolean): string => `${aim}: ${isReached ? 'reached' : '**missed**'}`;

/** How fast webhooks go out, in Markdown. */
export function describeDeliveries(setting: Setting, { backlog, drained, delays }: DeliveryReport): string {
  const { perSecond: least, p99Ms } = DELIVERY_AIMS;
  const speeds = drained.map(({ endpoints, perSecond, listsPerSecond, nodeUs, postgresUs }) => [
    String(endpoints),
    whole(listsPerSecond),
    count(perSecond),
    whole(nodeUs),
    whole(postgresUs),
    Number.isNaN(listsPerSecond) ? '' : aimed(String(least), perSecond >= least),
  ]);
  const times = delays.map(({ isOneHanging, deliveries, p50, p99, most }) => [
    isOneHanging ? 'one of 51 hangs' : 'all 50 are healthy',
    count(deliveries),
    ...[p50, p99, most].map(whole),
    aimed(`p99 ${count(p99Ms)}`, p99 < p99Ms),
  ]);
  return [
    ...introduction(setting),
    `A backlog of ${count(backlog)} deliveries, alone and with lists asked for over ${LIST_CONNECTIONS} connections beside it ` +
      '(µs are CPU per delivery):',
    table(['endpoints', 'lists/s beside', 'deliveries/s', 'node µs', 'PostgreSQL µs', 'aim'], speeds),
    `Milliseconds from the time of an event to its first attempt, at ${CHANGES_PER_SECOND} changes/s over all endpoints:`,
    table(['receivers', 'deliveries', 'p50 ms', 'p99 ms', 'max ms', 'aim'], times),
  ].join('\n\n');
}

/** What postings cost, in Markdown. */
export function describeWallets(setting: Setting, results: readonly WalletResult[]): string {
  const rows = results.map(({ name, aim, statements, ...figures }) => [
    name,
    ...figureCells(figures),
    String(statements),
    aim === undefined ? '' : aimed(String(aim), figures.requestsPerSecond >= aim),
  ]);
  return [
    ...introduction(setting),
    `Postings over one connection pool, each with an \`Idempotency-Key\` of its own; *many* are ${count(WALLETS)} wallets in turn ` +
      '(µs are CPU per request):',
    table(['case', ...FIGURES, 'statements', 'aim'], rows),
  ].join('\n\n');
}

/**
 * Puts the result between its markers in docs/BENCHMARKS.md.
 * @throws Error when they are not there
 */
export async function writeReport(root: string, section: Section, text: string): Promise<void> {
  const file = join(root, 'docs', 'BENCHMARKS.md');
  const page = await readFile(file, 'utf8');
  const [begin, end] = [`<!-- ${section}: begin, written with --write -->`, `<!-- ${section}: end -->`];
  const from = page.indexOf(begin);
  const to = page.indexOf(end);
  if (from < 0 || to < from) throw new Error(`${file} has no lines "${begin}" and "${end}".`);
  await writeFile(file, `${page.slice(0, from + begin.length)}\n\n${text}\n\n${page.slice(to)}`);
}
