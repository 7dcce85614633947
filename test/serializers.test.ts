import { type Serializer } from 'ts-japi';
import type { Context, Level } from '../src/context';
import { registry } from '../src/resources';
import { buildWorld } from './jsonapi/world';
import { startApp, type TestApp } from './support/app';

/** Our serializers build a resource object in one pass; what they build is what ts-japi would. */

const LEVELS: Level[] = ['platform', 'partner', 'organization'];

let app: TestApp;
beforeAll(async () => {
  app = await startApp();
  await buildWorld(app);
});
afterAll(() => app.close());

describe.each([...registry])('the serializer of %s', (type, definition) => {
  /** Whole rows, and the same with a secret on each, as the call that makes one gives it back. */
  const entities = async (): Promise<Record<string, unknown>[]> => {
    const caller = await app.services.callers.find(app.platform.key as string, '127.0.0.1');
    const ctx: Context = { ...app.services, caller, requestId: 'serializers' };
    const shown = [definition.attributes, definition.relationships, definition.meta];
    const names = shown.flatMap((each) => Object.keys(each));
    const properties = ['id', 'version', ...new Set(names.flatMap((name) => definition.reads(name)))];
    const selection = { conditions: [], sort: [{ field: 'id', descending: false }], offset: 0, limit: 100 };
    const { rows } = await (definition.operations.list as NonNullable<typeof definition.operations.list>).run(
      ctx,
      selection,
      properties,
    );
    const once = Object.keys(definition.attributes).filter((name) => definition.attributes[name]?.reveal === 'once');
    const all = (value: unknown) => Object.fromEntries(once.map((name) => [name, value]));
    return (rows as readonly object[]).flatMap((row) => [
      { ...row, ...all(null) },
      { ...row, ...all('a secret') },
    ]);
  };
  const fieldsets = [
    null,
    [],
    ...[...Object.keys(definition.attributes), ...Object.keys(definition.relationships)].map((name) => [name]),
    Object.keys(definition.attributes).slice(0, 3),
  ];

  test('shows the attributes and relationships of the definition, in its order', async () => {
    const [entity] = await entities();
    const resource = definition.serializer({ fields: null, level: 'platform' }).resource(entity as never);
    expect(Object.keys(resource.attributes as object)).toEqual(Object.keys(definition.attributes));
    expect(Object.keys((resource.relationships ?? {}) as object)).toEqual(Object.keys(definition.relationships));
    expect(Object.keys((resource.meta ?? {}) as object)).toEqual(Object.keys(definition.meta));
    expect(resource.type).toBe(type);
  });

  test.each(LEVELS)('makes for a %s caller what ts-japi makes', async (level) => {
    const rows = await entities();
    expect(rows.length).toBeGreaterThan(1);
    for (const fields of fieldsets) {
      const serializer = definition.serializer({ fields: fields === null ? null : new Set(fields), level });
      const original = serializer as unknown as Serializer<object>;
      for (const row of rows) {
        const expected = JSON.parse(JSON.stringify(await original.createResource(row)));
        // A resource object may leave out an empty `relationships`.
        if (Object.keys(expected.relationships ?? {}).length === 0) delete expected.relationships;
        expect(JSON.parse(JSON.stringify(serializer.resource(row as never)))).toEqual(expected);
      }
    }
  });
});
