import { document, NIL, S, startApp, type TestApp } from '../../support/app';
import { expectError, single } from '../documents';

const PATH = `${S}/permissions`;

let app: TestApp;
beforeAll(async () => {
  app = await startApp();
});
afterAll(() => app.close());

test('one is found by its code, which may be percent-encoded', async () => {
  for (const id of ['members:read', 'members%3Aread']) {
    const { status, body, headers } = await app.platform.get(`${PATH}/${id}`);
    expect([status, headers.etag]).toEqual([200, expect.any(String)]);
    expect(body).toEqual(
      single({
        id: 'members:read',
        type: 'permissions',
        attributes: { description: 'See its members and their roles', sensitive: false },
        links: { self: `${PATH}/members:read` },
      }),
    );
  }
});

test.each([NIL, 'members', 'MEMBERS:READ', 'members:read%20', 'a%00b', 'x'.repeat(101), '%27', 'members:read;'])(
  'the id %s is of none: 404',
  async (id) => {
    expectError(await app.platform.get(`${PATH}/${id}`), 404, 'not_found');
  },
);

test('none can be made, changed or deleted', async () => {
  const url = `${PATH}/members:read`;
  const body = document('permissions', { description: 'X' }, { id: 'members:read' });
  expectError(await app.platform.post(PATH, body), 405, 'method_not_allowed');
  expectError(await app.platform.patch(url, body), 403, 'update_not_offered');
  expectError(await app.platform.delete(url), 405, 'method_not_allowed');
});

test('an atomic operation on one is refused as a request is', async () => {
  const operation = { op: 'remove', ref: { type: 'permissions', id: 'members:read' } };
  const headers = { 'Content-Type': 'application/vnd.api+json;ext="https://jsonapi.org/ext/atomic"' };
  const { status, body } = await app.platform.post(`${S}/operations`, { 'atomic:operations': [operation] }, headers);
  expect([status, body.errors[0].code]).toEqual([405, 'method_not_allowed']);
});
