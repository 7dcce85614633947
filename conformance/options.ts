import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { chapters } from './chapters';
import { readDescription } from './core/description';
import type { Options } from './run';

export type Format = 'text' | 'json' | 'junit';

export interface Arguments {
  readonly options: Options;
  readonly format: Format;
}

export const USAGE = `npm run conformance -- --url <collection> [--url <another> …] [--key <credential>] [options]
  --url          URL of a collection; most rules are tried on the first
  --key          credential, sent as Authorization: Bearer <credential>
  --header       'Name: value' for every request, any number of times
  --describe     JSON file about a type that may be written, for the rules about writing
  --operations   URL of the atomic operations
  --only         chapters and rules: CN,PAG-3
  --ours         also what the specification leaves open; what differs is noted, never a failure
  --crawl        how many links are followed at the most (300)
  --format       text, json or junit`;

/** @throws Error in one sentence for an argument that can't be used */
export function readArguments(args: string[]): Arguments {
  const { values } = parseArgs({
    args,
    options: {
      url: { type: 'string', multiple: true, default: [] },
      key: { type: 'string' },
      header: { type: 'string', multiple: true, default: [] },
      describe: { type: 'string' },
      operations: { type: 'string' },
      only: { type: 'string', default: '' },
      ours: { type: 'boolean', default: false },
      crawl: { type: 'string' },
      format: { type: 'string', default: 'text' },
    },
  });
  const { format } = values;
  if (format !== 'text' && format !== 'json' && format !== 'junit')
    throw new Error('--format takes text, json or junit.');
  if (values.url.length === 0) throw new Error('--url is missing.');
  const only = values.only.split(',').filter((each) => each !== '');
  for (const each of only) if (!isKnown(each)) throw new Error(`--only names no chapter and no rule: ${each}`);
  if (values.crawl !== undefined && !/^[1-9]\d{0,4}$/.test(values.crawl))
    throw new Error('--crawl takes a number of links.');
  return {
    format,
    options: {
      urls: values.url.map((url) => readUrl('--url', url)),
      headers: readHeaders(values.header, values.key),
      description: values.describe === undefined ? undefined : readDescription(readFileSync(values.describe, 'utf8')),
      operations: values.operations && readUrl('--operations', values.operations),
      only,
      ours: values.ours,
      crawlLimit: values.crawl === undefined ? undefined : Number(values.crawl),
    },
  };
}

const isKnown = (each: string): boolean =>
  chapters.some(({ id, rules }) => id === each || rules.some((rule) => rule.id === each));

function readUrl(name: string, text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url?.protocol !== 'http:' && url?.protocol !== 'https:') throw new Error(`${name} takes an http or https URL.`);
  return url.href;
}

function readHeaders(lines: readonly string[], key: string | undefined): Record<string, string> {
  const headers: Record<string, string> = key === undefined ? {} : { authorization: `Bearer ${key}` };
  for (const line of lines) {
    const [, name, value] = /^([^:\s]+):\s*(.*)$/.exec(line) ?? [];
    if (name === undefined || value === undefined) throw new Error("--header takes 'Name: value'.");
    headers[name.toLowerCase()] = value;
  }
  return headers;
}
