import type { Failure, Result } from './core/check';
import type { Sent } from './core/client';
import { step } from './core/json';
import type { Format } from './options';
import type { Report } from './run';

const BINDING = ['MUST', 'NOT'];
const LEVELS = ['MUST', 'NOT', 'SHOULD', 'HTTP', 'MAY', 'REC', 'OURS'] as const;
const OUTCOMES = ['pass', 'fail', 'note', 'skipped'] as const;
/** Characters of an answer or a request body that are shown. */
const SHOWN = 300;

const all = (report: Report): Result[] => report.chapters.flatMap(({ results }) => results);

/** Whether a rule that binds every server was broken. */
export const hasBroken = (report: Report): boolean =>
  all(report).some(({ level, outcome }) => outcome === 'fail' && BINDING.includes(level));

/** @param secrets names of headers whose values are not shown */
export function print(report: Report, format: Format, secrets: readonly string[]): string {
  if (format === 'json') return JSON.stringify(asJson(report, secrets), null, 2);
  return format === 'junit' ? asJunit(report, secrets) : asText(report, secrets);
}

function asText(report: Report, secrets: readonly string[]): string {
  const lines: string[] = [];
  for (const { id, title, results } of report.chapters) {
    lines.push('', `${id} ${title}`);
    for (const result of results) {
      const { outcome, level, reason } = result;
      lines.push(`  ${outcome.padEnd(7)} ${level.padEnd(6)} ${result.id.padEnd(7)} ${result.title}`);
      if (reason !== undefined) lines.push(`${' '.repeat(25)}(${reason})`);
      if (result.failed > 0) lines.push(...failureLines(result, secrets).map((line) => `      ${line}`));
    }
  }
  lines.push('', ...summary(report));
  for (const url of report.left) lines.push(`Left behind, as it could not be deleted: ${url}`);
  return lines.join('\n');
}

function summary(report: Report): string[] {
  const lines = LEVELS.flatMap((level) => {
    const results = all(report).filter((result) => result.level === level);
    const counts = OUTCOMES.map(
      (outcome) => [outcome, results.filter((each) => each.outcome === outcome).length] as const,
    );
    const shown = counts.filter(([outcome, count]) => count > 0 || (outcome !== 'note' && level !== 'OURS'));
    return results.length === 0 ? [] : `${level}: ${shown.map(([outcome, count]) => `${count} ${outcome}`).join(', ')}`;
  });
  return [...lines, `${report.requests} requests in ${(report.milliseconds / 1000).toFixed(1)} s`];
}

function failureLines({ failures, failed, judged }: Result, secrets: readonly string[]): string[] {
  const lines = failures.flatMap((failure) => {
    const { answer, wanted } = failure;
    if (answer === undefined) return [`wanted ${wanted}`];
    return [`wanted ${wanted}`, `  ${curl(answer.sent, secrets)}`, `  ${excerpt(failure)}`];
  });
  return failed > failures.length ? [...lines, `${failed} of ${judged} facts are wrong`] : lines;
}

/** The request as a command; credentials are left to the reader. */
function curl({ method, url, headers, body }: Sent, secrets: readonly string[]): string {
  const parts = ['curl -gi', method === 'GET' ? '' : `-X ${method}`, quote(url)];
  for (const [name, value] of Object.entries(headers))
    if (name !== 'content-length') parts.push('-H', quote(`${name}: ${secrets.includes(name) ? '…' : value}`));
  if (body !== undefined) parts.push('-d', quote(cut(body)));
  return parts.filter((part) => part !== '').join(' ');
}

const quote = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;
const cut = (text: string): string => (text.length > SHOWN ? `${text.slice(0, SHOWN)}…` : text);

/** Status, the headers that rules are about, and the value at fault, or else the beginning of the body. */
function excerpt({ answer, at: pointer }: Failure): string {
  if (answer === undefined) return '';
  const headers = ['content-type', 'vary', 'allow', 'location', 'etag'].flatMap((name) =>
    answer.headers[name] === undefined ? [] : `${name}: ${answer.headers[name]}`,
  );
  const found = pointer === '' ? undefined : valueAt(answer.body, pointer);
  const shown = found === undefined ? cut(answer.text) : `${pointer}: ${cut(JSON.stringify(found))}`;
  return `→ ${[answer.status, ...headers, shown].filter((part) => part !== '').join(' | ')}`;
}

/** The value that a pointer of ours leads to, or the nearest one above it. */
function valueAt(body: unknown, pointer: string): unknown {
  let here = body;
  for (const token of pointer.split('/').slice(1)) {
    const below = Object.entries(here ?? {}).find(([name]) => step(name) === `/${token}`);
    if (below === undefined || typeof here !== 'object') break;
    here = below[1];
  }
  return here;
}

function asJson(report: Report, secrets: readonly string[]): unknown {
  const chapters = report.chapters.map(({ id, title, results }) => ({
    id,
    title,
    results: results.map(({ failures, ...result }) => ({
      ...result,
      failures: failures.map((failure) => ({
        wanted: failure.wanted,
        request: failure.answer && curl(failure.answer.sent, secrets),
        answer: failure.answer && excerpt(failure).slice(2),
      })),
    })),
  }));
  return { ...report, chapters, summary: summary(report) };
}

/** A broken rule that does not bind is no failed test case, as the exit code has it; it is skipped, with its reason. */
function asJunit(report: Report, secrets: readonly string[]): string {
  const suites = report.chapters.map(({ id, title, results }) => {
    const cases = results.map((result) => `    ${testCase(id, result, secrets)}`);
    const failures = results.filter(isFailure).length;
    const skipped = results.filter((result) => result.outcome !== 'pass' && !isFailure(result)).length;
    const counts = `tests="${results.length}" failures="${failures}" errors="0" skipped="${skipped}"`;
    return [`  <testsuite name=${attribute(`${id} ${title}`)} ${counts}>`, ...cases, '  </testsuite>'].join('\n');
  });
  return ['<?xml version="1.0" encoding="UTF-8"?>', '<testsuites name="JSON:API">', ...suites, '</testsuites>'].join(
    '\n',
  );
}

const isFailure = ({ outcome, level }: Result): boolean => outcome === 'fail' && BINDING.includes(level);

function testCase(chapter: string, result: Result, secrets: readonly string[]): string {
  const { id, level, title, outcome, reason = '', failures } = result;
  const open = `<testcase classname=${attribute(chapter)} name=${attribute(`${id} ${level} ${title}`)}`;
  if (outcome === 'pass') return `${open}/>`;
  const wanted = failures[0]?.wanted ?? '';
  if (!isFailure(result)) {
    const message = outcome === 'skipped' ? reason : `${level} not kept: ${wanted}`;
    return `${open}><skipped message=${attribute(message)}/></testcase>`;
  }
  const lines = escapeXml(failureLines(result, secrets).join('\n'));
  return `${open}><failure type=${attribute(level)} message=${attribute(wanted)}>${lines}</failure></testcase>`;
}

/** XML has no place for control characters and single surrogates, not even escaped ones. */
const escapeXml = (text: string): string =>
  text
    .replace(/(?![\t\n\r])\p{Cc}|\p{Cs}|[\ufffe\uffff]/gu, '\ufffd')
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;');

const attribute = (text: string): string => `"${escapeXml(text).replaceAll('\n', ' ')}"`;
