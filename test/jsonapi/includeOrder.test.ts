import { type Body, S, startApp, type TestApp } from '../support/app';
import { buildWorld } from './world';

let app: TestApp;
beforeAll(async () => {
  app = await startApp();
  await buildWorld(app);
});
afterAll(() => app.close());

const firsts = (rows: Body[], name: string): string[] => [
  ...new Set(rows.flatMap(({ relationships }) => relationships[name].data).map(({ id }) => id)),
];

// Else the same request would have another ETag from time to time.
test.each(['number', '-number'])(
  'included resources come in the order of the paths, then of the rows that lead there: sort=%s [CMP-1]',
  async (sort) => {
    const { body } = await app.platform.get(`${S}/members?include=roles,user&sort=${sort}`);
    const included = body.included.map(({ id }: Body) => id);
    expect(included).toEqual([...firsts(body.data, 'roles'), ...firsts(body.data, 'user')]);
  },
);
