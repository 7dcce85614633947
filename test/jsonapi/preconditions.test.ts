import { type Body, type Client, createOrganization, document, M, NIL, startApp, type TestApp } from '../support/app';
import { buildWorld, errorsOf, pointed, type World } from './world';

const ORGANIZATIONS = `${M}/organizations`;

let app: TestApp;
let world: World;
let platform: Client;
beforeAll(async () => {
  app = await startApp();
  world = await buildWorld(app);
  platform = pointed(app.platform);
});
afterAll(() => app.close());

const acme = () => `${ORGANIZATIONS}/${world.organization.id}`;
const change = (attributes: object, more: object = {}) =>
  document('organizations', attributes, { id: world.organization.id, ...more });

/** Sends what must not change the resource, and says what is wrong with it. */
async function refuse(url: string, body: unknown, headers: Record<string, string> = {}, client = platform) {
  const before = await app.platform.get(url);
  const answer = await client.patch(url, body, headers);
  const after = await app.platform.get(url);
  expect([after.text, after.headers.etag]).toEqual([before.text, before.headers.etag]);
  return errorsOf(answer);
}

describe('If-Match', () => {
  const tagOf = async (url: string, query = ''): Promise<string> =>
    (await app.platform.get(`${url}${query}`)).headers.etag ?? '';
  const STALE = [['412', 'version_mismatch', 'If-Match']];

  test.each([
    ['the tag of the resource', (tag: string) => tag],
    ['a star', () => '*'],
    ['a list with the tag', (tag: string) => `"0.x", ${tag} ,"9.y"`],
  ])('%s lets the change through [UPD-16]', async (_title, header) => {
    const answer = await platform.patch(acme(), change({ kind: _title }), { 'If-Match': header(await tagOf(acme())) });
    expect([answer.status, answer.body.data.attributes.kind]).toEqual([200, _title]);
  });

  test('tags of all representations protect the same row, that of a POST too', async () => {
    const made = await platform.post(ORGANIZATIONS, document('organizations', { name: 'Made' }));
    const { id, links } = made.body.data;
    const tags = [
      made.headers.etag as string,
      await tagOf(links.self, '?include=owner'),
      await tagOf(links.self, '?fields[organizations]='),
    ];
    for (const tag of tags)
      expect(
        (await platform.patch(links.self, document('organizations', {}, { id }), { 'If-Match': tag })).status,
      ).toBe(200);
    await platform.patch(links.self, document('organizations', { kind: 'x' }, { id }));
    for (const tag of tags)
      expect(
        errorsOf(await platform.patch(links.self, document('organizations', {}, { id }), { 'If-Match': tag })),
      ).toEqual(STALE);
  });

  test.each([
    ['a weak tag', (tag: string) => `W/${tag}`],
    ['a tag without quotes', (tag: string) => tag.slice(1, -1)],
    ['another tag', () => '"999.abc"'],
    ['a list of others', () => '"0.a", "999.b"'],
    ['a tag that is not ours', () => '"abc"'],
    ['a number that no version can have', () => '"99999999999999999999.a"'],
    ['garbage', () => '"'],
    ['SQL', () => `"1.x' or 1=1"`],
  ])('%s does not: 412, and nothing is written [UPD-16, INV-59]', async (_title, header) => {
    const headers = { 'If-Match': header(await tagOf(acme())) };
    expect(await refuse(acme(), change({ kind: 'never' }), headers)).toEqual(STALE);
  });

  test('holds for DELETE and for actions', async () => {
    const { id, links } = await createOrganization(app.platform);
    const tag = await tagOf(links.self);
    expect(errorsOf(await platform.delete(links.self, { 'If-Match': '"9.x"' }))).toEqual(STALE);
    expect((await platform.delete(links.self, { 'If-Match': tag })).status).toBe(204);
    const restore = `${links.self}/restore`;
    expect(errorsOf(await platform.post(restore, undefined, { 'If-Match': tag }))).toEqual(STALE);
    expect((await platform.post(restore, undefined, { 'If-Match': '*' })).body.data.id).toBe(id);
  });

  test('on what does not exist is 404', async () => {
    const answer = await platform.patch(`${ORGANIZATIONS}/${NIL}`, document('organizations', {}, { id: NIL }), {
      'If-Match': '*',
    });
    expect(answer.status).toBe(404);
  });

  test('of two writers with one tag exactly one wins, twenty times', async () => {
    const rows: Body[] = [];
    for (let i = 0; i < 20; i++) rows.push(await createOrganization(app.platform, { name: `Pair ${i}` }));
    const race = async ({ id, links }: Body) => {
      const headers = { 'If-Match': await tagOf(links.self) };
      const write = (kind: string) => platform.patch(links.self, document('organizations', { kind }, { id }), headers);
      const answers = await Promise.all([write('left'), write('right')]);
      const won = answers.findIndex(({ status }) => status === 200);
      const { body } = await platform.get(links.self);
      return [answers.map(({ status }) => status).sort(), body.data.attributes.kind === ['left', 'right'][won]];
    };
    expect(await Promise.all(rows.map(race))).toEqual(rows.map(() => [[200, 412], true]));
  });
});
