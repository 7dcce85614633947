import { documents, type Fault, refusal, resources } from './spoilers';

/** What a document may have wrong, and what answers of every kind may. */
export const documentFaults: readonly Fault[] = [
  {
    title: 'the media type has a charset',
    spoiler: {
      answer: ({ headers }) => {
        if (headers['content-type'] !== undefined) headers['content-type'] += '; charset=utf-8';
      },
    },
    red: ['CN-3'],
  },
  {
    title: 'Vary is dropped',
    spoiler: { answer: ({ headers }) => void delete headers.vary },
    red: ['CN-30'],
    only: ['CN-1', 'CN-3', 'CN-30'],
  },
  {
    title: 'a weight of 0 is passed over',
    spoiler: {
      ask: ({ headers }) => {
        if (headers.accept !== undefined) headers.accept = headers.accept.replace(/;q=0$/, '');
      },
    },
    red: ['CN-19'],
    only: ['CN-14', 'CN-18', 'CN-19', 'CN-20'],
  },
  {
    title: 'a profile in Content-Type is 415',
    spoiler: { ask: ({ headers }) => (headers['content-type']?.includes('profile=') ? refusal(415) : undefined) },
    red: ['CN-8'],
    only: ['CN-4', 'CN-8', 'CN-9', 'CN-10'],
  },
  {
    title: 'one bad instance in Accept spoils a good one',
    spoiler: { ask: ({ headers }) => (headers.accept?.includes('charset') ? refusal(406) : undefined) },
    red: ['CN-13'],
    only: ['CN-13', 'CN-14', 'CN-16', 'CN-22'],
  },
  {
    title: 'errors are plain JSON',
    spoiler: {
      answer: ({ headers, body }) => {
        if (body?.errors !== undefined) headers['content-type'] = 'application/json';
      },
    },
    red: ['CN-2'],
    only: ['CN-1', 'CN-2', 'CN-3'],
  },
  {
    title: 'a foreign member stands at the top level',
    spoiler: documents((body) => {
      body.total = 5;
    }),
    red: ['DOC-5'],
  },
  {
    title: 'errors stand beside data',
    spoiler: documents((body) => {
      body.errors = [{ title: 'No' }];
    }),
    red: ['DOC-3'],
  },
  {
    title: 'the self link loses the query',
    spoiler: documents((body) => {
      if (typeof body.links?.self === 'string') body.links.self = body.links.self.split('?')[0];
    }),
    red: ['DOC-10'],
  },
  {
    title: 'the jsonapi object has a foreign member',
    spoiler: documents((body) => {
      body.jsonapi.server = 'x';
    }),
    red: ['JA-2'],
  },
  {
    title: 'ids are numbers',
    spoiler: resources((each) => {
      each.id = 5;
    }),
    red: ['RES-2'],
    only: ['RES-1', 'RES-2', 'RES-5'],
  },
  {
    title: 'a resource has a foreign member',
    spoiler: resources((each) => {
      each.createdBy = 'x';
    }),
    red: ['RES-5'],
  },
  {
    title: 'one resource has other attributes by another URL',
    spoiler: documents((body, { url }) => {
      if (/\/(?:owner|user)$/.test(url) && body.data?.attributes) body.data.attributes.name = 'Somebody else';
    }),
    red: ['RES-3'],
  },
  {
    title: 'an attribute is called id',
    spoiler: resources((each) => {
      each.attributes = { ...each.attributes, id: 1 };
    }),
    red: ['FLD-2'],
  },
  {
    title: 'a relationship is empty',
    spoiler: resources((each) => {
      if (each.relationships?.partner !== undefined) each.relationships.partner = {};
    }),
    red: ['REL-2'],
  },
  {
    title: 'a related link leads nowhere',
    spoiler: resources((each) => {
      if (each.relationships?.partner?.links !== undefined) each.relationships.partner.links.related += '-nowhere';
    }),
    red: ['REL-10', 'REL-6'],
  },
  {
    title: 'the self link of a resource leads to another',
    spoiler: documents((body) => {
      if (Array.isArray(body.data) && body.data[1]?.links !== undefined) body.data[0].links = body.data[1].links;
    }),
    red: ['LNK-6'],
    may: ['LNK-8'],
  },
  {
    title: 'a link object has no href',
    spoiler: documents((body) => {
      if (body.links !== undefined) body.links.describedby = { title: 'x' };
    }),
    red: ['LNK-3'],
  },
  {
    title: 'an identifier has attributes',
    spoiler: resources((each) => {
      const linkage = each.relationships?.owner?.data;
      if (linkage) linkage.attributes = {};
    }),
    red: ['RID-3'],
  },
  {
    title: 'something is included that nothing links',
    spoiler: documents((body) => {
      body.included?.push({ type: 'users', id: 'nobody-knows-me' });
    }),
    red: ['CMP-2'],
  },
  {
    title: 'something is included twice',
    spoiler: documents((body) => {
      if (body.included?.length > 0) body.included.push(body.included[0]);
    }),
    red: ['CMP-3'],
  },
  {
    title: 'an attribute has a dot in its name',
    spoiler: resources((each) => {
      each.attributes = { ...each.attributes, 'a.b': 1 };
    }),
    red: ['MEM-4'],
    may: ['MEM-8'],
  },
  {
    title: 'an attribute begins with an underscore',
    spoiler: resources((each) => {
      each.attributes = { ...each.attributes, _a: 1 };
    }),
    red: ['MEM-3'],
    may: ['MEM-8'],
  },
  {
    title: 'meta is an array',
    spoiler: documents((body) => {
      body.meta = [];
    }),
    red: ['MET-1'],
  },
];
