import { request } from 'node:http';
import { createPlatformKey } from '../../src/services/apiKeys';
import { freshKey, isReplay, keyed, recordsOf } from '../http/keyed';
import {
  type Answer,
  type Body,
  type Client,
  createOrganization,
  M,
  NIL,
  startApp,
  type TestApp,
} from '../support/app';
import { join, shown } from './people';

/** What the three surfaces have in common, each in its own words. */

interface Sample {
  /** An organization, by the names that this surface has for it. */
  path: (organization: Body) => string;
  template: string;
  collection: string;
  /** Changes it. */
  method: 'patch' | 'put';
  allow: string;
  /** A body that makes one. */
  made: object;
  /** An error without fields. */
  error: (code: string, sentence: string) => object;
  notFound: string;
}

const SAMPLES: Record<string, Sample> = {
  '/v1': {
    path: ({ attributes }) => `/v1/orgs/${attributes.number}`,
    template: '/v1/orgs/{id}',
    collection: '/v1/orgs',
    method: 'patch',
    allow: 'GET, HEAD, PATCH, DELETE, OPTIONS',
    made: { name: 'Made' },
    error: (code, detail) => ({ detail, code }),
    notFound: '/v1/nothing',
  },
  '/api': {
    path: ({ id }) => `/api/organizations/${id}`,
    template: '/api/organizations/{organizationId}',
    collection: '/api/organizations',
    method: 'patch',
    allow: 'GET, HEAD, PATCH, OPTIONS',
    made: { name: 'Made', countryCode: 'NL' },
    error: (_code, message) => ({ success: false, message }),
    notFound: '/api/organizations/invite/nothing/at/all',
  },
  '/organization': {
    path: ({ id }) => `/organization/${id}`,
    template: '/organization/{organization_id}',
    collection: '/organization',
    method: 'put',
    allow: 'GET, HEAD, PUT, OPTIONS',
    made: { organizationName: 'Made' },
    error: (code, message) => ({ error: { code, message } }),
    notFound: `/organization/${NIL}/members`,
  },
};

let app: TestApp;
let organization: Body;
let key: Client;
beforeAll(async () => {
  app = await startApp({ RATE_LIMIT: '1000/60', DATABASE_POOL_SIZE: '2', DATABASE_TIMEOUT_MS: '200' });
  organization = await createOrganization(app.platform);
  key = app.as(organization.attributes.token);
});
afterAll(() => app.close());

/** A request that the test's client would not send, or not without a word of OpenAPI's. */
async function raw(path: string, init: RequestInit = {}): Promise<{ status: number; body: Body }> {
  const headers = { Authorization: key.key as string, ...(init.headers as Record<string, string>) };
  const answer = await fetch(`${app.url}${path}`, { ...init, headers });
  return { status: answer.status, body: await answer.json() };
}

/** GET with the key's `Authorization` and another one. */
function twoCredentials(path: string): Promise<{ status: number | undefined; body: Body }> {
  return new Promise((resolve, reject) => {
    const headers = { Authorization: [key.key as string, 'other'] as unknown as string };
    const asked = request(`${app.url}${path}`, { headers }, async (answer) => {
      const chunks: Buffer[] = [];
      for await (const chunk of answer) chunks.push(chunk);
      resolve({ status: answer.statusCode, body: JSON.parse(Buffer.concat(chunks).toString()) });
    });
    asked.on('error', reject).end();
  });
}

describe.each(Object.entries(SAMPLES))(
  '%s',
  (prefix, { path, template, collection, method, made, error, ...sample }) => {
    const own = () => path(organization);
    const change = (body: unknown, headers?: Record<string, string>): Promise<Answer> =>
      key[method](own(), body, headers);

    test('a path that is not there is 404 in the form of the surface, with or without a credential', async () => {
      const nothing = error('not_found', 'There is nothing at this path.');
      for (const client of [key, app.anonymous]) {
        expect(shown(await client.get(sample.notFound))).toEqual([404, nothing]);
        expect(shown(await client.post(`${sample.notFound}/`))).toEqual([404, nothing]);
      }
      expect((await key.get(`${prefix}s`)).body.errors[0].code).toBe('not_found');
    });

    test('another method is 405 with Allow; OPTIONS lists the methods; HEAD is GET without the body', async () => {
      const answer = await key.post(own(), {});
      expect(shown(answer)).toEqual([405, error('method_not_allowed', `Allowed here: ${sample.allow}.`)]);
      expect(answer.headers.allow).toBe(sample.allow);
      const options = await app.anonymous.options(own());
      expect([options.status, options.headers.allow, options.text]).toEqual([204, sample.allow, '']);
      const [get, head] = [await key.get(own()), await key.head(own())];
      expect([head.status, head.text, head.headers['content-length']]).toEqual([
        200,
        '',
        get.headers['content-length'],
      ]);
    });

    test('no credential, a wrong one and two are refused', async () => {
      for (const [client, code, sentence] of [
        [app.anonymous, 'missing_credential', 'Send a key in Authorization.'],
        [app.as('not-a-credential'), 'invalid_credential', 'This credential is not valid.'],
      ] as const) {
        const answer = await client.get(own());
        expect(shown(answer)).toEqual([401, error(code, sentence)]);
        expect(answer.headers['www-authenticate']).toBe('Bearer');
      }
      expect(await twoCredentials(own())).toEqual({
        status: 400,
        body: error('malformed_request', 'Authorization is given twice.'),
      });
    });

    test.each([
      ['broken JSON', '{"name":', 'malformed_document', /^The body is not JSON/],
      ['a list', '[]', 'malformed_document', /^The body must be a JSON object\.$/],
      ['a text', '"name"', 'malformed_document', /^The body must be a JSON object\.$/],
      ['33 levels', `${'['.repeat(33)}${']'.repeat(33)}`, 'malformed_document', /^The body is nested deeper/],
    ])('%s is 400', async (_what, sent, code, sentence) => {
      expect(shown(await change(sent))).toEqual([400, error(code, expect.stringMatching(sentence) as never)]);
    });

    test('what is wrong with a body is told to those alone who may send it', async () => {
      const [stranger, member] = [await app.user(), await join(app, organization.id, 'member')];
      const statusOf = async (client: Client) => (await client[method](own(), '{"name":')).status;
      expect([await statusOf(stranger), await statusOf(member), await statusOf(key)]).toEqual([404, 403, 400]);
    });

    test('a body that is too large is 413, a URL that is too long 414, bad percent-encoding 400', async () => {
      const large = await change(JSON.stringify({ name: 'x'.repeat(1_048_576) }));
      expect(shown(large)).toEqual([413, error('too_large', 'A body has at most 1048576 bytes.')]);
      const long = await key.get(`${own()}?page=${'1'.repeat(8192)}`);
      expect(shown(long)).toEqual([414, error('uri_too_long', 'A URL has at most 8192 characters.')]);
      const { status, body } = await key.get(`${prefix}/%ff`);
      expect([status, body]).toEqual([
        400,
        error('malformed_request', 'The path has percent-encoding that is not UTF-8.'),
      ]);
    });

    test('a body is JSON in UTF-8, by any of its names or by none', async () => {
      const send = (type: string | undefined) =>
        raw(own(), {
          method: method.toUpperCase(),
          body: Buffer.from('{"name":"Acme"}'),
          headers: type === undefined ? {} : { 'Content-Type': type },
        });
      for (const type of [
        undefined,
        'application/json; charset=UTF-8',
        'Application/JSON',
        'application/vnd.api+json',
        'application/merge-patch+json',
      ]) {
        expect([type, (await send(type)).status]).toEqual([type, 200]);
      }
      for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'application/json; charset=latin1']) {
        expect(await send(type)).toEqual({
          status: 415,
          body: error('unsupported_media_type', 'Send application/json in UTF-8.'),
        });
      }
      expect((await change('{"name":"Acme"}', { 'Content-Encoding': 'gzip' })).status).toBe(415);
    });

    test('unknown members and parameters are ignored, whatever is asked for in Accept', async () => {
      const { status } = await raw(`${own()}?format=json&page[size]=7`, { headers: { Accept: 'text/html' } });
      expect(status).toBe(200);
      expect((await change('{"unknown":{"a":[1]},"constructor":1,"__proto__":2}')).status).toBe(200);
    });

    test('every answer has the id of its request; the log has the template, not the path', async () => {
      const answer = await key.get(own(), { 'X-Request-Id': `request${prefix.replace('/', '-')}` });
      expect(answer.headers['x-request-id']).toBe(`request${prefix.replace('/', '-')}`);
      const line = app.logLines.find(({ requestId }) => requestId === answer.headers['x-request-id']);
      expect(line).toMatchObject({ method: 'GET', route: template, status: 200, caller: { level: 'organization' } });
    });

    test('every answer says what is left of the rate limit; past it there is 429', async () => {
      const small = await startApp({ RATE_LIMIT: '2/60' });
      try {
        const client = small.as(await createPlatformKey(small.services, 'Few'));
        const [first, , third] = [
          await client.get(own()),
          await client.post(collection, made),
          await client.get(own()),
        ];
        expect(first?.headers).toMatchObject({
          'ratelimit-policy': '"default";q=2;w=60',
          ratelimit: expect.stringMatching(/^"default";r=1;t=\d+$/),
        });
        expect(shown(third as Answer)).toEqual([
          429,
          error('rate_limited', expect.stringMatching(/^At most 2 requests in 60 s/) as never),
        ]);
        expect(Number(third?.headers['retry-after'])).toBeGreaterThan(0);
      } finally {
        await small.close();
      }
    });

    test('503 when the database is away, and when to come back', async () => {
      const runners = [app.source.createQueryRunner(), app.source.createQueryRunner()];
      for (const runner of runners) await runner.connect();
      const answer = await key.get(own());
      for (const runner of runners) await runner.release();
      expect(shown(answer)).toEqual([
        503,
        error('unavailable', 'The database does not answer; try again in a moment.'),
      ]);
      expect(answer.headers['retry-after']).toBe('5');
    });

    test('500 says nothing of its cause', async () => {
      const query = jest.spyOn(app.db, 'query').mockRejectedValue(new Error('select secret from nowhere'));
      const answer = await key.get(own());
      query.mockRestore();
      expect(shown(answer)).toEqual([
        500,
        error('internal_error', 'Something went wrong here. The id finds it in the log.'),
      ]);
    });

    describe('Idempotency-Key', () => {
      test('the same request is carried out once, with and without a slash at the end', async () => {
        const headers = keyed(freshKey());
        const first = await app.platform.post(collection, made, headers);
        const again = await app.platform.post(`${collection}/`, made, headers);
        expect([first.status, isReplay(first)]).toEqual([201, false]);
        expect([shown(again), isReplay(again)]).toEqual([shown(first), true]);
        expect(again.headers['content-type']).toBe('application/json');
        expect(again.headers.location).toBe(first.headers.location);
      });

      test('another request with the key is 422', async () => {
        const headers = keyed(freshKey());
        await change({}, headers);
        expect(shown(await change({ name: 'Other' }, headers))).toEqual([
          422,
          error('idempotency_key_reused', 'This key was used for another request: take a new one.'),
        ]);
        expect((await change({}, { 'Idempotency-Key': 'a b' })).status).toBe(400);
      });

      test('what was refused before it began is not stored', async () => {
        const headers = keyed(freshKey());
        expect((await change({ name: 1 }, headers)).status).toBeGreaterThanOrEqual(400);
        expect(await recordsOf(app, headers['Idempotency-Key'])).toEqual([]);
        expect((await change({ name: 'Acme' }, headers)).status).toBe(200);
      });
    });
  },
);

test('a stored refusal is told again in the form and with the status of the surface', async () => {
  const safe = await createOrganization(app.platform, { deleteProtection: true });
  const peopled = await app.user();
  const { body } = await peopled.post('/v1/orgs', { name: 'Peopled' });
  const other = await app.user();
  await app.source.query(
    `with joined as (insert into members (id, organization_id, user_id, join_method)
       select gen_random_uuid(), o.id, $2, 'admin' from organizations o where o.number = $1 returning id)
     insert into member_roles (member_id, role_id) select joined.id, r.id from joined, roles r where r.code = 'member'`,
    [body.id, other.id],
  );
  await peopled.post('/v1/orgs', { name: 'Another' });
  for (const [client, path, status, code] of [
    [app.platform, `/v1/orgs/${safe.attributes.number}`, 409, 'delete_protected'],
    [peopled, `/v1/orgs/${body.id}`, 400, 'members_present'],
  ] as const) {
    const headers = keyed(freshKey());
    const [first, again] = [await client.delete(path, headers), await client.delete(path, headers)];
    expect([first.status, first.body.code, isReplay(first)]).toEqual([status, code, false]);
    expect([shown(again), isReplay(again)]).toEqual([shown(first), true]);
    expect(again.headers['content-type']).toBe('application/json');
  }
});

test('JSON:API errs in its own form', async () => {
  expect((await app.anonymous.get(`${M}/organizations`)).body.errors[0].code).toBe('missing_credential');
});
