import { createOrganization, M, S, startApp, type TestApp } from '../../support/app';
import { fileOf, plain } from '../../support/images';

let app: TestApp;
beforeAll(async () => {
  app = await startApp();
});
afterAll(() => app.close());

test('works', async () => {
  const { id } = await createOrganization(app.platform);
  const { body, headers } = fileOf(await plain(64, 64).png().toBuffer());
  const answer = await app.platform.post(`${M}/organizations/${id}/avatar`, body, headers);
  console.log(answer.status, answer.text);
  const url = new URL(answer.body.data.attributes.avatarUrl);
  const got = await app.anonymous.get(url.pathname);
  console.log(got.status, got.headers);
  const again = await app.platform.post(`${S}/organizations/${id}/avatar`, body, headers);
  console.log(again.status);
  const legacy = await app.platform.post(`/api/organizations/${id}/upload-avatar`, body, headers);
  console.log(legacy.status, legacy.text);
  const gone = await app.platform.delete(`${M}/organizations/${id}/avatar`);
  console.log(gone.status, gone.text);
});
