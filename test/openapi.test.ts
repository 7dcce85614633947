import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Validator } from '@seriousme/openapi-schema-validator';
import { formatOpenApi } from '../src/cli/openapi';
import { allRoutes } from '../src/controllers/routes';
import { BodyReader } from '../src/jsonapi/body';
import type { ResourceDefinition } from '../src/jsonapi/define';
import { readQuery } from '../src/jsonapi/query';
import { buildOpenApi } from '../src/openapi/build';
import { registry } from '../src/resources';

// biome-ignore lint/suspicious/noExplicitAny: the document is looked into freely
type Any = any;

const ROOT = join(__dirname, '..');
const METHODS = ['get', 'post', 'patch', 'delete'];
const BESIDE = ['/public/v2/me', '/public/v2/openapi.json', '/livez', '/readyz', '/metrics'];

const document: Any = buildOpenApi(registry);
const routes = allRoutes(registry);

const resolve = ({ $ref }: { $ref: string }): Any =>
  $ref
    .slice('#/'.length)
    .split('/')
    .reduce((part: Any, key) => part?.[key], document);

function refsIn(part: unknown): string[] {
  if (typeof part !== 'object' || part === null) return [];
  return Object.entries(part).flatMap(([key, value]) => (key === '$ref' ? [value as string] : refsIn(value)));
}

interface Documented {
  path: string;
  method: string;
  operation: Any;
  definition: ResourceDefinition<never> | undefined;
}

const operations: Documented[] = Object.entries(document.paths).flatMap(([path, item]: [string, Any]) =>
  METHODS.filter((method) => item[method] !== undefined).map((method) => ({
    path,
    method,
    operation: item[method],
    definition: routes.find(({ template }) => template === path)?.definition,
  })),
);
const ofTypes = operations.filter(({ definition }) => definition !== undefined);

function sampleOf(schema: Any): string {
  if (schema.type === 'array') return sampleOf(schema.items);
  if (schema.default !== undefined) return String(schema.default);
  if (schema.enum !== undefined) return String(schema.enum[0]);
  if (schema.type === 'boolean') return 'true';
  if (schema.type === 'integer') return String(schema.minimum);
  return (
    { uuid: '0198f2a4-7c1e-7d3a-9b60-2f5c8e1d4a77', 'date-time': '2030-01-31T08:00:00Z' }[schema.format as string] ??
    'text'
  );
}

const queryParameters = ({ operation }: Documented): Any[] =>
  operation.parameters.map(resolve).filter((parameter: Any) => parameter.in === 'query');

function read({ path, method, definition }: Documented, search: string) {
  const list = method === 'get' && path === definition?.path;
  const endpoint = {
    definition: definition as ResourceDefinition<never>,
    registry,
    list,
    document: method !== 'delete',
    own: method === 'delete' && definition?.operations.remove?.purge !== undefined ? ['purgeNow'] : [],
    cursors: false,
    reads: () => true,
    allowRead: () => undefined,
  };
  return readQuery(search, endpoint);
}

test('the document is valid OpenAPI 3.1', async () => {
  const result = await new Validator().validate(structuredClone(document));
  expect(result).toMatchObject({ valid: true });
  expect(document.openapi).toMatch(/^3\.1\./);
  expect(document).not.toHaveProperty('jsonSchemaDialect');
  expect(JSON.stringify(document)).not.toContain('deepObject');
});

test('the version is that of the package', () => {
  expect(document.info.version).toBe(JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')).version);
});

test('every route and method is described, and nothing else', () => {
  const described = operations.map(({ path, method }) => `${method.toUpperCase()} ${path}`);
  const offered = routes.flatMap(({ template, methods }) =>
    methods.filter((method) => method !== 'HEAD' && method !== 'OPTIONS').map((method) => `${method} ${template}`),
  );
  expect(described.sort()).toEqual([...offered, ...BESIDE.map((path) => `GET ${path}`)].sort());
});

test('every reference leads somewhere, and every component is used', () => {
  const used = new Set(refsIn(document));
  for (const $ref of used) expect({ $ref, found: resolve({ $ref }) }).toMatchObject({ found: expect.anything() });
  const { securitySchemes: _, ...kinds } = document.components;
  const there = Object.entries(kinds).flatMap(([kind, parts]) =>
    Object.keys(parts as object).map((name) => `#/components/${kind}/${name}`),
  );
  expect(there.filter(($ref) => !used.has($ref))).toEqual([]);
});

test('operation ids are unique and derived from the type', () => {
  const ids = operations.map(({ operation }) => operation.operationId);
  expect(new Set(ids).size).toBe(ids.length);
  expect(ids).toEqual(
    expect.arrayContaining([
      'listOrganizations',
      'getOrganization',
      'createOrganization',
      'updateOrganization',
      'deleteOrganization',
      'restoreOrganization',
      'listApiKeys',
      'createApiKey',
    ]),
  );
});

test('every operation of a type names its permission and its errors', () => {
  for (const { operation } of ofTypes) {
    expect(operation).toMatchObject({
      'x-permission': expect.stringMatching(/^\w+:\w+$/),
      summary: expect.any(String),
    });
    expect(Object.keys(operation.responses)).toEqual(
      expect.arrayContaining(['400', '401', '403', '406', '429', '503', 'default']),
    );
  }
});

test.each(ofTypes.map((each) => [`${each.method} ${each.path}`, each] as const))(
  '%s takes every query parameter that is described',
  (_name, documented) => {
    for (const { name, schema } of queryParameters(documented)) {
      const search = `${name}=${encodeURIComponent(sampleOf(schema))}`;
      expect(() => read(documented, search)).not.toThrow();
    }
  },
);

test('every operator of every filterable attribute is described', () => {
  for (const documented of ofTypes.filter(
    ({ path, method, definition }) => method === 'get' && path === definition?.path,
  )) {
    const names = queryParameters(documented).map(({ name }) => name);
    for (const [name, { filter = [], schema }] of Object.entries(documented.definition?.attributes ?? {})) {
      if (schema['x-metadata'] === true) expect(documented.operation.description).toContain(`filter[${name}.`);
      else expect(names).toEqual(expect.arrayContaining(filter.map((operator) => `filter[${name}][${operator}]`)));
    }
  }
});

test('the pattern of sort takes what the default sort is, and no unknown field', () => {
  for (const documented of ofTypes) {
    const sort = queryParameters(documented).find(({ name }) => name === 'sort');
    if (sort === undefined) continue;
    const pattern = new RegExp(sort.schema.pattern);
    expect(sort.schema.default).toMatch(pattern);
    expect('id,-id').toMatch(pattern);
    expect('nothing').not.toMatch(pattern);
  }
});

test('every example is a body that the operation takes', () => {
  const withExample = ofTypes.flatMap(({ method, operation, definition }) =>
    Object.values(operation.requestBody?.content ?? {})
      .filter((content: Any) => content.example !== undefined)
      .map((content: Any) => ({
        method,
        example: content.example,
        definition: definition as ResourceDefinition<never>,
      })),
  );
  expect(withExample.length).toBeGreaterThan(0);
  for (const { method, example, definition } of withExample) {
    const reader = new BodyReader(definition);
    const purpose = method === 'post' ? 'create' : 'update';
    expect(() => reader.read(example, purpose, example.data.id)).not.toThrow();
  }
});

test('secrets that are shown once are nullable in answers', () => {
  for (const { type, attributes } of registry.values()) {
    const schema: Any = Object.values(document.components.schemas).find(
      (each: Any) => each.properties.type?.const === type && each.properties.links,
    );
    for (const [name, { reveal }] of Object.entries(attributes)) {
      if (reveal === 'once') expect(schema.properties.attributes.properties[name].type).toContain('null');
    }
  }
});

test('docs/openapi.json is up to date: `node dist/src/main.js openapi > docs/openapi.json` renews it', () => {
  expect(readFileSync(join(ROOT, 'docs', 'openapi.json'), 'utf8')).toBe(formatOpenApi());
});
