import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { startApp, type TestApp } from '../support/app';

let app: TestApp;
beforeAll(async () => {
  app = await startApp();
});
afterAll(() => app.close());

test.each(['kitsu', 'devour'])(
  '%s creates, pages, filters, sorts, includes, takes sparse fields, updates and deletes',
  async (name) => {
    const script = join(__dirname, `${name}.mjs`);
    const { stdout } = await promisify(execFile)(process.execPath, [script, app.url, app.platform.key as string]);
    const steps = JSON.parse(stdout);
    expect(steps).toEqual({
      created: { name: 'Bravo', token: 'string', id: 'string' },
      page2: {
        names: ['Charlie', 'Delta'],
        meta: { total: 4, totalUnfiltered: expect.any(Number), currentSize: 2, currentPage: 2, maxPage: 2 },
      },
      sparse: [
        {
          name: 'Alpha',
          slug: expect.stringMatching(/^alpha/),
          ...(name === 'kitsu' ? { type: 'organizations' } : {}),
        },
      ],
      updated: { name: 'Alpha Two', countryCode: 'DE', token: null },
      included: { user: `${name}@example.com`, organization: 'Alpha Two', roles: ['member'] },
      refused: [name === 'kitsu' ? 'too_short' : 'Too short'],
      deleted: [name === 'kitsu' ? 'not_found' : 'Not found'],
    });
  },
);
