import type { Schema } from '../jsonapi/define';
import { CURSOR_PROFILE, CURSOR_TYPE } from '../jsonapi/negotiate';
import { nullable } from '../jsonapi/schemas';
import type { Components, Ref } from './components';
import { closed, constant, count, itemCursor, jsonapi, link, listOf, object } from './schemas';

/** Links that a document has beside `self`. */
type Links = '' | 'Linkage' | 'Page' | 'LinkagePage';

/** What documents have in one way where the cursor pagination profile is applied, and in another where it is not. */
export interface Form {
  /** Part of the names of its schemas. */
  name: '' | 'Cursor';
  jsonapi: Ref;
  links: (kind: Links) => Ref;
  pageMeta: () => Ref;
  /** An item of a page. */
  item: (item: Ref) => Ref | Schema;
}

const totals = {
  total: count(0, 'Resources that fit the filters.'),
  totalUnfiltered: count(0, 'Resources that the caller can see without them.'),
};

function linksSchema(components: Components, name: Form['name'], self: Schema, kind: Links): Ref {
  const schema = closed({
    self,
    ...(kind.startsWith('Linkage') ? { related: link } : {}),
    ...(kind.endsWith('Page') ? { first: link, last: link, prev: nullable(link), next: nullable(link) } : {}),
  });
  return components.add('schemas', schema, `${name}${kind}Links`);
}

/** Pages are numbered. */
export function numberedForm(components: Components): Form {
  const numbers = { currentSize: count(1, 'Size of a page, as asked for.'), currentPage: count(1), maxPage: count(1) };
  return {
    name: '',
    jsonapi: jsonapi(components),
    links: (kind) => linksSchema(components, '', link, kind),
    pageMeta: () => components.add('schemas', closed({ ...totals, ...numbers }), 'PageMeta'),
    item: (item) => item,
  };
}

/** The profile is applied: links of pages are cursors, `self` and `jsonapi` say so. */
export function cursorForm(components: Components): Form {
  const profile = { ...listOf(constant(CURSOR_PROFILE)), minItems: 1, maxItems: 1 };
  const self = closed({ href: link, type: constant(CURSOR_TYPE) });
  const rangeTruncated = { const: true, description: 'There are more resources between the two cursors.' };
  const page = closed({ total: count(0), rangeTruncated }, ['rangeTruncated']);
  const marked = object({ meta: object({ page: itemCursor(components) }) });
  return {
    name: 'Cursor',
    jsonapi: components.add('schemas', closed({ version: constant('1.1'), profile }), 'CursorJsonApi'),
    links: (kind) => linksSchema(components, 'Cursor', self, kind),
    pageMeta: () => components.add('schemas', closed({ ...totals, page }), 'CursorPageMeta'),
    item: (item) => ({ allOf: [item, components.add('schemas', marked, 'WithCursor')] }),
  };
}
