import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** docs/CONFORMANCE.md against the titles of the tests: a rule that is said to hold is tested where the table says. */

const TEST = __dirname;
const TABLE = join(TEST, '..', 'docs', 'CONFORMANCE.md');
const RULE = /^\| ([A-Z]{2,3}-\d+) \| ([A-Z/]+) \| .+ \| (.+) \| (.*) \|$/;
const NUMBERS = /([A-Z]{2,3})-(\d+)(?:…(\d+))?/g;

const rows = readFileSync(TABLE, 'utf8')
  .split('\n')
  .flatMap((line) => {
    const [, rule = '', , state = '', tests = ''] = RULE.exec(line) ?? [];
    return rule === ''
      ? []
      : [{ rule, state, files: [...tests.matchAll(/`([^`]+)`/g)].map(([, name]) => name as string) }];
  });

const pathOf = (name: string): string =>
  join(TEST, `${name.startsWith('test/') ? name.slice('test/'.length) : `jsonapi/${name}`}.test.ts`);

/** Rules that a file names in brackets, `CMP-1…3` being three of them. */
function rulesIn(path: string): Set<string> {
  const brackets = readFileSync(path, 'utf8').match(/\[[^[\]\n]*[A-Z]{2,3}-\d+[^[\]\n]*\]/g) ?? [];
  return new Set(
    [...brackets.join(' ').matchAll(NUMBERS)].flatMap(([, chapter, first, last = first]) =>
      Array.from({ length: Number(last) - Number(first) + 1 }, (_each, i) => `${chapter}-${Number(first) + i}`),
    ),
  );
}

test('the table has every rule once', () => {
  expect(rows).toHaveLength(341);
  expect(new Set(rows.map(({ rule }) => rule)).size).toBe(341);
});

test('what holds has a test, and what does not says why', () => {
  expect(rows.filter(({ state, files }) => state === 'holds' && files.length === 0)).toEqual([]);
  for (const { state } of rows) {
    expect(state).toMatch(
      /^(holds|(not applicable|not offered|decided otherwise|nothing is done later|holds for|a `lid`).*)$/,
    );
  }
});

test('the tests are there, and name the rule', () => {
  const known = new Map<string, Set<string>>();
  const missing = rows.flatMap(({ rule, files }) =>
    files.filter((name) => {
      const path = pathOf(name);
      if (!existsSync(path)) return true;
      if (!known.has(path)) known.set(path, rulesIn(path));
      return known.get(path)?.has(rule) !== true;
    }),
  );
  expect(missing).toEqual([]);
});

test('no test names a rule that there is not', () => {
  const chapters = new Set(rows.map(({ rule }) => rule.split('-')[0]));
  const rules = new Set(rows.map(({ rule }) => rule));
  const files = readdirSync(TEST, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.test.ts'));
  const unknown = files.flatMap((name) =>
    [...rulesIn(join(TEST, name))].filter((rule) => chapters.has(rule.split('-')[0]) && !rules.has(rule)),
  );
  expect(unknown).toEqual([]);
});
