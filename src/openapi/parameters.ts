import type { QueryParameters } from '../jsonapi/define';
import { idSchema } from '../jsonapi/ids';
import { MOST_INTEGER } from '../jsonapi/parameters';
import { DEEPEST_INCLUDE, LINKED_LIMIT, MOST_SORT_KEYS, PAGE_SIZE, WIDEST_INCLUDE } from '../jsonapi/query';
import { boolean } from '../jsonapi/schemas';
import { OPERATIONS } from '../permissions';
import type { Components, Ref } from './components';
import { filterParameters } from './filters';
import { type Definition, includable, type Registry } from './include';
import { inHeader, inQuery, list, parameter } from './parameter';

export const idParameter = (components: Components, { type }: Definition): Ref =>
  components.add('parameters', { name: 'id', in: 'path', required: true, schema: idSchema(type) }, 'id', `${type}.id`);

const HEADERS = {
  requestId: inHeader(
    'X-Request-Id',
    'Comes back in the answer when it has 8 to 64 letters, digits, `_` or `-`; else the server makes one.',
  ),
  ifMatch: inHeader('If-Match', 'ETags of which the resource must have one, or `*`; else 412.'),
  ifNoneMatch: inHeader('If-None-Match', 'ETags that the client holds: 304 when the resource still has one of them.'),
  idempotencyKey: inHeader(
    'Idempotency-Key',
    '1 to 255 visible ASCII characters, bare or in double quotes. The request is carried out once for its key: within 24 hours, ' +
      'whoever sends it again gets the stored answer, with `Idempotent-Replayed: true`. Keys are private to a credential, method and path.',
    { type: 'string', pattern: '^[!-~]{1,257}$' },
  ),
};

/** A request header field. */
export const header = (components: Components, name: keyof typeof HEADERS): Ref =>
  parameter(components, HEADERS[name], '');

/** `Idempotency-Key` of a request that changes something; what moves money needs one. */
export const idempotencyKey = (components: Components, isRequired: boolean): Ref =>
  isRequired
    ? parameter(components, { ...HEADERS.idempotencyKey, required: true }, 'Required')
    : header(components, 'idempotencyKey');

function pageParameters(components: Components): Ref[] {
  const size = { type: 'integer', minimum: 1, maximum: PAGE_SIZE.most };
  const standard = `${PAGE_SIZE.standard} when it is not given`;
  const from = (minimum: number) => ({ type: 'integer', minimum, maximum: MOST_INTEGER });
  const cursor = { type: 'string', minLength: 1 };
  const alone = 'Pages are asked for in one way at a time.';
  return [
    inQuery('page[number]', 'Page, from 1.', from(1)),
    inQuery('page[size]', `Resources of a page; ${standard}, ${PAGE_SIZE.most} between two cursors.`, size),
    inQuery('page[offset]', `Resources before the page, with \`page[limit]\`. ${alone}`, from(0)),
    inQuery('page[limit]', `Resources of a page, with \`page[offset]\`; ${standard}.`, size),
    inQuery('page[after]', `Cursor: the page begins behind it. ${alone}`, cursor),
    inQuery(
      'page[before]',
      `Cursor: the page ends before it; with \`page[after]\`, what lies between the two. ${alone}`,
      cursor,
    ),
  ].map((part) => parameter(components, part, ''));
}

function sortParameter(components: Components, { type, attributes, defaultSort }: Definition): Ref {
  const names = ['id', ...Object.keys(attributes).filter((name) => attributes[name]?.sort === true)];
  const key = `-?(?:${names.join('|')})`;
  const fields = names.map((name) => `\`${name}\``).join(', ');
  const description = `Fields separated by commas, most significant first; \`-\` before one reverses it. One of ${fields}.`;
  const schema = { type: 'string', pattern: `^${key}(?:,${key}){0,${MOST_SORT_KEYS - 1}}$`, default: defaultSort };
  return components.add('parameters', inQuery('sort', description, schema), `${type}.sort`);
}

/**
 * `include` and `fields[type]`, for every answer with primary data.
 * @param relationship of a linkage: its paths begin with it
 */
export function documentParameters(
  components: Components,
  registry: Registry,
  definition: Definition,
  relationship?: string,
): Ref[] {
  const { paths, types, hasLists } = includable(definition, registry, relationship);
  const limits = hasLists
    ? ` Of a list, the first ${LINKED_LIMIT} of each resource; what could lead to more than ${WIDEST_INCLUDE} resources is refused.`
    : '';
  const description =
    paths.length > 0
      ? `Related resources to send along, by path, at most ${DEEPEST_INCLUDE} levels deep.${limits}`
      : 'There is nothing to include: only the empty list is taken.';
  const items = paths.length > 0 ? { type: 'string', enum: paths } : { type: 'string' };
  const include = list('include', description, items, paths.length > 0 ? {} : { maxItems: 0 });
  const owner = [definition.type, ...(relationship === undefined ? [] : [relationship])].join('.');
  const shown = relationship === undefined ? [definition.type, ...types] : types;
  return [
    components.add('parameters', include, `${owner}.include`),
    ...[...new Set(shown)].map((type) => fieldsParameter(components, registry.get(type) as Definition)),
  ];
}

function fieldsParameter(components: Components, { type, attributes, relationships }: Definition): Ref {
  const fields = { type: 'string', enum: [...Object.keys(attributes), ...Object.keys(relationships)] };
  const description = `Attributes and relationships to show of ${type}; all when it is not given.`;
  return parameter(components, list(`fields[${type}]`, description, fields), '');
}

/** `withCapabilities`: hints for those who show what can be done. */
export function capabilitiesParameter(components: Components): Ref {
  const description =
    '`true` adds `meta.can` to the resource: what the caller may do with it; and `Allow` lists only the methods that he may use.';
  return parameter(components, inQuery('withCapabilities', description, { ...boolean, default: false }), '');
}

/** `purgeNow`, where a type can be removed for good. */
export function purgeParameter(components: Components, { type, operations }: Definition): Ref[] {
  if (operations.remove?.purge === undefined) return [];
  const rule = OPERATIONS[`${type}.purge`];
  const needs = rule === undefined ? '' : ` Needs the permission \`${rule.permission}\`.`;
  const description = `\`true\` removes the resource and all that belongs to it now and for ever.${needs}`;
  return [parameter(components, inQuery('purgeNow', description, { ...boolean, default: false }), type)];
}

/** What an operation declares for itself. */
export const ownParameters = (components: Components, owner: string, parameters: QueryParameters = {}): Ref[] =>
  Object.entries(parameters).map(([name, { description, ...schema }]) =>
    parameter(components, inQuery(name, description, schema), owner),
  );

/** The query of a list, but for what its document shows. */
export const listParameters = (components: Components, registry: Registry, definition: Definition): Ref[] =>
  components.once(`list ${definition.type}`, () => [
    ...pageParameters(components),
    sortParameter(components, definition),
    ...filterParameters(components, definition, registry),
  ]);
