import { ATOMIC, add, documentOf, OPERATIONS } from '../jsonapi/operations';
import { type Answer, type Client, createOrganization, document, M, S, startApp, type TestApp } from '../support/app';
import { freshKey, isReplay, keyed, recordsOf } from './keyed';

const CROWD = 50;
const ORGANIZATIONS = `${M}/organizations`;

describe.each([3, 20])('with a pool of %d', (size) => {
  let app: TestApp;
  let platform: Client;
  beforeAll(async () => {
    app = await startApp({ DATABASE_POOL_SIZE: String(size) });
    platform = app.platform;
  });
  afterAll(() => app.close());

  const crowd = (send: (i: number) => Promise<Answer>) => Promise.all(Array.from({ length: CROWD }, (_, i) => send(i)));
  const total = async (path: string) => (await platform.get(path)).body.meta.total;

  /** One carried it out; everybody else got its answer, or was told that it runs. */
  function expectOnce(answers: Answer[], status: number): void {
    const first = answers.filter((answer) => answer.status === status && !isReplay(answer));
    expect(first).toHaveLength(1);
    for (const answer of answers) {
      if (answer.status === status) {
        if (isReplay(answer)) expect(answer.body?.data?.id).toBe(first[0]?.body?.data?.id);
      } else {
        expect([answer.status, answer.body.errors[0].code]).toEqual([409, 'request_in_progress']);
        expect(answer.body.errors[0].source).toEqual({ header: 'Idempotency-Key' });
        expect(answer.headers['retry-after']).toMatch(/^[1-9]\d*$/);
      }
    }
  }

  test('fifty at once with one key: one effect, and no failure [INV-56, INV-58]', async () => {
    const headers = keyed(freshKey());
    const body = document('organizations', { name: 'Once' });
    const before = await total(ORGANIZATIONS);
    const answers = await crowd(() => platform.post(ORGANIZATIONS, body, headers));
    expectOnce(answers, 201);
    expect(await total(ORGANIZATIONS)).toBe(before + 1);
    expect(await recordsOf(app, headers['Idempotency-Key'])).toEqual([`POST ${ORGANIZATIONS} 201`]);
    expect(isReplay(await platform.post(ORGANIZATIONS, body, headers))).toBe(true);
  });

  test('fifty deletions at once: one deletes, nobody gets 404 [INV-58]', async () => {
    const { links } = await createOrganization(platform);
    const headers = keyed(freshKey());
    expectOnce(await crowd(() => platform.delete(links.self, headers)), 204);
  });

  test('fifty batches at once: one is carried out [INV-58, ATO-13]', async () => {
    const headers = { ...ATOMIC, ...keyed(freshKey()) };
    const body = documentOf(...[1, 2, 3].map((i) => add('organizations', { name: `Batch ${i}` })));
    const before = await total(ORGANIZATIONS);
    expectOnce(await crowd(() => platform.post(OPERATIONS, body, headers)), 200);
    expect(await total(ORGANIZATIONS)).toBe(before + 3);
  });

  test('fifty with one key and two bodies: one of the two is carried out [INV-56, INV-58]', async () => {
    const headers = keyed(freshKey());
    const bodies = ['left', 'right'].map((name) => document('organizations', { name }));
    const before = await total(ORGANIZATIONS);
    const answers = await crowd((i) => platform.post(ORGANIZATIONS, bodies[i % 2], headers));
    expect(await total(ORGANIZATIONS)).toBe(before + 1);
    for (const { status } of answers) expect([201, 409, 422]).toContain(status);
    expect(answers.filter((answer) => answer.status === 201 && !isReplay(answer))).toHaveLength(1);
  });

  test('fifty with a key of their own: all are carried out [INV-56]', async () => {
    const before = await total(ORGANIZATIONS);
    const answers = await crowd((i) =>
      platform.post(ORGANIZATIONS, document('organizations', { name: `Own ${i}` }), keyed(freshKey())),
    );
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([201]));
    expect(await total(ORGANIZATIONS)).toBe(before + CROWD);
  });

  test('a client that asks again until it is answered gets the one answer, fifty times [INV-58]', async () => {
    const headers = keyed(freshKey());
    const body = document('users', { email: `${freshKey()}-${size}@example.com` });
    const answers = await crowd(async () => {
      for (;;) {
        const answer = await platform.post(`${S}/users`, body, headers);
        if (answer.status !== 409) return answer;
      }
    });
    expect(new Set(answers.map(({ status, text }) => `${status} ${text}`)).size).toBe(1);
    expect(answers.filter(isReplay)).toHaveLength(CROWD - 1);
  });
});
