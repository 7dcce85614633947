import { statementsOf } from '../../jsonapi/world';
import {
  type Body,
  type Client,
  createOrganization,
  NIL,
  S,
  signInWith,
  startApp,
  type TestApp,
} from '../../support/app';
import { accessToken, expectError, page, single, TIME } from '../documents';
import { bodyOf, PASSWORD, PATH, refresh, signedIn, tokensOf, use } from './people';

let app: TestApp;
beforeAll(async () => {
  app = await startApp();
});
afterAll(() => app.close());

const ids = async (asker: Client) => (await asker.get(PATH)).body.data.map(({ id }: { id: string }) => id);

describe('the list', () => {
  test('shows somebody his own sessions, the newest first, without a secret', async () => {
    const session = await signedIn(app);
    const second = await signInWith(app, session.email, PASSWORD);
    await signedIn(app);
    await session.get(PATH);
    await app.services.callers.drain();
    const of = { user: session.userId };
    const used = { lastUsedAt: TIME, lastUsedIp: '127.0.0.1' };
    const { status, body } = await session.get(PATH);
    expect([status, body]).toEqual([
      200,
      page(PATH, [accessToken(second.id, {}, of), accessToken(session.id, used, of)]),
    ]);
    const one = await session.get(`${PATH}/${session.id}`);
    expect(one.body).toEqual(single(accessToken(session.id, used, of)));
  });

  test('shows the current pair of a family alone, and no family that has ended', async () => {
    const session = await signedIn(app);
    const [ended, expired] = [
      await signInWith(app, session.email, PASSWORD),
      await signInWith(app, session.email, PASSWORD),
    ];
    const { id } = (await refresh(app, session.refreshToken)).body.data;
    await app.as(ended.key).delete(`${PATH}/${ended.id}`);
    await app.db.query('update access_tokens set refresh_expires_at = now() where id = $1', [expired.id]);
    const { body } = await session.get(PATH);
    expect([body.data.map((row: { id: string }) => row.id), body.meta.total]).toEqual([[id], 1]);
  });

  test('shows a key, and a token made from it, what was made from that very key', async () => {
    const { attributes } = await createOrganization(app.platform);
    const key = app.as(attributes.token);
    const made = await tokensOf(key);
    await tokensOf(app.platform);
    const other = app.as((await createOrganization(app.platform)).attributes.token);
    await tokensOf(other);
    expect(await ids(key)).toEqual([made.id]);
    expect(await ids(app.as(made.attributes.accessToken))).toEqual([made.id]);
    expect(await ids(other)).not.toContain(made.id);
    expect(await ids(app.platform)).not.toContain(made.id);
  });

  test('costs as many statements for one row as for twenty', async () => {
    const session = await signedIn(app);
    const one = await statementsOf(() => session.get(`${PATH}?include=user`));
    for (let i = 0; i < 20; i++) await signInWith(app, session.email, PASSWORD);
    const many = await statementsOf(() => session.get(`${PATH}?include=user`));
    expect((await session.get(PATH)).body.meta.total).toBe(21);
    expect(many).toHaveLength(one.length);
  });
});

describe('one session', () => {
  test('is found by the id of any of its pairs, as its current pair', async () => {
    const session = await signedIn(app);
    const { id } = (await refresh(app, session.refreshToken)).body.data;
    for (const each of [session.id, session.familyId, id]) {
      const { status, body } = await session.get(`${PATH}/${each}`);
      expect([status, body.data.id]).toEqual([200, id]);
    }
    expect((await session.get(`${S}/me`)).body.data.id).toBe(session.familyId);
  });

  test('of somebody else is not there: the same as a missing one (INV-18)', async () => {
    const [mine, other] = [await signedIn(app), await signedIn(app)];
    const { attributes } = await createOrganization(app.platform);
    const key = app.as(attributes.token);
    const missing = bodyOf(await mine.get(`${PATH}/${NIL}`));
    for (const asker of [mine, key, app.platform, await app.partner()]) {
      for (const answer of [await asker.get(`${PATH}/${other.id}`), await asker.delete(`${PATH}/${other.id}`)]) {
        expectError(answer, 404, 'not_found');
        expect(bodyOf(answer)).toBe(missing);
      }
    }
    expect(await use(app, other.key as string)).toEqual([200, undefined]);
  });
});

describe('what it belongs to', () => {
  test('is the user who has signed in: included, linked and found alike', async () => {
    const session = await signedIn(app);
    const user = { type: 'users', id: session.userId };
    const one = `${PATH}/${session.id}`;
    for (const path of [PATH, one]) {
      const { body } = await session.get(`${path}?include=user,organization,apiKey`);
      expect(body.included.map(({ type, id }: Body) => ({ type, id }))).toEqual([user]);
    }
    expect((await session.get(`${one}/relationships/user`)).body.data).toEqual(user);
    expect((await session.get(`${one}/user`)).body.data).toMatchObject(user);
    for (const name of ['apiKey', 'organization']) {
      expect((await session.get(`${one}/relationships/${name}`)).body.data).toBeNull();
    }
  });

  test('is the key that it was made from, and the key’s organization', async () => {
    const { id, attributes } = await createOrganization(app.platform);
    const key = app.as(attributes.token);
    const one = `${PATH}/${(await tokensOf(key)).id}`;
    const { body } = await key.get(`${one}?include=organization,apiKey`);
    expect(body.included.map(({ type }: Body) => type).sort()).toEqual(['apiKeys', 'organizations']);
    const { id: keyId } = (await key.get(`${S}/me`)).body.data;
    expect((await key.get(`${one}/relationships/apiKey`)).body.data).toEqual({ type: 'apiKeys', id: keyId });
    expect((await key.get(`${one}/organization`)).body.data).toMatchObject({ type: 'organizations', id });
    expect((await key.get(`${one}/user`)).body.data).toBeNull();
  });
});

describe('DELETE', () => {
  test('ends one’s own session, by its family as /me tells it, and every token of it (INV-34)', async () => {
    const session = await signedIn(app);
    const { attributes } = (await refresh(app, session.refreshToken)).body.data;
    const { id } = (await session.get(`${S}/me`)).body.data;
    expect((await session.delete(`${PATH}/${id}`)).status).toBe(204);
    for (const key of [session.key as string, attributes.accessToken]) {
      expect(await use(app, key)).toEqual([401, 'revoked_credential']);
    }
    const answer = await refresh(app, attributes.refreshToken);
    expectError(answer, 401, 'revoked_credential', { source: { pointer: '/data/attributes/refreshToken' } });
  });

  test('ends another session of the same user, by the id of an old pair, and is 404 from then on', async () => {
    const session = await signedIn(app);
    const other = await signInWith(app, session.email, PASSWORD);
    await refresh(app, other.refreshToken);
    expect((await session.delete(`${PATH}/${other.id}`)).status).toBe(204);
    expect(await use(app, other.key as string)).toEqual([401, 'revoked_credential']);
    expectError(await session.delete(`${PATH}/${other.id}`), 404, 'not_found');
    expectError(await session.get(`${PATH}/${other.id}`), 404, 'not_found');
    expect(await ids(session)).toEqual([session.id]);
  });

  test('ends what a key made, for the key, for a token of it, and for the platform', async () => {
    const { attributes } = await createOrganization(app.platform);
    const key = app.as(attributes.token);
    const first = await tokensOf(key);
    for (const asker of [key, app.as(first.attributes.accessToken), app.platform]) {
      const made = await tokensOf(key);
      expect((await asker.get(`${PATH}/${made.id}`)).status).toBe(200);
      expect((await asker.delete(`${PATH}/${made.id}`)).status).toBe(204);
      expect(await use(app, made.attributes.accessToken)).toEqual([401, 'revoked_credential']);
    }
    expect(await use(app, first.attributes.accessToken)).toEqual([200, undefined]);
    expect((await key.get(`${S}/me`)).status).toBe(200);
  });

  test('with a version that is not the current one changes nothing (INV-59)', async () => {
    const session = await signedIn(app);
    const { headers } = await session.get(`${PATH}/${session.id}`);
    await app.db.query('update access_tokens set version = version + 1 where id = $1', [session.id]);
    const answer = await session.delete(`${PATH}/${session.id}`, { 'If-Match': headers.etag as string });
    expectError(answer, 412, 'version_mismatch', { source: { header: 'If-Match' } });
    expect(await use(app, session.key as string)).toEqual([200, undefined]);
    const { headers: now } = await session.get(`${PATH}/${session.id}`);
    expect((await session.delete(`${PATH}/${session.id}`, { 'If-Match': now.etag as string })).status).toBe(204);
  });
});
