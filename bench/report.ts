import { readFile, writeFile } from 'node:fs/promises';
import { availableParallelism, cpus, platform, totalmem } from 'node:os';
import { join } from 'node:path';
import { CONNECTIONS } from './load';
import type { Figures, Result } from './measure';
import type { Options } from './options';
import type { PageTimes } from './pageTimes';
import { hasProcessTimes } from './processTimes';

export interface Report {
  readonly options: Options;
  readonly guildhallVersion: string;
  readonly postgresVersion: string;
  /** Every case at the main size. */
  readonly results: readonly Result[];
  /** The first page at every size, ascending. */
  readonly firstPages: ReadonlyMap<number, Result>;
  readonly pageTimes: readonly PageTimes[];
}

const BEGIN = '<!-- bench: begin, written by npm run bench -- --write -->';
const END = '<!-- bench: end -->';

const count = (value: number): string => Math.round(value).toLocaleString('en');
const fixed = (value: number, digits: number): string => (Number.isNaN(value) ? '–' : value.toFixed(digits));
const whole = (value: number): string => (Number.isNaN(value) ? '–' : count(value));

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  // Names to the left, figures to the right.
  const rule = head.map((_, i) => (i === 0 ? '---' : '---:'));
  return [head, rule, ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}

const ratios = ({ guildhall, bare }: Result): [string, string] => [
  fixed(guildhall.requestsPerSecond / bare.requestsPerSecond, 2),
  fixed(bare.nodeUs / guildhall.nodeUs, 2),
];

function ratioTable(results: readonly Result[]): string {
  const rows = results.map((result) => {
    const { aim } = result.case;
    const [byRate, byCpu] = ratios(result);
    const reached = aim === undefined ? '' : result.guildhall.requestsPerSecond / result.bare.requestsPerSecond >= aim;
    return [result.case.name, byRate, byCpu, aim === undefined ? '' : `${aim}: ${reached ? 'reached' : '**missed**'}`];
  });
  return table(['case', 'by requests/s', 'by CPU of node', 'aim'], rows);
}

function figureTable(results: readonly Result[]): string {
  const head = ['case', 'server', 'requests/s', 'p50 ms', 'p99 ms', 'node µs', 'PostgreSQL µs', 'peak RSS MB'];
  const cells = (name: string, server: string, figures: Figures) => [
    name,
    server,
    count(figures.requestsPerSecond),
    fixed(figures.p50, 2),
    fixed(figures.p99, 1),
    whole(figures.nodeUs),
    whole(figures.postgresUs),
    whole(figures.peakMb),
  ];
  const rows = results.flatMap((result) => [
    cells(result.case.name, 'guildhall', result.guildhall),
    cells('', 'bare', result.bare),
  ]);
  return table(head, rows);
}

function sizeTable(firstPages: Report['firstPages']): string {
  const rows = [...firstPages].map(([size, result]) => [
    count(size),
    count(result.guildhall.requestsPerSecond),
    count(result.bare.requestsPerSecond),
    ratios(result)[0],
    whole(result.guildhall.postgresUs),
  ]);
  return table(['rows', 'guildhall requests/s', 'bare requests/s', 'ratio', 'PostgreSQL µs (guildhall)'], rows);
}

function pageTable(times: readonly PageTimes[]): string {
  const rows = times.map(({ rows: size, page, firstPage, deepPage, plainOffset }) => [
    count(size),
    fixed(firstPage, 2),
    count(page),
    fixed(deepPage, 2),
    fixed(plainOffset, 2),
  ]);
  return table(['rows', 'first page ms', 'deep page', 'ms', 'plain OFFSET ms'], rows);
}

function commandOf({ sizes, mainSize, seconds, rounds, write }: Options): string {
  const rows = sizes.filter((size) => size <= mainSize).join();
  const million = sizes.some((size) => size > mainSize) ? ' --million' : '';
  return `npm run bench -- --rows ${rows}${million} --seconds ${seconds} --rounds ${rounds}${write ? ' --write' : ''}`;
}

/** The result in Markdown. */
export function describe(report: Report): string {
  const { options, results, firstPages, pageTimes } = report;
  const gib = Math.round(totalmem() / 2 ** 30);
  const machine = `${availableParallelism()} cores (${cpus()[0]?.model.trim() ?? 'unknown'}), ${gib} GiB, ${platform()}`;
  return [
    `${new Date().toISOString().slice(0, 10)}: guildhall ${report.guildhallVersion}, Node ${process.versions.node}, ` +
      `PostgreSQL ${report.postgresVersion}; ${machine}; ${CONNECTIONS} connections.`,
    `\`${commandOf(options)}\``,
    ...(hasProcessTimes ? [] : ['CPU and memory are missing: only Linux tells them.']),
    `Speed of guildhall as a part of the bare server's, ${count(options.mainSize)} organizations:`,
    ratioTable(results),
    'What was measured (µs are CPU per request):',
    figureTable(results),
    'The first page, by size of the table:',
    sizeTable(firstPages),
    'Pages inside PostgreSQL (`explain analyze`, median):',
    pageTable(pageTimes),
  ].join('\n\n');
}

/**
 * Puts the result between the markers of docs/BENCHMARKS.md.
 * @throws Error when they are not there
 */
export async function writeReport(root: string, text: string): Promise<void> {
  const file = join(root, 'docs', 'BENCHMARKS.md');
  const page = await readFile(file, 'utf8');
  const begin = page.indexOf(BEGIN);
  const end = page.indexOf(END);
  if (begin < 0 || end < begin) throw new Error(`${file} has no lines "${BEGIN}" and "${END}".`);
  await writeFile(file, `${page.slice(0, begin + BEGIN.length)}\n\n${text}\n\n${page.slice(end)}`);
}
