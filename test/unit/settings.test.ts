import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { SETTINGS } from '../../src/settings';

const ROOT = join(__dirname, '..', '..');
const read = (name: string) => readFileSync(join(ROOT, name), 'utf8');

interface Setting {
  description: string;
  default?: unknown;
  enum?: readonly string[];
}
const settings = Object.entries(SETTINGS) as [string, Setting][];

test('the table of settings in the README is that of the schema', () => {
  const rows = settings.map(
    ([name, each]) =>
      `| \`${name}\` | ${each.default === undefined ? '' : `\`${each.default}\``} | ${each.description} |`,
  );
  const table = ['| Variable | Default | Meaning |', '|---|---|---|', ...rows].join('\n');
  const [, shown] = /<!-- settings -->\n([\s\S]*?)\n<!-- \/settings -->/.exec(read('README.md')) ?? [];
  expect(shown).toBe(table);
});

test('.env.example has every setting with its default', () => {
  const blocks = settings.map(([name, each]) => {
    const choice = each.enum === undefined ? '' : ` (${each.enum.join(', ')})`;
    return `# ${each.description}${choice}\n#${name}=${each.default ?? ''}`;
  });
  expect(read('.env.example')).toContain(blocks.join('\n\n'));
});
