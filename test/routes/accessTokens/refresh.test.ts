import { makeKey } from '../../../src/secrets';
import { type Body, createOrganization, document, link, M, S, startApp, type TestApp } from '../../support/app';
import { ACCESS_TOKEN, accessToken, created, expectAttributeError, expectError, REFRESH_TOKEN } from '../documents';
import { bodyOf, lookAlike, PATH, refresh, signedIn, tokensFor, tokensOf, use } from './people';

let app: TestApp;
beforeAll(async () => {
  app = await startApp();
});
afterAll(() => app.close());

const SOURCE = { pointer: '/data/attributes/refreshToken' };
const codeOf = async (refreshToken: string) => (await refresh(app, refreshToken)).body.errors?.[0].code;
/** Makes the first use of the refresh token of a pair older. */
const age = (id: string, seconds: number) =>
  app.db.query('update access_tokens set replaced_at = replaced_at - make_interval(secs => $2) where id = $1', [
    id,
    seconds,
  ]);
async function refreshed(refreshToken: string): Promise<Body> {
  const answer = await refresh(app, refreshToken);
  if (answer.status !== 201) throw new Error(`not refreshed: ${answer.text}`);
  return answer.body.data;
}

/** A key of a new organization, tokens made from it, and the organization. */
async function keyed(attributes: object = {}) {
  const { id: organizationId } = await createOrganization(app.platform);
  const relationships = { organization: link('organizations', organizationId) };
  const body = document('apiKeys', { name: 'Key', ...attributes }, { relationships });
  const { id, attributes: made } = (await app.platform.post(`${S}/apiKeys`, body)).body.data;
  const { attributes: tokens } = await tokensOf(app.as(made.secret));
  return { id, organizationId, refreshToken: tokens.refreshToken as string, accessToken: tokens.accessToken as string };
}

describe('a refresh token', () => {
  test('gives a new pair of the same family, without a credential', async () => {
    const session = await signedIn(app);
    const answer = await app.anonymous.post(
      `${PATH}/refresh`,
      document('accessTokens', { refreshToken: session.refreshToken }),
      {
        'User-Agent': 'Browser/2',
      },
    );
    const { id } = answer.body.data;
    const shown = {
      familyId: session.familyId,
      accessToken: ACCESS_TOKEN,
      refreshToken: REFRESH_TOKEN,
      userAgent: 'Browser/2',
    };
    expect([answer.status, answer.headers['cache-control'], answer.headers.location]).toEqual([
      201,
      'no-store',
      `${PATH}/${id}`,
    ]);
    expect(answer.body).toEqual(created(accessToken(id, shown, { user: session.userId })));
    expect(id).not.toBe(session.id);
  });

  test('leaves the old access token alive to its own end', async () => {
    const session = await signedIn(app);
    const { attributes } = await refreshed(session.refreshToken);
    for (const key of [session.key as string, attributes.accessToken])
      expect(await use(app, key)).toEqual([200, undefined]);
    await app.db.query('update access_tokens set expires_at = now() where id = $1', [session.id]);
    app.services.callers.forget();
    expect(await use(app, session.key as string)).toEqual([401, 'expired_credential']);
    expect(await use(app, attributes.accessToken)).toEqual([200, undefined]);
  });

  test('lives 30 days from each refresh, and 90 days from the first in all', async () => {
    const session = await signedIn(app);
    await app.db.query(
      "update access_tokens set family_ends_at = date_trunc('second', now()) + interval '10 minutes' where id = $1",
      [session.id],
    );
    const { attributes } = await refreshed(session.refreshToken);
    const [row] = await app.db.query('select family_ends_at from access_tokens where id = $1', [session.id]);
    expect([attributes.expiresAt, attributes.refreshExpiresAt]).toEqual([row?.[0], row?.[0]]);
    const other = (await refreshed((await signedIn(app)).refreshToken)).attributes;
    const days = (Date.parse(other.refreshExpiresAt) - Date.parse(other.createdAt)) / 86_400_000;
    expect([days, other.expiresIn]).toEqual([30, 3600]);
  });

  test('never gets back what its key has lost meanwhile (INV-32)', async () => {
    const key = await keyed();
    await app.db.query("update api_keys set scopes = '{members:read}' where id = $1", [key.id]);
    const { attributes } = await refreshed(key.refreshToken);
    expect(attributes.scopes).toEqual(['members:read']);
    await app.db.query("update api_keys set scopes = '{*}' where id = $1", [key.id]);
    expect((await refreshed(attributes.refreshToken)).attributes.scopes).toEqual(['members:read']);
  });
});

describe('a refresh token that was used', () => {
  test('works again within 30 seconds, and both pairs live (INV-35)', async () => {
    const session = await signedIn(app);
    const first = await refreshed(session.refreshToken);
    await age(session.id, 25);
    const second = await refreshed(session.refreshToken);
    expect(second.attributes.familyId).toBe(first.attributes.familyId);
    for (const { attributes } of [first, second]) {
      expect(await use(app, attributes.accessToken)).toEqual([200, undefined]);
      expect((await refresh(app, attributes.refreshToken)).status).toBe(201);
    }
  });

  test('ends the whole family when it comes later, at once (INV-35)', async () => {
    const session = await signedIn(app);
    const { attributes } = await refreshed(session.refreshToken);
    const other = await signedIn(app);
    expect(await use(app, attributes.accessToken)).toEqual([200, undefined]);
    await age(session.id, 31);
    expectError(await refresh(app, session.refreshToken), 401, 'revoked_credential', { source: SOURCE });
    for (const key of [session.key as string, attributes.accessToken]) {
      expect(await use(app, key)).toEqual([401, 'revoked_credential']);
    }
    expect(await codeOf(attributes.refreshToken)).toBe('revoked_credential');
    expect(await use(app, other.key as string)).toEqual([200, undefined]);
  });

  test('ends it within the 30 seconds too, once a token made from it was used (INV-35)', async () => {
    const session = await signedIn(app);
    const next = await refreshed(session.refreshToken);
    const last = await refreshed(next.attributes.refreshToken);
    expect(await codeOf(session.refreshToken)).toBe('revoked_credential');
    expect(await use(app, last.attributes.accessToken)).toEqual([401, 'revoked_credential']);
  });

  test('does not count the use of a token that was made beside it', async () => {
    const session = await signedIn(app);
    const [one, two] = [await refreshed(session.refreshToken), await refreshed(session.refreshToken)];
    await refreshed(one.attributes.refreshToken);
    await refreshed(two.attributes.refreshToken);
    expect((await refresh(app, one.attributes.refreshToken)).status).toBe(201);
  });
});

describe('what is refused', () => {
  test('malformed, cut, unknown and other tokens: one body', async () => {
    const { refreshToken, key } = await signedIn(app);
    const wrong = [
      '',
      'x',
      refreshToken.slice(0, -1),
      `${refreshToken}0`,
      lookAlike(refreshToken),
      makeKey('rt', 'test'),
      key,
      app.platform.key,
      'ä'.repeat(30),
      '\u0000',
    ];
    const answers = await Promise.all(wrong.map((each) => refresh(app, each)));
    for (const answer of answers) expectError(answer, 401, 'invalid_credential', { source: SOURCE });
    expect(new Set(answers.map(bodyOf)).size).toBe(1);
    expect((await refresh(app, refreshToken)).status).toBe(201);
  });

  test('a token whose time is over', async () => {
    const session = await signedIn(app);
    await app.db.query('update access_tokens set refresh_expires_at = now() where id = $1', [session.id]);
    expectError(await refresh(app, session.refreshToken), 401, 'expired_credential', { source: SOURCE });
  });

  test('a body without it', async () => {
    const answer = await app.anonymous.post(`${PATH}/refresh`, document('accessTokens'));
    expect([answer.status, answer.body.errors[0].code]).toEqual([422, 'required']);
    expectAttributeError(await refresh(app, 7), 'invalid_format', 'refreshToken');
  });

  const endings: [string, string][] = [
    ['the key is disabled', 'update api_keys set disabled = true where id = $1'],
    ['the key is revoked', 'update api_keys set revoked_at = now() where id = $1'],
    ['the key has expired', 'update api_keys set expires_at = now() where id = $1'],
    ['the grace of the key is over', 'update api_keys set grace_until = now() where id = $1'],
  ];
  test.each(endings)('whatever comes when %s', async (_title, sql) => {
    const key = await keyed();
    await app.db.query(sql, [key.id]);
    expectError(await refresh(app, key.refreshToken), 401, 'revoked_credential', { source: SOURCE });
    const [row] = await app.db.query('select count(*)::int from access_tokens where api_key_id = $1', [key.id]);
    expect(row).toEqual([1]);
  });

  test('whatever comes when the organization is being deleted, until it is restored', async () => {
    const key = await keyed();
    await app.platform.delete(`${M}/organizations/${key.organizationId}`);
    expect(await codeOf(key.refreshToken)).toBe('revoked_credential');
    await app.platform.post(`${M}/organizations/${key.organizationId}/restore`);
    expect((await refresh(app, key.refreshToken)).status).toBe(201);
  });

  test.each(['suspended', 'erased'])('whatever comes when the user is %s', async (status) => {
    const session = await signedIn(app);
    await app.db.query('update users set status = $2 where id = $1', [session.userId, status]);
    expect(await codeOf(session.refreshToken)).toBe('revoked_credential');
  });

  test('a client outside the addresses of the key: the token is not used up', async () => {
    const key = await keyed();
    await app.db.query("update api_keys set ip_allow_list = '{192.0.2.0/24}' where id = $1", [key.id]);
    expect((await refresh(app, key.refreshToken)).status).toBe(403);
    const [row] = await app.db.query('select replaced_at from access_tokens where api_key_id = $1', [key.id]);
    expect(row).toEqual([null]);
  });

  test('what a suspended partner’s key made', async () => {
    const partner = await app.partner();
    const { attributes } = await tokensOf(partner);
    const body = document('partners', { status: 'suspended' }, { id: partner.id });
    expect((await app.platform.patch(`${M}/partners/${partner.id}`, body)).status).toBe(200);
    expect(await codeOf(attributes.refreshToken)).toBe('partner_suspended');
  });
});

describe('at the same time', () => {
  test('50 refreshes with one token all succeed, and the family lives on as one session', async () => {
    const session = await signedIn(app);
    const answers = await Promise.all(Array.from({ length: 50 }, () => refresh(app, session.refreshToken)));
    expect(answers.map(({ status }) => status)).toEqual(Array(50).fill(201));
    const tokens = new Set(answers.map(({ body }) => body.data.attributes.refreshToken));
    expect(tokens.size).toBe(50);
    const { body } = await app.as(answers[7]?.body.data.attributes.accessToken).get(PATH);
    expect([body.meta.total, body.data[0].attributes.familyId]).toEqual([1, session.familyId]);
    for (const token of [...tokens].slice(0, 3)) expect((await refresh(app, token)).status).toBe(201);
  });

  test('ending it and refreshing it leave no token alive', async () => {
    for (let round = 0; round < 20; round++) {
      const session = await signedIn(app);
      const ended = app.as(session.key).delete(`${PATH}/${session.id}`);
      const answers = await Promise.all([
        ...Array.from({ length: 4 }, () => refresh(app, session.refreshToken)),
        ended,
      ]);
      expect(answers.at(-1)?.status).toBe(204);
      for (const { status } of answers.slice(0, 4)) expect([201, 401]).toContain(status);
      const alive = 'select count(*)::int from access_tokens where family_id = $1 and revoked_at is null';
      expect(await app.db.query(alive, [session.familyId])).toEqual([[0]]);
    }
  });
});

test('is limited to 120 a minute for a network', async () => {
  const limited = await startApp({ RATE_LIMIT: '100000/60' });
  try {
    const { refreshToken } = await signedIn(limited);
    const policy = limited.services.limiter?.policies.tokenRefresh as never;
    while ((await limited.services.limiter?.take(policy, '127.0.0.1'))?.isAdmitted);
    const answer = await refresh(limited, refreshToken);
    expectError(answer, 429, 'rate_limited');
    expect(answer.headers['ratelimit-policy']).toBe('"tokenRefresh";q=120;w=60');
    expect((await tokensFor(limited.platform)).status).toBe(201);
  } finally {
    await limited.close();
  }
});
