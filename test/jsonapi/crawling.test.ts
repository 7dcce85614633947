import { allRoutes } from '../../src/controllers/routes';
import { levelReads } from '../../src/permissions';
import { registry } from '../../src/resources';
import { type Body, type Client, document, link, M, MEDIA_TYPE, S, startApp, type TestApp } from '../support/app';
import { buildWorld, firstAttribute, pathOf, TYPES, type World } from './world';

const CURSORS = `${MEDIA_TYPE};profile="https://jsonapi.org/profiles/ethanresnick/cursor-pagination"`;
/** More keys than an include links: their relationship has a next page. */
const KEYS = 27;

let app: TestApp;
let world: World;
beforeAll(async () => {
  app = await startApp();
  world = await buildWorld(app);
  const relationships = { organization: link('organizations', world.organization.id) };
  for (let i = 0; i < KEYS; i++) {
    await world.partner.post(`${S}/apiKeys`, document('apiKeys', { name: `Key ${i}` }, { relationships }));
  }
});
afterAll(() => app.close());

/** What must be behind a link. */
interface Expected {
  many: boolean;
  /** Identifiers, not resources. */
  linkage: boolean;
  type: string;
  /** Where it is known. */
  ids?: string[];
}

const listed = (data: Body): Body[] => [data].flat().filter((each) => each !== null);
const idsOf = (data: Body): string[] => listed(data).map(({ id }) => id);
/** Linkage is what has a link to the resources that it stands for. */
const isLinkage = ({ links }: Body): boolean => 'related' in links;

function linksOfResource({ type, id, links, relationships = {} }: Body): [string, Expected][] {
  const own: [string, Expected] = [links.self, { many: false, linkage: false, type, ids: [id] }];
  const others = Object.entries<Body>(relationships).flatMap(([name, shown]): [string, Expected][] => {
    const relationship = registry.get(type)?.relationships[name];
    const many = relationship !== undefined && 'many' in relationship;
    const expected = { many, type: relationship?.type ?? '' };
    const known = { ...expected, ids: shown.data === undefined ? undefined : idsOf(shown.data) };
    const { self, related, prev = null, next = null } = shown.links;
    expectSame(prev, null);
    const rest: [string, Expected][] = next === null ? [] : [[next, { ...expected, linkage: true }]];
    return [[self, { ...known, linkage: true }], [related, { ...known, linkage: false }], ...rest];
  });
  return [own, ...others];
}

/** Every link of a document, and what it must lead to. */
function linksOf(body: Body, expected: Expected): [string, Expected][] {
  const { self, related, ...pages } = body.links;
  const linkage = isLinkage(body);
  const resources = [...(linkage ? [] : listed(body.data)), ...(body.included ?? [])];
  const others = Object.values<string | null>(pages).filter((each) => each !== null);
  return [
    // A link object says that the profile was applied; what it was asked for by is not in the URL.
    [self.href ?? self, { ...expected, ids: idsOf(body.data) }],
    ...(linkage ? [[related, { ...expected, linkage: false }] as [string, Expected]] : []),
    ...others.map((each): [string, Expected] => [each, { ...expected, linkage, ids: undefined }]),
    ...resources.flatMap(linksOfResource),
  ];
}

/** As `expect` does, which takes longer than all the rest when it is asked for each of a hundred thousand links. */
function expectSame(found: unknown, expected: unknown): void {
  if (JSON.stringify(found) !== JSON.stringify(expected)) expect(found).toEqual(expected);
}

function check(url: string, body: Body, { many, linkage, type, ids }: Expected): void {
  const rows = listed(body.data);
  expectSame([url, Array.isArray(body.data), isLinkage(body)], [url, many, linkage]);
  for (const each of rows) expectSame([url, each.type, 'links' in each], [url, type, !linkage]);
  if (ids !== undefined) expectSame([url, rows.map(({ id }) => id)], [url, ids]);
}

/** Relative, and with nothing encoded. */
const PLAIN = /^\/public\/v2\/[^%]*$/;

/** Follows every link from these documents on, each URL once; says which there were. */
async function crawl(client: Client, starts: [string, Expected, string?][]): Promise<Map<string, Body>> {
  const found = new Map<string, Body>();
  const queue = [...starts];
  for (const [url, expected, accept] of queue) {
    const isNew = !found.has(url) || accept !== undefined;
    if (isNew) {
      const { status, body } = await client.get(url, accept === undefined ? {} : { Accept: accept });
      expectSame([url, status], [url, 200]);
      if (accept === undefined) found.set(url, body);
      for (const each of linksOf(body, expected)) {
        if (!PLAIN.test(each[0])) expect(each[0]).toMatch(PLAIN);
        queue.push(each);
      }
      check(url, body, expected);
    } else check(url, found.get(url), expected);
  }
  return found;
}

const ID = /[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|(?<=\/permissions\/)[\w:]+/;

test.each([
  ['platform', () => app.platform],
  ['partner', () => world.partner],
  ['organization', () => world.key],
] as const)(
  'every link that the %s caller is shown is relative, answers 200, and leads to what its name says [REL-10, FET-1, LNK-6, LNK-9, LNK-11]',
  async (level, client) => {
    const types = TYPES.filter((type) => levelReads(level, type));
    const starts = types.flatMap((type): [string, Expected, string?][] => {
      const expected = { many: true, linkage: false, type };
      const size = type === 'apiKeys' ? 20 : 2;
      return [
        [pathOf(type), expected],
        [`${pathOf(type)}?page[size]=${size}&sort=-id`, expected],
        [`${pathOf(type)}?page[limit]=${size}&fields[${type}]=${firstAttribute(type)}`, expected],
        [`${pathOf(type)}?page[size]=${size}`, expected, CURSORS],
      ];
    });
    const expected = { many: true, linkage: false, type: 'organizations' };
    starts.push([`${M}/organizations?include=members.user,roles,apiKeys&page[size]=1`, expected]);
    starts.push([`${M}/organizations?include=apiKeys&page[size]=1`, expected, CURSORS]);
    const found = await crawl(client(), starts);
    const reached = new Set([...found.keys()].map((url) => url.replace(ID, '{id}').split('?')[0]));
    const readable = allRoutes(registry).filter(({ methods, definition, relationship }) => {
      const other = definition.relationships[relationship ?? '']?.type ?? definition.type;
      return methods.includes('GET') && types.includes(definition.type) && types.includes(other);
    });
    expect([...reached].sort()).toEqual(readable.map(({ template }) => template).sort());
    // The lists that an include cut go on, by number and by cursor.
    const next = [...found.keys()].filter((url) => url.includes('/relationships/apiKeys?page['));
    for (const key of ['page[number]=2', 'page[after]=']) expect(next.some((url) => url.includes(key))).toBe(true);
  },
  // Thousands of links, on a busy machine.
  180_000,
);
