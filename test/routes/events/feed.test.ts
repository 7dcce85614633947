import {
  type Body,
  type Client,
  createOrganization,
  document,
  MEDIA_TYPE,
  S,
  startApp,
  type TestApp,
} from '../../support/app';

/** Events as a feed (domain sheet 9.5): read by cursor while many write, none is missed and none comes twice (INV-36). */

const CURSORS = { Accept: `${MEDIA_TYPE};profile="https://jsonapi.org/profiles/ethanresnick/cursor-pagination"` };
const WRITERS = 20;
const EACH = 10;

let app: TestApp;
beforeAll(async () => {
  app = await startApp({ DATABASE_POOL_SIZE: '12' });
});
afterAll(() => app.close());

interface Seen {
  readonly id: string;
  readonly sequence: number;
}

/** A reader as integrations are: it keeps the cursor of the last event that it has seen, and asks for what came later. */
class Reader {
  readonly seen: Seen[] = [];
  private cursor: string | undefined;

  constructor(
    private readonly client: Client,
    private readonly query: string,
    private readonly size: number,
  ) {}

  /** How many came with the next page. */
  async read(): Promise<number> {
    const after = this.cursor === undefined ? '' : `&page[after]=${this.cursor}`;
    const { status, body } = await this.client.get(
      `${S}/events?${this.query}${after}&page[size]=${this.size}`,
      CURSORS,
    );
    expect(status).toBe(200);
    for (const { id, attributes } of body.data) this.seen.push({ id, sequence: attributes.sequence });
    this.cursor = body.data.at(-1)?.meta.page.cursor ?? this.cursor;
    return body.data.length;
  }

  async readAll(): Promise<void> {
    while ((await this.read()) > 0);
  }
}

const upTo = (last: number): number[] => Array.from({ length: last }, (_, i) => i + 1);

test(`${WRITERS} writers at once, some of whom are undone: the reader gets each event once, in order, without a gap`, async () => {
  const organization = await createOrganization(app.platform);
  const { id } = organization;
  const key = app.as(organization.attributes.token);
  const undone = async () => {
    const work = app.db.transaction(async (db) => {
      await db.query(
        `select record_events(array['role.updated'], $1, array['{"type": "roles"}'::jsonb || jsonb_build_object('id', $1::uuid)],
           null, 'system', null, null, null, null)`,
        [id],
      );
      throw new Error('undone');
    });
    await expect(work).rejects.toThrow('undone');
  };
  const writer = async (n: number) => {
    for (let i = 0; i < EACH; i++) {
      if (n % 4 === 3) await undone();
      const name = `Name ${n} ${i}`;
      const { status } = await key.patch(organization.links.self, document('organizations', { name }, { id }));
      expect(status).toBe(200);
    }
  };
  const readers = [new Reader(key, '', 7), new Reader(app.platform, `filter[organizationId]=${id}`, 100)];
  let isWriting = true;
  const writing = Promise.all(Array.from({ length: WRITERS }, (_, n) => writer(n))).finally(() => {
    isWriting = false;
  });
  const reading = readers.map(async (reader) => {
    while (isWriting) await reader.read();
    await reader.readAll();
  });
  await Promise.all([writing, ...reading]);
  const total = 3 + WRITERS * EACH;
  for (const { seen } of readers) {
    expect(seen.map(({ sequence }) => sequence)).toEqual(upTo(total));
    expect(new Set(seen.map((each) => each.id)).size).toBe(total);
  }
  const rows = await app.db.query(
    'select last, (select count(*)::int from events where organization_id = $1) from event_sequences where organization_id = $1',
    [id],
  );
  expect(rows).toEqual([[total, total]]);
}, 60_000);

test('one that reads some types alone gets those that come later, and goes back by page[before]', async () => {
  const organization = await createOrganization(app.platform);
  const key = app.as(organization.attributes.token);
  const reader = new Reader(key, 'filter[eventType]=organization.*', 2);
  await reader.readAll();
  expect(reader.seen.map(({ sequence }) => sequence)).toEqual([1]);
  const { id } = organization;
  for (let i = 0; i < 5; i++) {
    const body = document('organizations', { name: `Name ${i}` }, { id });
    await key.patch(organization.links.self, body);
  }
  await reader.readAll();
  expect(reader.seen.map(({ sequence }) => sequence)).toEqual([1, 4, 5, 6, 7, 8]);
  const pages: number[][] = [];
  const first = await key.get(`${S}/events?page[size]=3`, CURSORS);
  let { last: path } = first.body.links;
  while (path !== null) {
    const { body } = await key.get(path, CURSORS);
    pages.push(body.data.map(({ attributes }: Body) => attributes.sequence));
    path = body.links.prev;
  }
  expect(pages).toEqual([
    [6, 7, 8],
    [3, 4, 5],
    [1, 2],
  ]);
});

test('each page costs one statement, whatever its depth, and tells the totals', async () => {
  const organization = await createOrganization(app.platform);
  const key = app.as(organization.attributes.token);
  await app.source.query(
    `select record_events(array['role.updated'], $1, array_agg(jsonb_build_object('type', 'roles', 'id', $1::uuid)), null,
       'system', null, null, null, null) from generate_series(1, 500)`,
    [organization.id],
  );
  const query = jest.spyOn(app.db, 'query');
  const reader = new Reader(key, '', 100);
  await reader.readAll();
  const lists = query.mock.calls.filter(([text]) => text.includes('from events t'));
  query.mockRestore();
  expect([reader.seen.length, lists.length]).toEqual([503, 7]);
  expect(lists.every(([text]) => !/count\(/.test(text))).toBe(true);
  const { body } = await key.get(`${S}/events?page[size]=1`, CURSORS);
  expect(body.meta).toMatchObject({ total: 503, totalUnfiltered: 503 });
});
