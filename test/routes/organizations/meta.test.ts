import { createOrganization, M, S, startApp, type TestApp } from '../../support/app';
import { colleague, founder, join } from '../people';

const PATH = `${M}/organizations`;

let app: TestApp;
beforeAll(async () => {
  app = await startApp();
});
afterAll(() => app.close());

test('a user sees his roles in each organization, highest first, and how many members it has [4.1]', async () => {
  const { owner, organization } = await founder(app, { name: 'First' });
  expect(organization.meta).toEqual({ role: ['owner'], memberCount: 1 });
  const { id: other } = await createOrganization(app.platform, { name: 'Second' });
  await join(app, other, owner.id, 'billing', 'admin');
  await colleague(app, other, 'member');
  const { body } = await owner.get(`${PATH}?sort=name`);
  expect(body.data.map(({ meta }: { meta: object }) => meta)).toEqual([
    { role: ['owner'], memberCount: 1 },
    { role: ['admin', 'billing'], memberCount: 2 },
  ]);
  expect((await owner.get(`${PATH}/${other}`)).body.data.meta).toEqual({ role: ['admin', 'billing'], memberCount: 2 });
});

test('keys have no role; a fieldset leaves both out', async () => {
  const { owner, organization } = await founder(app);
  const path = `${PATH}/${organization.id}`;
  for (const asker of [app.platform, app.as(organization.attributes.token)]) {
    expect((await asker.get(path)).body.data.meta).toEqual({ memberCount: 1 });
  }
  expect((await owner.get(`${path}?fields[organizations]=name`)).body.data.meta).toBeUndefined();
});

test('they follow what happens', async () => {
  const { owner, organization } = await founder(app);
  const path = `${PATH}/${organization.id}`;
  const member = await join(app, organization.id, (await app.user()).id, 'member');
  expect((await owner.get(path)).body.data.meta.memberCount).toBe(2);
  await owner.delete(`${S}/members/${member.id}`);
  expect((await owner.get(path)).body.data.meta.memberCount).toBe(1);
});

test('a list costs one statement whatever its length', async () => {
  const user = await app.user();
  const query = jest.spyOn(Object.getPrototypeOf(app.db), 'query');
  const statements = async (): Promise<number> => {
    await user.get(PATH);
    query.mockClear();
    await user.get(PATH);
    return query.mock.calls.length;
  };
  await createOrganization(user);
  const few = await statements();
  for (let i = 0; i < 10; i++) await createOrganization(user);
  expect(await statements()).toBe(few);
  query.mockRestore();
});
