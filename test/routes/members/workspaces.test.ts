import { createUser, document, link, NIL, S, startApp, type TestApp } from '../../support/app';
import { type Crew, Crews, type Mate, patch, workspaceLinks } from '../crew';
import { expectError } from '../documents';

/** The workspaces that a member is limited to (domain sheet 4.4, INV-16, rulings). */

const WORKSPACES = '/data/relationships/workspaces/data';

let app: TestApp;
let crews: Crews;
let crew: Crew;
let mate: Mate;
let [north, south]: string[] = [];
beforeAll(async () => {
  app = await startApp();
  crews = await Crews.of(app);
  crew = await crews.make();
  [north, south] = [await crews.workspace(crew.id, 'North'), await crews.workspace(crew.id, 'South')];
});
beforeEach(async () => {
  mate = await crews.join(crew.id, ['member']);
});
afterAll(() => app.close());

type Asker = Parameters<typeof patch>[0];
const set = (asker: Asker, attributes: object, ids?: (string | undefined)[], self = mate.self) =>
  patch(asker, 'members', self, attributes, ids && { workspaces: workspaceLinks(...(ids as string[])) });
/** allWorkspaces, and the list. */
const limits = async (self = mate.self): Promise<[boolean, string[]]> => {
  const { attributes, relationships } = (await app.platform.get(self)).body.data;
  return [attributes.allWorkspaces, relationships.workspaces.data.map(({ id }: { id: string }) => id).sort()];
};
const linkage = () => `${mate.self}/relationships/workspaces`;

test('a member begins with all; a list limits him to it, and replaces the one before', async () => {
  expect(await limits()).toEqual([true, []]);
  const answer = await set(crew.admin, {}, [north]);
  expect([answer.status, answer.body.data.attributes.allWorkspaces]).toEqual([200, false]);
  expect(answer.body.data.relationships.workspaces.data).toEqual(workspaceLinks(north as string).data);
  expect(await limits()).toEqual([false, [north]]);
  await set(crew.admin, {}, [south, south]);
  expect(await limits()).toEqual([false, [south]]);
});

test.each<[string, object, (() => (string | undefined)[]) | undefined, [boolean, 'none' | 'north' | 'south']]>([
  ['a list alone', {}, () => [south], [false, 'south']],
  ['an empty list alone gives access to none', {}, () => [], [false, 'none']],
  ['allWorkspaces alone empties the list', { allWorkspaces: true }, undefined, [true, 'none']],
  ['no allWorkspaces leaves the list', { allWorkspaces: false }, undefined, [false, 'north']],
  ['a list is more than allWorkspaces', { allWorkspaces: true }, () => [south], [false, 'south']],
  ['allWorkspaces with an empty list', { allWorkspaces: true }, () => [], [true, 'none']],
  ['none at all', { allWorkspaces: false }, () => [], [false, 'none']],
])('of somebody limited: %s [rulings]', async (_title, attributes, ids, [all, left]) => {
  await set(crew.admin, {}, [north]);
  expect((await set(crew.admin, attributes, ids?.())).status).toBe(200);
  expect(await limits()).toEqual([all, left === 'none' ? [] : [left === 'north' ? north : south]]);
});

test('an empty list leaves somebody with all of them as he is; allWorkspaces: false takes them all', async () => {
  await set(crew.admin, {}, []);
  expect(await limits()).toEqual([true, []]);
  await set(crew.admin, { allWorkspaces: false });
  expect(await limits()).toEqual([false, []]);
  expect((await mate.get(`${S}/workspaces`)).body.data).toEqual([]);
});

test('the linkage is replaced, added to and taken from', async () => {
  const ids = ({ body }: { body: { data: { id: string }[] } }) => body.data.map(({ id }) => id).sort();
  expect(ids((await crew.admin.post(linkage(), workspaceLinks(north as string))) as never)).toEqual([north]);
  expect(await limits()).toEqual([false, [north]]);
  await crew.admin.post(linkage(), workspaceLinks(north as string, south as string));
  expect(await limits()).toEqual([false, [north, south].sort()]);
  await crew.admin.delete(linkage(), {}, workspaceLinks(north as string, NIL));
  expect(await limits()).toEqual([false, [south]]);
  await crew.admin.delete(linkage(), {}, workspaceLinks(south as string));
  expect(await limits()).toEqual([false, []]);
  await crew.admin.patch(linkage(), workspaceLinks(north as string));
  expect(await limits()).toEqual([false, [north]]);
  expect(ids((await mate.get(`${S}/workspaces`)) as never)).toEqual([north]);
});

test('what was read may be sent back, by itself and whole; nothing changes, the version neither [round trip]', async () => {
  await set(crew.admin, {}, [north, south]);
  const { body, headers } = await crew.admin.get(mate.self);
  const { attributes, relationships } = (await crew.admin.patch(mate.self, body)).body.data;
  expect(relationships).toEqual(body.data.relationships);
  expect(attributes).toEqual({ ...body.data.attributes, updatedAt: expect.any(String) });
  const before = (await crew.admin.get(mate.self)).headers.etag;
  await crew.admin.patch(linkage(), workspaceLinks(...([north, south] as string[])));
  expect((await crew.admin.get(mate.self)).headers.etag).toBe(before);
  expect(headers.etag).not.toBe(before);
});

describe('whoever is limited himself gives what he has [INV-13]', () => {
  let lead: Mate;
  beforeAll(async () => {
    const rights = ['members:read', 'members:update', 'workspaces:read', 'organizations:read', 'roles:read'];
    lead = await crews.join(crew.id, [await crews.role(crew.id, rights, 30)], [north as string]);
  });

  test('no other workspace, and not all of them', async () => {
    await set(crew.admin, {}, [south]);
    expectError(await set(lead, {}, [north, south, crew.id]), 404, 'not_found', {
      source: { pointer: `${WORKSPACES}/2` },
    });
    expect((await set(lead, {}, [south, north])).status).toBe(200);
    await set(crew.admin, {}, [north]);
    const at = (place: string) => ({ source: { pointer: place } });
    expectError(await set(lead, {}, [north, south]), 403, 'cannot_grant', at(`${WORKSPACES}/1`));
    expectError(await lead.post(linkage(), workspaceLinks(south as string)), 403, 'cannot_grant', at('/data/0'));
    expectError(await set(lead, { allWorkspaces: true }), 403, 'cannot_grant', at('/data/attributes/allWorkspaces'));
    expect(await limits()).toEqual([false, [north]]);
  });

  test('nor to himself', async () => {
    const before = await limits(lead.self);
    expectError(await set(lead, { allWorkspaces: true }, undefined, lead.self), 403, 'cannot_grant', {
      source: { pointer: '/data/attributes/allWorkspaces' },
    });
    expect((await set(lead, {}, [north, south], lead.self)).body.errors[0].code).toBe('cannot_grant');
    expect(await limits(lead.self)).toEqual(before);
  });
});

test('an archived one stays, and is newly given to nobody [INV-16]', async () => {
  const id = await crews.workspace(crew.id, 'Old');
  await set(crew.admin, {}, [id]);
  await patch(app.platform, 'workspaces', `${S}/workspaces/${id}`, { status: 'archived' });
  expect(await limits()).toEqual([false, [id]]);
  expect((await set(crew.admin, {}, [id, north])).status).toBe(200);
  const other = await crews.join(crew.id, ['member']);
  const refused = await set(crew.admin, {}, [north, id], other.self);
  expectError(refused, 422, 'not_allowed', { source: { pointer: `${WORKSPACES}/1` } });
  expect(await limits(other.self)).toEqual([true, []]);
});

test('those of another organization are 404, like missing ones [INV-18]', async () => {
  const foreign = await crews.workspace((await crews.make()).id);
  for (const asker of [crew.owner, app.platform, app.as(crew.token)]) {
    for (const id of [foreign, NIL]) {
      expectError(await set(asker, {}, [north, id]), 404, 'not_found', { source: { pointer: `${WORKSPACES}/1` } });
      expectError(await asker.post(linkage(), workspaceLinks(id)), 404, 'not_found', {
        source: { pointer: '/data/0' },
      });
    }
  }
  expect(await limits()).toEqual([true, []]);
});

test('a member may be made with limits', async () => {
  const create = async (attributes: object, ids: (string | undefined)[]) => {
    const relationships = {
      organization: link('organizations', crew.id),
      user: link('users', (await createUser(app.platform)).id),
      workspaces: workspaceLinks(...(ids as string[])),
    };
    const { status, body } = await app.platform.post(
      `${S}/members`,
      document('members', attributes, { relationships }),
    );
    expect(status).toBe(201);
    expect((await app.platform.get(body.data.links.self)).body.data).toEqual(body.data);
    return limits(body.data.links.self);
  };
  expect(await create({}, [north])).toEqual([false, [north]]);
  expect(await create({ allWorkspaces: true }, [north])).toEqual([false, [north]]);
  expect(await create({ allWorkspaces: false }, [])).toEqual([false, []]);
  expect(await create({}, [])).toEqual([true, []]);
});

test('invitedBy leads to who invited him, or nowhere', async () => {
  expect((await crew.owner.get(`${mate.self}/invitedBy`)).body.data).toBeNull();
  await app.source.query('update members set invited_by_id = $1 where id = $2', [crew.admin.id, mate.member]);
  const { body } = await crew.owner.get(`${mate.self}?include=invitedBy`);
  expect(body.data.relationships.invitedBy.data).toEqual({ type: 'users', id: crew.admin.id });
  expect(body.included).toMatchObject([{ type: 'users', id: crew.admin.id }]);
  const found = await crew.owner.get(`${S}/members?filter[invitedBy.email]=${encodeURIComponent(crew.admin.email)}`);
  expect(found.body.data).toMatchObject([{ id: mate.member }]);
});
