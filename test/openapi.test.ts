import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Validator } from '@seriousme/openapi-schema-validator';
import { formatOpenApi } from '../src/cli/openapi';
import { allRoutes } from '../src/controllers/routes';
import { endpoints } from '../src/endpoints';
import { BodyReader, readLinkageDocument } from '../src/jsonapi/body';
import type { Relationship, Schema } from '../src/jsonapi/define';
import { SettingsReader } from '../src/jsonapi/values';
import { surfaces } from '../src/legacy';
import { registry } from '../src/resources';
import { type Any, compiled, type Documented, description, operations, resolve } from './support/openapi';

const ROOT = join(__dirname, '..');
const BESIDE = [
  'GET /public/v2/me',
  'GET /public/v2/openapi.json',
  'POST /public/v2/operations',
  'GET /livez',
  'GET /readyz',
  'GET /metrics',
];
const routes = allRoutes(registry);
const ofTypes = operations.filter(({ route }) => route !== undefined);

/** The values of a key, wherever it stands. */
function findAll(key: string, part: unknown): Any[] {
  if (typeof part !== 'object' || part === null) return [];
  return Object.entries(part).flatMap(([name, value]) => [...(name === key ? [value] : []), ...findAll(key, value)]);
}

test('the document is valid OpenAPI 3.1', async () => {
  const result = await new Validator().validate(structuredClone(description));
  expect(result).toMatchObject({ valid: true });
  expect(description.openapi).toMatch(/^3\.1\./);
  expect(description).not.toHaveProperty('jsonSchemaDialect');
  expect(JSON.stringify(description)).not.toContain('deepObject');
});

test('the version is that of the package', () => {
  expect(description.info.version).toBe(JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')).version);
});

test('every route and method is described, and nothing else', () => {
  const described = operations.map(({ path, method }) => `${method.toUpperCase()} ${path}`);
  const offered = routes.flatMap(({ template, methods }) =>
    methods.filter((method) => method !== 'HEAD' && method !== 'OPTIONS').map((method) => `${method} ${template}`),
  );
  // A path is the same whatever its parameter is called.
  const shape = (text: string) => text.replace(/\{\w+\}/g, '{}');
  const others = [...endpoints, ...surfaces.flatMap((surface) => surface.routes)];
  const all = [...offered, ...others.map(({ method, path }) => `${method} ${path}`), ...BESIDE];
  expect(described.map(shape).sort()).toEqual([...new Set(all.map(shape))].sort());
});

test('methods that are refused with 403 are named beside the GET of their path', () => {
  for (const { template, kind, refused } of routes) {
    const note = `Takes no ${refused.join(', ')}: 403 \`update_not_offered\`.`;
    if (refused.length > 0)
      expect([kind, description.paths[template].get.description]).toEqual([kind, expect.stringContaining(note)]);
  }
});

test('every reference leads somewhere, and every component is used', () => {
  const used = new Set<string>(findAll('$ref', description));
  for (const $ref of used) expect({ $ref, found: resolve({ $ref }) }).toMatchObject({ found: expect.anything() });
  const { securitySchemes: _, ...kinds } = description.components;
  const there = Object.entries(kinds).flatMap(([kind, parts]) =>
    Object.keys(parts as object).map((name) => `#/components/${kind}/${name}`),
  );
  expect(there.filter(($ref) => !used.has($ref))).toEqual([]);
});

test('every schema has only keywords that are known, and formats too', () => {
  for (const name of Object.keys(description.components.schemas)) {
    expect(() => compiled({ $ref: `#/components/schemas/${name}` })).not.toThrow();
  }
  const others = new Map(findAll('schema', description).map((schema) => [JSON.stringify(schema), schema]));
  for (const schema of others.values()) expect(() => compiled(schema)).not.toThrow();
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
      'listOrganizationUsers',
      'getOrganizationOwner',
      'getOrganizationOwnerLinkage',
      'replaceOrganizationOwner',
      'replaceMemberRoles',
      'addMemberRoles',
      'removeMemberRoles',
      'performOperations',
    ]),
  );
});

test('every operation of a type names its permission and its errors', () => {
  // What there is to be permitted, and what his own credential is, everybody may read.
  const needsNone = ({ route, method }: Documented) =>
    (['permissions', 'accessTokens'].includes(route?.definition.type ?? '') && route?.kind !== 'related') ||
    // By its kind.
    (route?.template === '/public/v2/walletTransactions' && method === 'post');
  for (const documented of ofTypes) {
    const { operation } = documented;
    expect(operation).toMatchObject({
      'x-permission': needsNone(documented) ? null : expect.stringMatching(/^\w+:\w+$/),
      'x-levels': expect.arrayContaining(['platform']),
      summary: expect.any(String),
    });
    expect(Object.keys(operation.responses)).toEqual(
      expect.arrayContaining(['400', '401', '403', '406', '429', '503', 'default']),
    );
  }
});

test('the codes of a kind of change are its own: roles that are added are never too few', () => {
  const { post, patch, delete: remove } = description.paths['/public/v2/members/{id}/relationships/roles'];
  const codes = (operation: Any, status: string) => resolve(operation.responses[status])['x-codes'];
  expect(codes(post, '422')).toEqual(['idempotency_key_reused']);
  expect(codes(patch, '422')).toEqual(['too_short', 'idempotency_key_reused']);
  expect(codes(post, '409')).not.toContain('last_owner');
  expect(codes(remove, '409')).toContain('last_owner');
  expect(codes(remove, '403')).not.toContain('cannot_grant');
});

const exampleIn = ({ operation }: Documented): Any =>
  (Object.values(operation.requestBody.content) as [Any])[0].example;

/** A request that has a body: its example is read as the service would. */
function readExample({ method, route, operation }: Documented): void {
  const [{ example }] = Object.values(operation.requestBody.content) as [Any];
  const { kind, definition, relationship = '', action = '' } = route as NonNullable<Documented['route']>;
  if (kind === 'action') {
    const { settings = {}, requiredSettings = [] } = definition.actions[action] as {
      settings?: object;
      requiredSettings?: string[];
    };
    new SettingsReader(settings as Record<string, Schema>, requiredSettings).read(example);
  } else if (kind === 'linkage') readLinkageDocument(example, definition.relationships[relationship] as Relationship);
  else new BodyReader(definition).read(example, method === 'post' ? 'create' : 'update', example.data.id);
}

test('every example is a body that the operation takes, and that its schema allows', () => {
  const bodied = operations.filter(({ operation }) => operation.requestBody?.required === true);
  expect(bodied.length).toBeGreaterThan(10);
  for (const documented of bodied) {
    const { operationId } = documented.operation;
    const endpoint = endpoints.find((each) => each.operationId === operationId);
    if (documented.route !== undefined) expect(() => readExample(documented)).not.toThrow();
    if (endpoint !== undefined) expect(() => endpoint.request?.read(exampleIn(documented))).not.toThrow();
    const [{ schema, example }] = Object.values(documented.operation.requestBody.content) as [Any];
    expect([documented.path, compiled(schema)(example)]).toEqual([documented.path, true]);
  }
});

/** Schemas of answers with the schemas that they lead to. */
function answerSchemas(): Map<string, Any> {
  const reached = new Map<string, Any>();
  const visit = (part: unknown) => {
    for (const $ref of findAll('$ref', part) as string[]) {
      if (reached.has($ref)) continue;
      reached.set($ref, resolve({ $ref }));
      visit(reached.get($ref));
    }
  };
  for (const { operation } of operations) visit(operation.responses);
  return new Map([...reached].filter(([$ref]) => $ref.startsWith('#/components/schemas/')));
}

test('answers are closed: an object that has members described has no others', () => {
  // Stands beside the schema of an item, which is closed itself.
  const open = ['#/components/schemas/WithCursor'];
  for (const [$ref, schema] of answerSchemas()) {
    if (open.includes($ref)) continue;
    const parts = [
      schema,
      ...findAll('items', schema),
      ...findAll('properties', schema).flatMap((each) => Object.values(each)),
    ];
    for (const part of parts) {
      if (part.properties !== undefined)
        expect([$ref, part]).toEqual([$ref, expect.objectContaining({ additionalProperties: false })]);
    }
  }
});

test('secrets that are shown once are nullable in answers', () => {
  for (const { type, attributes } of registry.values()) {
    const schema: Any = Object.values(description.components.schemas).find(
      (each: Any) => each.properties?.type?.const === type && each.properties.links,
    );
    for (const [name, { reveal }] of Object.entries(attributes)) {
      if (reveal === 'once') expect(schema.properties.attributes.properties[name].type).toContain('null');
    }
  }
});

test('docs/openapi.json is up to date: `node dist/src/main.js openapi > docs/openapi.json` renews it', () => {
  expect(readFileSync(join(ROOT, 'docs', 'openapi.json'), 'utf8')).toBe(formatOpenApi());
});
