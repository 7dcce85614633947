import { makeKey } from '../../../src/secrets';
import { talk } from '../../http/rawSocket';
import {
  type Answer,
  type Body,
  type Client,
  createOrganization,
  link,
  M,
  type Person,
  S,
  startApp,
  type TestApp,
} from '../../support/app';
import { expectError } from '../documents';
import { type Key, Keys, PATH } from './keys';

/** What a key is at a moment (domain sheet 6.3), and what whoever holds it is told. */

const HEADER = { source: { header: 'Authorization' } };

let app: TestApp;
let keys: Keys;
let owner: Person;
let organization: Body;
beforeAll(async () => {
  app = await startApp();
  keys = new Keys(app);
  owner = await app.user();
  organization = await createOrganization(owner);
});
afterAll(() => app.close());

const me = (client: Client) => client.get(`${S}/me`);
const expire = ({ id }: Key) =>
  app.db.query("update api_keys set expires_at = now() - interval '1 s' where id = $1", [id]);

/** How a key gets into each state, and what its holder is told then. */
const STATES: Readonly<Record<string, [(key: Key) => Promise<unknown>, string | null]>> = {
  active: [async () => undefined, null],
  rotating: [(key) => keys.rotate(owner, key), null],
  disabled: [(key) => keys.change(owner, key, { disabled: true }), 'revoked_credential'],
  expired: [expire, 'expired_credential'],
  revoked: [(key) => owner.delete(key.self), 'revoked_credential'],
};

test.each(Object.entries(STATES))(
  '%s: found by filter[status], and told to its holder alone',
  async (state, [enter, code]) => {
    const key = await keys.make(owner, {}, organization.id);
    await enter(key);
    app.services.callers.forget();
    expect(await keys.status(key)).toBe(state);
    for (const each of Object.keys(STATES)) {
      const { body } = await owner.get(
        `${PATH}?filter[organizationId]=${organization.id}&filter[status]=${each}&page[size]=100`,
      );
      expect([each, body.data.some(({ id }: Body) => id === key.id)]).toEqual([each, each === state]);
    }
    const answer = await me(key.client);
    if (code === null) expect(answer.status).toBe(200);
    else expectError(answer, 401, code, HEADER);
  },
);

test.each<[string, string, string[]]>([
  ['revoked before anything else', 'revoked_credential', ['expired', 'disabled', 'revoked']],
  ['disabled before expired', 'revoked_credential', ['expired', 'disabled']],
  ['expired before its organization is deleted', 'expired_credential', ['expired', 'deleted']],
  ['its organization is deleted before its address', 'revoked_credential', ['deleted', 'address']],
])('%s', async (_title, code, states) => {
  const { id, links } = await createOrganization(app.platform);
  const key = await keys.make(app.platform, {}, id);
  if (states.includes('disabled')) await keys.change(app.platform, key, { disabled: true });
  if (states.includes('address')) await keys.change(app.platform, key, { ipAllowList: ['192.0.2.1'] });
  if (states.includes('expired')) await expire(key);
  if (states.includes('deleted')) expect((await app.platform.delete(links.self)).status).toBe(204);
  if (states.includes('revoked')) await app.platform.delete(key.self);
  app.services.callers.forget();
  expectError(await me(key.client), 401, code, HEADER);
});

test('active → disabled → active', async () => {
  const key = await keys.make(owner, {}, organization.id);
  for (const disabled of [true, false, true, false]) {
    await keys.change(owner, key, { disabled });
    expect([await keys.status(key), (await me(key.client)).status]).toEqual(
      disabled ? ['disabled', 401] : ['active', 200],
    );
  }
});

test('a disabled one expires, and any ends by being revoked', async () => {
  const key = await keys.make(owner, { disabled: true }, organization.id);
  await expire(key);
  expect(await keys.status(key)).toBe('expired');
  for (const enter of [STATES.rotating, STATES.disabled, STATES.expired]) {
    const other = await keys.make(owner, {}, organization.id);
    await enter?.[0](other);
    expect((await owner.delete(other.self)).status).toBe(204);
    expect(await keys.status(other)).toBe('revoked');
  }
});

/** Nothing that differs between two answers but what differs between any two. */
const told = ({ status, headers, body }: Answer) => {
  const { date: _date, 'x-request-id': _id, ...others } = headers;
  return { status, headers: others, errors: body.errors.map(({ id: _error, ...error }: Body) => error) };
};

describe('who does not hold the secret learns nothing: one body for all that is wrong', () => {
  test.each(Object.entries(STATES))('of a key that is %s', async (_state, [enter]) => {
    const key = await keys.make(owner, {}, organization.id);
    await enter(key);
    app.services.callers.forget();
    const unknown = told(await me(app.as(makeKey('sk'))));
    expect(unknown).toMatchObject({ status: 401, errors: [{ code: 'invalid_credential' }] });
    expect(unknown.headers['www-authenticate']).toBe('Bearer');
    const { secret } = key;
    const last = secret.endsWith('0') ? '1' : '0';
    const others = [
      secret.slice(0, -1),
      secret.slice(1),
      `${secret}0`,
      `0${secret}`,
      secret.slice(0, -1) + last,
      secret.replace('sk_live', 'sk_test'),
      secret.replace('sk_', 'pat_'),
      secret.toUpperCase(),
      `${secret} ${secret}`,
      key.id,
      'garbage',
      'x'.repeat(5_000),
      '%00',
      'null',
    ];
    for (const other of others) expect([other, told(await me(app.as(other)))]).toEqual([other, unknown]);
  });

  test('two Authorization header fields are refused, whichever is good', async () => {
    const { secret } = await keys.make(owner, {}, organization.id);
    for (const [one, two] of [
      [secret, 'garbage'],
      ['garbage', secret],
      [secret, secret],
    ]) {
      const lines = ['GET /public/v2/me HTTP/1.1', 'Host: x', `Authorization: ${one}`, `Authorization: ${two}`];
      const { answers } = await talk(app.port, `${[...lines, 'Connection: close'].join('\r\n')}\r\n\r\n`);
      expect(answers.map(({ status, body }) => [status, body.errors[0].code])).toEqual([[400, 'malformed_request']]);
    }
  });
});

test('the secret is in the one answer that made it: in no list, no log line, no error', async () => {
  const key = await keys.make(owner, {}, organization.id);
  await me(key.client);
  const texts = [
    (await owner.get(`${PATH}?filter[organizationId]=${organization.id}&include=organization`)).text,
    (await owner.get(`${M}/organizations/${organization.id}?include=apiKeys`)).text,
    JSON.stringify(app.logLines),
    JSON.stringify((await app.db.query('select to_jsonb(k) from api_keys k where id = $1', [key.id]))[0]),
  ];
  for (const text of texts) expect(text).not.toContain(key.secret);
});

test('relationships lead to who made it, what it replaces, and what replaces it', async () => {
  const old = await keys.make(owner, {}, organization.id);
  const { body } = await keys.rotate(owner, old);
  const key = body.data;
  const related = async (id: string, name: string) => (await owner.get(`${PATH}/${id}/${name}`)).body.data?.id ?? null;
  expect(await related(key.id, 'createdBy')).toBe(owner.id);
  expect([await related(key.id, 'replaces'), await related(old.id, 'replacedBy')]).toEqual([old.id, key.id]);
  expect([await related(old.id, 'replaces'), await related(key.id, 'replacedBy')]).toEqual([null, null]);
  const found = async (filter: string) => (await owner.get(`${PATH}?${filter}`)).body.data.map(({ id }: Body) => id);
  expect(await found(`filter[replacedById]=${key.id.toUpperCase()}`)).toEqual([old.id]);
  expect(await found(`filter[replaces]=${old.id}&filter[replacedBy][ne]=${key.id}`)).toEqual([key.id]);
  expect(await found(`filter[replacedBy][in]=${key.id},${old.id}&filter[createdBy]=${owner.id}`)).toEqual([old.id]);
  const included = (await owner.get(`${PATH}/${key.id}?include=createdBy`)).body.included;
  expect(included.map(({ type, id }: Body) => ({ type, id }))).toEqual([link('users', owner.id).data]);
});
