import { RESERVED_SLUGS, slugFrom, withSuffix } from '../../src/services/slugs';

const FORM = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])$/;

test.each([
  ['Acme', 'acme'],
  ['Acme Inc.', 'acme-inc'],
  ['  Acme   &  Co  ', 'acme-co'],
  ['ACME_2', 'acme-2'],
  ['--a--b--', 'a-b'],
  ['Café Zürich', 'cafe-zurich'],
  ['Ⅷ ﬁne', 'viii-fine'],
  ['Łódź', 'odz'],
  ['42', '42'],
  ['x'.repeat(120), 'x'.repeat(63)],
  [`${'x'.repeat(62)} y`, 'x'.repeat(62)],
])('%s becomes %s', (name, slug) => {
  expect(slugFrom(name)).toBe(slug);
});

test.each([
  ['日本', 'org'],
  ['😀', 'org'],
  ['!!!', 'org'],
  ['A', 'a'],
  ['Admin', 'admin'],
  ['  WWW ', 'www'],
])('%s has too little or a reserved word in it: %s and six random characters', (name, start) => {
  expect(slugFrom(name)).toMatch(new RegExp(`^${start}-[0-9a-z]{6}$`));
});

test('every slug has the form that the API takes, whatever the name, and none is reserved', () => {
  const names = [
    ...RESERVED_SLUGS,
    'x'.repeat(120),
    '-'.repeat(120),
    'é'.repeat(120),
    `${'a '.repeat(60)}`,
    '_',
    'ß',
    'İ',
  ];
  for (const name of names) {
    expect(slugFrom(name)).toMatch(FORM);
    expect(RESERVED_SLUGS).not.toContain(slugFrom(name));
    expect(withSuffix(slugFrom(name))).toMatch(FORM);
  }
});

test('the suffix is made anew each time, and the slug is cut to make room for it', () => {
  const long = 'x'.repeat(63);
  const slugs = Array.from({ length: 200 }, () => withSuffix(long));
  expect(new Set(slugs).size).toBe(200);
  for (const slug of slugs) expect(slug).toMatch(/^x{56}-[0-9a-z]{6}$/);
  expect(withSuffix(`${'x'.repeat(55)}-y`)).toMatch(/^x{55}-[0-9a-z]{6}$/);
});

test('the reserved words are slugs themselves, else to reserve them would be idle', () => {
  for (const word of RESERVED_SLUGS) expect(word).toMatch(FORM);
  expect(new Set(RESERVED_SLUGS).size).toBe(RESERVED_SLUGS.length);
});
