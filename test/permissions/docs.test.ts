import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Level } from '../../src/context';
import { OPERATIONS, PERMISSIONS, SYSTEM_ROLES } from '../../src/permissions';
import { startApp } from '../support/app';

const text = readFileSync(join(__dirname, '..', '..', 'docs', 'PERMISSIONS.md'), 'utf8');
const between = (name: string): string | undefined =>
  new RegExp(`<!-- ${name} -->\\n([\\s\\S]*?)\\n<!-- /${name} -->`).exec(text)?.[1];

const roles = Object.entries(SYSTEM_ROLES);
const LEVELS: readonly Level[] = ['platform', 'partner', 'organization', 'user'];
const mark = (holds: boolean): string => (holds ? '✓' : '');

test('docs/PERMISSIONS.md says which system role has which permission', () => {
  const table = [
    `| Permission | ${roles.map(([code]) => code).join(' | ')} |`,
    `|---|${roles.map(() => ':-:').join('|')}|`,
    ...PERMISSIONS.map(
      (permission) =>
        `| \`${permission}\` | ${roles.map(([, role]) => mark(role.permissions.includes(permission))).join(' | ')} |`,
    ),
  ];
  expect(between('roles')).toBe(table.join('\n'));
});

test('docs/PERMISSIONS.md says what every operation needs', () => {
  const table = [
    `| Operation | Permission | ${LEVELS.join(' | ')} | oneself |`,
    `|---|---|${LEVELS.map(() => ':-:').join('|')}|:-:|`,
    ...Object.entries(OPERATIONS).map(([operation, { permission, anyOf, levels, self }]) => {
      const one = anyOf?.map((each) => `\`${each}\``).join(' or ');
      const needed = permission === null ? (one ?? 'none') : `\`${permission}\``;
      const who = LEVELS.map((level) => mark(levels.includes(level)));
      return `| \`${operation}\` | ${needed} | ${who.join(' | ')} | ${mark(self !== undefined)} |`;
    }),
  ];
  expect(between('operations')).toBe(table.join('\n'));
});

test('the rows of the system roles are those of the table', async () => {
  const app = await startApp();
  try {
    const rows = await app.db.query(
      "select code, rank, permissions from roles where kind = 'system' order by rank desc",
    );
    const inOrder = (list: readonly string[]) => [...list].sort();
    const stored = rows.map(([code, rank, permissions]) => [code, rank, inOrder(permissions as string[])]);
    expect(stored).toEqual(roles.map(([code, role]) => [code, role.rank, inOrder(role.permissions)]));
  } finally {
    await app.close();
  }
});
