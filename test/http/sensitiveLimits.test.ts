import express, { type Response } from 'express';
import pino from 'pino';
import supertest from 'supertest';
import { failure } from '../../src/http/failure';
import { rateLimitFields } from '../../src/http/rateLimit';
import { send } from '../../src/http/send';
import { accountKey, limit, limitSignIn } from '../../src/http/sensitive';
import { RateLimiter, type Verdict } from '../../src/services/rateLimits';
import type { SensitivePolicy } from '../../src/services/ratePolicies';
import { statementsOf } from '../jsonapi/world';
import { startApp, type TestApp } from '../support/app';

let app: TestApp;
/** Two processes: all that they share is the table. */
let processes: { limiter: RateLimiter }[];
beforeAll(async () => {
  app = await startApp();
  processes = [1, 2].map(() => ({ limiter: new RateLimiter(app.db, { limit: 600, windowSeconds: 60 }, 1) }));
});
afterAll(() => app.close());

const answer = (): Response => ({ locals: {} }) as Response;
const verdictOf = (res: Response) => res.locals.verdict as Verdict;

/** Whether a call is let through. */
async function isAdmitted(call: Promise<void>): Promise<boolean> {
  const code = await call.then(
    () => undefined,
    (error) => error.faults?.[0].code ?? error,
  );
  if (code !== undefined && code !== 'rate_limited') throw code;
  return code === undefined;
}

const POLICIES: [SensitivePolicy, number, number][] = [
  ['signIn', 10, 900],
  ['signInAddress', 100, 900],
  ['signInAccount', 100, 3600],
  ['invitationToken', 60, 60],
  ['tokenRefresh', 120, 60],
  ['keyVerify', 120, 60],
  ['passwordReset', 5, 3600],
  ['passwordResetAddress', 30, 3600],
];

describe.each(POLICIES)('%s: %i in %i s', (policy, most, seconds) => {
  const take = (i: number, key: string, res = answer()) =>
    isAdmitted(limit(processes[i % 2] as { limiter: RateLimiter }, res, policy, key));

  test('two processes together admit exactly that many, all at once', async () => {
    const calls = Array.from({ length: 3 * most }, (_, i) => take(i, 'at once'));
    expect((await Promise.all(calls)).filter(Boolean)).toHaveLength(most);
  });

  test('two processes together never admit more one after the other, and lose a reserve at most', async () => {
    let admitted = 0;
    for (let i = 0; i < 2 * most; i++) if (await take(i, 'in turn')) admitted++;
    expect(admitted).toBe(most);
    // One process that comes once and never again keeps its reserve for itself.
    await take(0, 'alone');
    let rest = 0;
    for (let i = 0; i < 2 * most; i++) if (await take(1, 'alone')) rest++;
    expect(rest).toBeLessThanOrEqual(most - 1);
    expect(rest).toBeGreaterThanOrEqual(most - 1 - Math.floor(most * 0.02));
  });

  test('says what is left', async () => {
    const res = answer();
    await take(0, 'fresh', res);
    expect(rateLimitFields(verdictOf(res))).toEqual([
      'RateLimit-Policy',
      `"${policy}";q=${most};w=${seconds}`,
      'RateLimit',
      `"${policy}";r=${most - 1};t=${seconds}`,
    ]);
  });
});

test('one too many is 429 with Retry-After, over HTTP', async () => {
  const server = express();
  server.post('/reset', async (_req, res) => {
    res.locals.requestId = 'reset';
    await limit(processes[0] as { limiter: RateLimiter }, res, 'passwordReset', 'over HTTP');
    send(res, 204, undefined, {});
  });
  server.use(failure(pino({ level: 'silent' })));
  const statuses = [];
  for (let i = 0; i < 5; i++) statuses.push((await supertest(server).post('/reset')).status);
  expect(statuses).toEqual(Array(5).fill(204));
  const { status, headers, body } = await supertest(server).post('/reset').buffer(true).parse(parseJson);
  expect(status).toBe(429);
  expect(headers).toMatchObject({ 'ratelimit-policy': '"passwordReset";q=5;w=3600', 'cache-control': 'no-store' });
  expect(headers.ratelimit).toBe(`"passwordReset";r=0;t=${headers['retry-after']}`);
  expect(body.errors).toEqual([
    expect.objectContaining({
      code: 'rate_limited',
      detail: `At most 5 password resets in 3600 s: try again in ${headers['retry-after']} s.`,
    }),
  ]);
});

function parseJson(res: supertest.Response, done: (error: Error | null, body: unknown) => void): void {
  const stream = res as unknown as NodeJS.ReadableStream;
  let text = '';
  stream.on('data', (chunk) => {
    text += chunk;
  });
  stream.on('end', () => done(null, JSON.parse(text)));
}

describe('of two policies the answer shows', () => {
  const [reset, address] = ['passwordReset', 'passwordResetAddress'] as const;
  const both = async (order: readonly SensitivePolicy[], key: string) => {
    const res = answer();
    for (const policy of order) await isAdmitted(limit(processes[0] as { limiter: RateLimiter }, res, policy, key));
    return verdictOf(res);
  };

  test('the one with less left, whatever the order', async () => {
    expect(await both([reset, address], 'one order')).toMatchObject({ policy: { name: reset }, left: 4 });
    expect(await both([address, reset], 'other order')).toMatchObject({ policy: { name: reset }, left: 4 });
  });

  test('the one that refuses', async () => {
    for (let i = 0; i < 5; i++) await both([reset], 'used up');
    expect(await both([address, reset], 'used up')).toMatchObject({ policy: { name: reset }, isAdmitted: false });
  });

  test('a sensitive one rather than the default that has more left', async () => {
    const res = answer();
    const { limiter } = processes[0] as { limiter: RateLimiter };
    res.locals.verdict = await limiter.take(limiter.policies.default, 'a credential');
    await limit({ limiter }, res, 'keyVerify', 'a credential');
    expect(verdictOf(res)).toMatchObject({ policy: { name: 'keyVerify' } });
  });
});

describe('sign-in', () => {
  const HOME = '203.0.113.7';
  /** Attempts from an address; the account's user has signed in from home. */
  const attempt = (email: string, address: string, res = answer()) =>
    isAdmitted(
      limitSignIn(processes[0] as { limiter: RateLimiter }, res, {
        email,
        address,
        isKnownNetwork: async (network) => network === HOME,
      }),
    );
  const attempts = async (count: number, work: (i: number) => Promise<boolean>) =>
    (await Promise.all(Array.from({ length: count }, (_, i) => work(i)))).filter(Boolean).length;

  test('counts ten for an account and a network, however the address is written', async () => {
    expect(await attempts(20, (i) => attempt(i % 2 ? 'one@example.com' : 'ONE@Example.com', '192.0.2.1'))).toBe(10);
    expect(await attempt('two@example.com', '192.0.2.1')).toBe(true);
    expect(await attempt('one@example.com', '192.0.2.2')).toBe(true);
  });

  test('takes a /64 as one network', async () => {
    expect(await attempts(20, (i) => attempt('six@example.com', `2001:db8::${i + 1}`))).toBe(10);
  });

  test('counts a hundred for a network over all accounts', async () => {
    expect(await attempts(120, (i) => attempt(`many-${i}@example.com`, '192.0.2.3'))).toBe(100);
  });

  test('strangers from many networks are refused at a hundred, and the user at home is not', async () => {
    const victim = 'victim@example.com';
    expect(await attempts(150, (i) => attempt(victim, `198.51.100.${i}`))).toBe(100);
    expect(await attempt(victim, '192.0.2.200')).toBe(false);
    const res = answer();
    expect(await attempt(victim, HOME, res)).toBe(true);
    expect(verdictOf(res)).toMatchObject({ policy: { name: 'signIn' }, left: 9 });
    // Nor does home use up what strangers have.
    expect(await attempts(10, () => attempt('calm@example.com', HOME))).toBe(10);
    const stranger = answer();
    await attempt('calm@example.com', '192.0.2.4', stranger);
    const { limiter } = processes[0] as { limiter: RateLimiter };
    expect(await limiter.take(limiter.policies.signInAccount, accountKey('calm@example.com'))).toMatchObject({
      left: 98,
    });
  });

  test('a network that is refused adds nothing to the table, and nobody asks whether it is known', async () => {
    await attempts(100, (i) => attempt(`full-${i}@example.com`, '192.0.2.5'));
    const statements = await statementsOf(() => attempts(50, (i) => attempt(`more-${i}@example.com`, '192.0.2.5')));
    expect(statements).toEqual([]);
  });

  test('no key in the table holds an e-mail address', async () => {
    await attempt('hidden@example.com', '192.0.2.6');
    expect(await app.db.query("select key from rate_limits where key like '%@%' or key ilike '%hidden%'")).toEqual([]);
  });
});

test('spellings that PostgreSQL’s lower takes as the same are one account', () => {
  const key = accountKey('iris.σ@example.com');
  for (const same of ['IRIS.Σ@EXAMPLE.COM', '\u0130ris.σ@example.com', 'iri\u017f.ς@example.com']) {
    expect(accountKey(same)).toBe(key);
  }
  expect(accountKey('iris.s@example.com')).not.toBe(key);
  expect(accountKey('iris.σ@example.com', '192.0.2.1')).not.toBe(key);
});

test('with RATE_LIMIT=off nothing is counted', async () => {
  const res = answer();
  const statements = await statementsOf(async () => {
    for (let i = 0; i < 20; i++) {
      await limit({ limiter: null }, res, 'passwordReset', 'off');
      await limitSignIn({ limiter: null }, res, {
        email: 'off@example.com',
        address: '192.0.2.7',
        isKnownNetwork: () => Promise.reject(new Error('asked')),
      });
    }
  });
  expect(statements).toEqual([]);
  expect(res.locals).toEqual({});
});
