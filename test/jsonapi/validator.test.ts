import { faultsOf, isFullyLinked } from '../support/document';

describe('the validator that runs on every answer of every test finds', () => {
  const resource = { type: 'users', id: 'a' };
  test.each([
    ['a root that is no object [DOC-1]', []],
    ['no data, errors or meta [DOC-2]', { jsonapi: {} }],
    ['data beside errors [DOC-3]', { data: null, errors: [{ detail: 'x' }] }],
    ['included without data [DOC-4]', { meta: {}, included: [] }],
    ['unknown members at the top [DOC-5]', { data: null, extra: 1 }],
    ['unknown top-level links [DOC-9]', { data: null, links: { other: '/x' } }],
    ['a jsonapi object with more than it may have [JA-2]', { data: null, jsonapi: { versions: [] } }],
    ['an id that is a number [RES-2]', { data: { type: 'users', id: 5 } }],
    ['an unknown member of a resource [RES-5]', { data: { ...resource, name: 'x' } }],
    ['attributes that are a list [FLD-1]', { data: { ...resource, attributes: [] } }],
    ['a field called id [FLD-2]', { data: { ...resource, attributes: { id: 'x' } } }],
    ['a field twice [FLD-3]', { data: { ...resource, attributes: { a: 1 }, relationships: { a: { meta: {} } } } }],
    ['an illegal name far down [FLD-5, MEM-2]', { data: { ...resource, attributes: { a: [{ 'b.c': 1 }] } } }],
    ['relationships that are a list [REL-1]', { data: { ...resource, relationships: [{ data: null }] } }],
    [
      'an unknown member of a relationship [REL-4]',
      { data: { ...resource, relationships: { a: { data: null, id: 'x' } } } },
    ],
    ['an empty relationship [REL-2]', { data: { ...resource, relationships: { a: {} } } }],
    [
      'relationship links without self or related [REL-3]',
      { data: { ...resource, relationships: { a: { links: {} } } } },
    ],
    ['linkage that is text [REL-5]', { data: { ...resource, relationships: { a: { data: 'x' } } } }],
    [
      'an identifier with attributes [RID-3]',
      { data: { ...resource, relationships: { a: { data: { ...resource, attributes: {} } } } } },
    ],
    ['links that are a list [LNK-1]', { data: null, links: ['/x'] }],
    ['an unknown member of a link [LNK-4]', { data: null, links: { self: { href: '/x', method: 'GET' } } }],
    ['a resource among linkage [DOC-8]', { data: [{ ...resource, attributes: {} }], links: { related: '/x' } }],
    ['a link that is a number [LNK-2]', { data: null, links: { self: 1 } }],
    ['a link object without href [LNK-3]', { data: null, links: { self: { title: 'x' } } }],
    ['one resource twice [CMP-3]', { data: [resource], included: [resource] }],
    ['meta that is text [MET-1]', { data: null, meta: 'x' }],
    [
      'an error with a numeric status [ERR-3]',
      { errors: [{ id: 'a', status: 400, code: 'c', title: 't', detail: 'd' }] },
    ],
  ])('%s', (_title, broken) => {
    expect(faultsOf(broken, 'application/vnd.api+json')).not.toEqual([]);
  });
});

test('full linkage is missing where nothing leads to what is included, however it is linked itself [CMP-2]', () => {
  const linked = (id: string, to: string) => ({
    type: 'users',
    id,
    relationships: { a: { data: { type: 'users', id: to } } },
  });
  expect(isFullyLinked({ data: linked('a', 'b'), included: [linked('b', 'c'), linked('c', 'a')] })).toBe(true);
  expect(isFullyLinked({ data: linked('a', 'a'), included: [linked('b', 'c'), linked('c', 'b')] })).toBe(false);
  expect(isFullyLinked({ data: null, included: [linked('b', 'b')] })).toBe(false);
});
