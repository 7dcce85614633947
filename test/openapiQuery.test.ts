import type { Context } from '../src/context';
import { endpointOf } from '../src/controllers/dispatch';
import type { Route } from '../src/controllers/routes';
import { readQuery } from '../src/jsonapi/query';
import { effectivePermissions } from '../src/permissions';
import { registry } from '../src/resources';
import { type Any, type Documented, operations, queryParameters } from './support/openapi';

/** What the document says of queries, held against the reader of queries. */

const ofTypes = operations.filter(({ route }) => route !== undefined);
const lists = ofTypes.filter((each) => queryParameters(each).some(({ name }) => name === 'sort'));
/** May read everything. */
const ctx = { caller: { level: 'platform', permissions: effectivePermissions('platform', ['*']) } } as Context;

const read = ({ method, route }: Documented, search: string) =>
  readQuery(search, endpointOf(ctx, registry, route as Route, method.toUpperCase(), false));

function sampleOf(schema: Any): string {
  if (schema.type === 'array') return schema.maxItems === 0 ? '' : sampleOf(schema.items);
  if (schema.default !== undefined) return String(schema.default);
  if (schema.enum !== undefined) return String(schema.enum[0]);
  if (schema.examples !== undefined) return schema.examples[0];
  if (schema.type === 'boolean') return 'true';
  if (schema.type === 'integer') return String(schema.minimum);
  return schema.format === 'uuid' ? '0198f2a4-7c1e-7d3a-9b60-2f5c8e1d4a77' : 'text';
}

test.each(ofTypes.map((each) => [`${each.method} ${each.path}`, each] as const))(
  '%s takes every query parameter that is described, in every form',
  (_name, documented) => {
    for (const { name, schema, 'x-operators': operators = [] } of queryParameters(documented)) {
      const value = encodeURIComponent(sampleOf(schema));
      expect(() => read(documented, `${name}=${value}`)).not.toThrow();
      for (const operator of operators as string[]) {
        const search = `${name}[${operator}]=${operator === 'null' ? 'true' : value}`;
        expect(() => read(documented, search)).not.toThrow();
      }
    }
    const json: [string, string[]][] = Object.entries(documented.operation['x-json-filters'] ?? {});
    for (const [path, operators] of json) {
      for (const operator of operators) {
        expect(() => read(documented, `filter[${path}.key][${operator}]=true`)).not.toThrow();
      }
    }
  },
);

test('there are lists below resources, and lists of linkage', () => {
  expect(new Set(lists.map(({ route }) => route?.kind))).toEqual(new Set(['collection', 'related', 'linkage']));
});

test('every operator of every filterable attribute is described, those through a to-one as well', () => {
  for (const documented of lists) {
    const { definition, relationship = '' } = documented.route as Route;
    const listed = registry.get(definition.relationships[relationship]?.type ?? definition.type);
    const parameters = new Map(queryParameters(documented).map((each) => [each.name, each]));
    const json = documented.operation['x-json-filters'];
    for (const [name, { filter = [], schema }] of Object.entries(listed?.attributes ?? {})) {
      if (schema['x-metadata'] === true) expect(json[name]).toEqual(filter);
      else for (const operator of filter) expect(parameters.has(`filter[${name}][${operator}]`)).toBe(true);
    }
    for (const [toOne, each] of Object.entries(listed?.relationships ?? {})) {
      if (!('one' in each)) continue;
      expect(parameters.get(`filter[${toOne}]`)).toBeDefined();
      for (const [name, { filter, schema }] of Object.entries(registry.get(each.type)?.attributes ?? {})) {
        if (filter === undefined) continue;
        const path = `${toOne}.${name}`;
        const operators =
          schema['x-metadata'] === true ? json[path] : parameters.get(`filter[${path}]`)?.['x-operators'];
        expect([path, operators]).toEqual([path, filter]);
      }
    }
  }
});

test('every way to page is described, by literal names', () => {
  for (const documented of lists) {
    const names = queryParameters(documented).map(({ name }) => name);
    const pages = ['number', 'size', 'offset', 'limit', 'after', 'before'].map((key) => `page[${key}]`);
    expect(names).toEqual(expect.arrayContaining([...pages, 'sort', 'include']));
  }
});

test('the pattern of sort takes what the default sort is, no unknown field, and no more fields than the service', () => {
  for (const documented of lists) {
    const { schema } = queryParameters(documented).find(({ name }) => name === 'sort');
    const pattern = new RegExp(schema.pattern);
    expect(schema.default).toMatch(pattern);
    expect('id,-id').toMatch(pattern);
    expect('nothing').not.toMatch(pattern);
    const most = Array(8).fill('id').join();
    expect(most).toMatch(pattern);
    expect(() => read(documented, `sort=${most}`)).not.toThrow();
    expect(`${most},id`).not.toMatch(pattern);
    expect(() => read(documented, `sort=${most},id`)).toThrow();
  }
});
