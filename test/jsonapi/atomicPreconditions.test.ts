import { type Body, type Client, createOrganization, startApp, type TestApp } from '../support/app';
import { contentsOf } from '../support/contents';
import { add, at, errorOf, perform, remove, resultsOf, update, when } from './operations';
import { buildWorld, pointed, type World } from './world';

let app: TestApp;
let world: World;
let platform: Client;
beforeAll(async () => {
  app = await startApp();
  world = await buildWorld(app);
  platform = pointed(app.platform);
});
afterAll(() => app.close());

const tagOf = async (path: string): Promise<string> => (await app.platform.get(path)).headers.etag as string;
const stale = (i: number) => ['412', 'version_mismatch', at(i, '/meta/ifMatch')];

/** Sends operations that must leave nothing behind. */
async function refusal(...operations: unknown[]) {
  const before = await contentsOf(app);
  const answer = await perform(platform, ...operations);
  expect(await contentsOf(app)).toEqual(before);
  expect(answer.status).toBe(412);
  return errorOf(answer);
}

const organization = () => world.organization.links.self;
const member = () => world.members[1];
const roles = (op: string, ...codes: string[]) => ({
  op,
  ref: { type: 'members', id: member().id, relationship: 'roles' },
  data: codes.map((code) => ({ type: 'roles', id: world.roles[code].id })),
});
const owner = (id: string) => ({
  op: 'update',
  ref: { type: 'organizations', id: world.organization.id, relationship: 'owner' },
  data: { type: 'users', id },
});

test.each<[string, (tag: string) => string]>([
  ['the tag', (tag) => tag],
  ['a star', () => '*'],
  ['a list with the tag', (tag) => `"0.x", ${tag}`],
])('%s lets the operation through [UPD-16, ATO-27]', async (kind, ifMatch) => {
  const tag = ifMatch(await tagOf(organization()));
  const [{ data }] = resultsOf(
    await perform(platform, when(tag, update('organizations', world.organization.id, { kind }))),
  );
  expect(data.attributes.kind).toBe(kind);
});

test.each<[string, (tag: string) => string]>([
  ['another tag', () => '"999.x"'],
  ['a weak tag', (tag) => `W/${tag}`],
  ['a tag without quotes', (tag) => tag.slice(1, -1)],
  ['nothing', () => ''],
])('%s is 412, and all operations before are undone [UPD-16, INV-59, ATO-13, ATO-26]', async (_title, ifMatch) => {
  const bad = update('organizations', world.organization.id, { kind: 'never' });
  const made = add('organizations', { name: 'Undone' });
  expect(await refusal(made, when(ifMatch(await tagOf(organization())), bad))).toEqual(stale(1));
});

test('it holds for every kind of operation on what is there [UPD-16, INV-59]', async () => {
  const operations: object[] = [
    update('members', member().id, { externalId: 'never' }),
    remove('members', member().id),
    remove('organizations', world.other.id),
    remove('apiKeys', world.apiKey.id),
    { op: 'remove', href: `${world.other.links.self}?purgeNow=true` },
    roles('add', 'owner'),
    roles('update', 'member'),
    roles('remove', 'admin'),
    owner(world.user.id),
    // Nothing would change, and the tag is judged all the same.
    roles('add', 'admin'),
    roles('remove'),
    owner(world.owner.id),
    update('members', member().id),
  ];
  for (const operation of operations) expect(await refusal(when('"999.x"', operation))).toEqual(stale(0));
});

test('linkage has the tag of the resource that it belongs to [UPD-16]', async () => {
  const tags = [await tagOf(`${member().links.self}/relationships/roles`), await tagOf(member().links.self)];
  for (const tag of tags) expect(resultsOf(await perform(platform, when(tag, roles('remove'))))).toEqual([{}]);
  resultsOf(await perform(platform, when(tags[0] as string, roles('add', 'owner'))));
  for (const tag of tags) expect(await refusal(when(tag, roles('remove', 'owner')))).toEqual(stale(0));
  resultsOf(await perform(platform, roles('remove', 'owner')));
});

test('each operation has its own; what the ones before changed has another version [ATO-12, UPD-16]', async () => {
  const [one, other] = [await createOrganization(platform), await createOrganization(platform)];
  const change = async ({ id, links }: Body) =>
    when(await tagOf(links.self), update('organizations', id, { kind: 'a' }));
  resultsOf(await perform(platform, await change(one), await change(other)));
  const again = await change(one);
  expect(await refusal(again, again)).toEqual(stale(1));
});

test('on what is missing it is 404 as without it [UPD-10, UPD-16]', async () => {
  const id = world.organization.id.replace(/.$/, (last: string) => (last === '0' ? '1' : '0'));
  const answer = await perform(platform, when('*', update('organizations', id)));
  expect(errorOf(answer)).toEqual(['404', 'not_found', at(0)]);
});

test('If-Match of the request itself names no operation: it is not asked [ATO-27]', async () => {
  const operation = when(await tagOf(organization()), update('organizations', world.organization.id, { kind: 'own' }));
  const { status } = await platform.post(
    '/public/v2/operations',
    { 'atomic:operations': [operation] },
    { 'Content-Type': 'application/vnd.api+json;ext="https://jsonapi.org/ext/atomic"', 'If-Match': '"999.x"' },
  );
  expect(status).toBe(200);
});

test('of two requests with one tag exactly one wins, whole, thirty times [UPD-16, ATO-13, INV-59]', async () => {
  const race = async (i: number) => {
    const [first, second] = [await createOrganization(platform), await createOrganization(platform)];
    const tag = await tagOf(second.links.self);
    const write = (kind: string) =>
      perform(
        platform,
        update('organizations', first.id, { kind }),
        when(tag, update('organizations', second.id, { kind })),
        add('organizations', { name: 'Race', externalId: `race ${i} ${kind}` }),
      );
    const answers = await Promise.all([write('left'), write('right')]);
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 412]);
    const won = answers[0]?.status === 200 ? 'left' : 'right';
    for (const { links } of [first, second]) {
      expect((await platform.get(links.self)).body.data.attributes.kind).toBe(won);
    }
    const found = await platform.get(`/public/v2/management/organizations?filter[externalId][startsWith]=race ${i} `);
    expect(found.body.data.map(({ attributes }: Body) => attributes.externalId)).toEqual([`race ${i} ${won}`]);
    return true;
  };
  for (let i = 0; i < 30; i += 5) await Promise.all([0, 1, 2, 3, 4].map((n) => race(i + n)));
});
