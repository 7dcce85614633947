import type { Body } from './app';
import type { Answered, Asked, Spoiler } from './faultyProxy';

/** A fault that a server might have, and what must find it. */
export interface Fault {
  readonly title: string;
  readonly spoiler: Spoiler;
  /** Rules that must turn red. */
  readonly red: readonly string[];
  /** Rules that may turn red with them, as one fault can be against several. */
  readonly may?: readonly string[];
  /** Chapters and rules that are run: the chapters of `red` unless stated. */
  readonly only?: readonly string[];
}

const CURSOR = 'cursor-pagination';

const primary = (body: Body): Body[] => [body?.data ?? []].flat();
const isGet = ({ method }: Asked): boolean => method === 'GET';
/** A query parameter as a client sends it, brackets plain or encoded. */
const hasParameter = ({ url }: Asked, name: string): boolean => new URL(url, 'http://x').searchParams.has(name);
const parameter = ({ url }: Asked, name: string): string | null => new URL(url, 'http://x').searchParams.get(name);
function setParameter(asked: Asked, name: string, value: string | undefined): void {
  const { pathname, searchParams } = new URL(asked.url, 'http://x');
  if (value === undefined) searchParams.delete(name);
  else searchParams.set(name, value);
  asked.url = searchParams.size === 0 ? pathname : `${pathname}?${searchParams}`;
}

/** Spoils each successful document of a GET. */
const documents = (spoil: (body: Body, asked: Asked) => void): Spoiler => ({
  answer: ({ status, body }, asked) => {
    if (isGet(asked) && status === 200 && body?.data !== undefined) spoil(body, asked);
  },
});
/** Spoils each primary resource of a GET. */
const resources = (spoil: (resource: Body, asked: Asked) => void): Spoiler =>
  documents((body, asked) => {
    if (!asked.url.includes('/relationships/')) for (const each of primary(body)) spoil(each, asked);
  });
const errors = (spoil: (error: Body) => void): Spoiler => ({
  answer: ({ body }) => {
    for (const each of body?.errors ?? []) spoil(each);
  },
});
const refusal = (status: number): Answered => ({
  status,
  headers: { 'content-type': 'application/vnd.api+json', vary: 'Accept' },
  body: { errors: [{ status: String(status), title: 'No' }] },
});
const status = (from: number, to: number, when: (asked: Asked) => boolean): Spoiler => ({
  answer: (answered, asked) => {
    if (answered.status === from && when(asked)) answered.status = to;
  },
});

export const FAULTS: readonly Fault[] = [
  {
    title: 'the media type has a charset',
    spoiler: {
      answer: ({ headers }) => {
        if (headers['content-type'] !== undefined) headers['content-type'] += '; charset=utf-8';
      },
    },
    red: ['CN-3'],
  },
  { title: 'Vary is dropped', spoiler: { answer: ({ headers }) => void delete headers.vary }, red: ['CN-30'] },
  {
    title: 'a weight of 0 is passed over',
    spoiler: {
      ask: ({ headers }) => {
        if (headers.accept !== undefined) headers.accept = headers.accept.replace(/;q=0$/, '');
      },
    },
    red: ['CN-19'],
  },
  {
    title: 'a profile in Content-Type is 415',
    spoiler: { ask: ({ headers }) => (headers['content-type']?.includes('profile=') ? refusal(415) : undefined) },
    red: ['CN-8'],
  },
  {
    title: 'one bad instance in Accept spoils a good one',
    spoiler: { ask: ({ headers }) => (headers.accept?.includes('charset') ? refusal(406) : undefined) },
    red: ['CN-13'],
  },
  {
    title: 'errors are plain JSON',
    spoiler: {
      answer: ({ headers, body }) => {
        if (body?.errors !== undefined) headers['content-type'] = 'application/json';
      },
    },
    red: ['CN-2'],
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
  {
    title: 'an empty to-one relationship is 404',
    spoiler: {
      answer: (answered, asked) => {
        if (isGet(asked) && answered.body?.data === null) Object.assign(answered, refusal(404));
      },
    },
    red: ['FET-5', 'FET-1'],
    only: ['FET-1', 'FET-2', 'FET-4', 'FET-5', 'FET-6'],
  },
  {
    title: 'If-None-Match is not read',
    spoiler: { ask: ({ headers }) => void delete headers['if-none-match'] },
    red: ['FET-14'],
    only: ['FET-6', 'FET-11', 'FET-14'],
  },
  {
    title: 'Allow is missing',
    spoiler: { answer: ({ headers }) => void delete headers.allow },
    red: ['FET-12', 'FET-13'],
    only: ['FET-6', 'FET-12', 'FET-13'],
  },
  {
    title: 'a relationship URL gives resources',
    spoiler: documents((body, { url }) => {
      if (url.includes('/relationships/')) for (const each of primary(body)) each.attributes = {};
    }),
    red: ['FRL-2'],
  },
  {
    title: 'included is dropped when it is empty',
    spoiler: documents((body) => {
      if (body.included?.length === 0) delete body.included;
    }),
    red: ['INC-2', 'INC-5'],
  },
  {
    title: 'more is included than was asked for',
    spoiler: documents((body, asked) => {
      if (parameter(asked, 'include') === 'owner') body.included.push({ type: 'roles', id: 'one-more' });
    }),
    red: ['INC-3'],
    may: ['INC-2', 'INC-4'],
  },
  {
    title: 'an unknown include is passed over',
    spoiler: {
      ask: (asked) => {
        if (parameter(asked, 'include')?.includes('no-such')) setParameter(asked, 'include', '');
      },
    },
    red: ['INC-6'],
  },
  {
    title: 'fields take attributes out, but no relationships',
    spoiler: documents((body, asked) => {
      if (hasParameter(asked, 'fields[organizations]'))
        for (const each of primary(body)) each.relationships = { owner: { data: null }, ...each.relationships };
    }),
    red: ['SPF-1', 'SPF-2', 'SPF-3'],
    only: ['SPF-1', 'SPF-2', 'SPF-3', 'SPF-4', 'SPF-5'],
  },
  {
    title: 'the minus of a sort is passed over',
    spoiler: { ask: (asked) => setParameterFrom(asked, 'sort', (value) => value.replaceAll('-', '')) },
    red: ['SRT-1'],
    may: ['SRT-2', 'SRT-3'],
  },
  {
    title: 'page links lose the sort',
    spoiler: documents((body) => {
      for (const name of ['first', 'last', 'prev', 'next'])
        if (typeof body.links?.[name] === 'string') body.links[name] = body.links[name].replace(/sort=[^&]*&?/, '');
    }),
    red: ['PAG-5'],
    may: ['PAG-3'],
  },
  {
    title: 'an unknown page parameter is passed over',
    spoiler: { ask: (asked) => setParameterFrom(asked, 'page[foo]', () => undefined) },
    red: ['PAG-6'],
  },
  {
    title: 'an unknown filter is passed over',
    spoiler: { ask: (asked) => setParameterFrom(asked, 'filter[noSuchField]', () => undefined) },
    red: ['FLT-3'],
  },
  {
    title: 'an unknown query parameter is passed over',
    spoiler: { ask: (asked) => setParameterFrom(asked, 'unknown', () => undefined) },
    red: ['QRY-1', 'QRY-12'],
  },
  {
    title: 'a type of another collection is 200',
    spoiler: status(409, 201, ({ method, text }) => method === 'POST' && text.includes('no-such-type')),
    red: ['CRE-12'],
    only: ['CRE-3', 'CRE-11', 'CRE-12', 'CRE-17'],
  },
  {
    title: 'Location is another URL',
    spoiler: {
      answer: ({ headers }) => {
        if (headers.location !== undefined) headers.location += '/';
      },
    },
    red: ['CRE-5'],
    only: ['CRE-1', 'CRE-4', 'CRE-5'],
  },
  {
    title: 'a reference to nothing is 422',
    spoiler: status(404, 422, ({ method }) => method === 'POST'),
    red: ['CRE-13'],
    only: ['CRE-13', 'CRE-14', 'CRE-15'],
  },
  {
    title: 'an id that is not that of the URL is 400',
    spoiler: status(409, 400, ({ method }) => method === 'PATCH'),
    red: ['UPD-12'],
    may: ['UPD-13', 'UPD-14'],
    only: ['UPD-1', 'UPD-10', 'UPD-12', 'UPD-13', 'UPD-14'],
  },
  {
    title: 'If-Match is not read',
    spoiler: { ask: ({ headers }) => void delete headers['if-match'] },
    red: ['UPD-16'],
    only: ['UPD-1', 'UPD-15', 'UPD-16'],
  },
  {
    title: 'POST to a relationship replaces',
    spoiler: {
      ask: (asked) => {
        if (asked.method === 'POST' && asked.url.includes('/relationships/')) asked.method = 'PATCH';
      },
    },
    red: ['RUP-5'],
    only: ['RUP-4', 'RUP-5', 'RUP-6', 'RUP-16'],
  },
  {
    title: 'the body of DELETE is not read',
    spoiler: {
      ask: ({ method, url }) =>
        method === 'DELETE' && url.includes('/relationships/')
          ? { status: 204, headers: { vary: 'Accept' }, body: undefined }
          : undefined,
    },
    red: ['RUP-7', 'RUP-8'],
    only: ['RUP-4', 'RUP-7', 'RUP-8'],
  },
  {
    title: 'the answer to DELETE has the resource',
    spoiler: {
      answer: (answered, { method, url }) => {
        if (method !== 'DELETE' || url.includes('/relationships/') || answered.status !== 204) return;
        answered.status = 200;
        answered.headers['content-type'] = 'application/vnd.api+json';
        answered.body = { data: { type: 'organizations', id: 'x' } };
      },
    },
    red: ['DEL-1'],
  },
  {
    title: 'errors have a number as status',
    spoiler: errors((error) => {
      error.status = Number(error.status);
    }),
    red: ['ERR-3', 'ERR-4'],
  },
  { title: 'errors have no source', spoiler: errors((error) => void delete error.source), red: ['ERR-8'] },
  {
    title: 'pointers lead nowhere',
    spoiler: errors((error) => {
      if (error.source?.pointer !== undefined) error.source.pointer += '/nowhere';
    }),
    red: ['ERR-9'],
  },
  {
    title: 'parameters are named by their family',
    spoiler: errors((error) => {
      if (error.source?.parameter === 'include') error.source.parameter = 'include[]';
    }),
    red: ['ERR-10'],
  },
  {
    title: 'an extension that was applied is not named',
    spoiler: {
      answer: ({ headers }) => {
        if (headers['content-type']?.includes('ext=')) headers['content-type'] = 'application/vnd.api+json';
      },
    },
    red: ['ATO-2'],
    only: ['ATO-2', 'ATO-14', 'ATO-16', 'ATO-24'],
  },
  {
    title: 'results come in another order',
    spoiler: { answer: ({ body }) => void body?.['atomic:results']?.reverse() },
    red: ['ATO-14'],
    only: ['ATO-2', 'ATO-12', 'ATO-14', 'ATO-16'],
  },
  {
    title: 'pointers begin at the operation',
    spoiler: errors((error) => {
      if (error.source?.pointer !== undefined)
        error.source.pointer = error.source.pointer.replace(/^\/atomic:operations\/\d+/, '');
    }),
    red: ['ATO-24', 'ATO-26'],
    only: ['ATO-2', 'ATO-24', 'ATO-26'],
  },
  {
    title: 'a size over the maximum is cut',
    spoiler: { ask: (asked) => setParameterFrom(asked, 'page[size]', (size) => (Number(size) > 100 ? '100' : size)) },
    red: ['CUR-4'],
    only: ['CUR-3', 'CUR-4', 'CUR-6'],
  },
  {
    title: 'prev and next are missing where there is no page',
    spoiler: {
      answer: ({ body, headers }) => {
        if (!headers['content-type']?.includes(CURSOR)) return;
        for (const name of ['prev', 'next']) if (body?.links?.[name] === null) delete body.links[name];
      },
    },
    red: ['CUR-15', 'CUR-17'],
    only: ['CUR-6', 'CUR-10', 'CUR-15', 'CUR-16', 'CUR-17'],
  },
  {
    title: 'before is passed over where there is after',
    spoiler: {
      ask: (asked) => {
        if (hasParameter(asked, 'page[after]')) setParameter(asked, 'page[before]', undefined);
      },
    },
    red: ['CUR-12', 'CUR-13', 'CUR-14'],
    only: ['CUR-7', 'CUR-8', 'CUR-9', 'CUR-12', 'CUR-13', 'CUR-14'],
  },
  {
    title: 'a cut range does not say so',
    spoiler: documents((body) => {
      delete body.meta?.page?.rangeTruncated;
    }),
    red: ['CUR-14'],
    only: ['CUR-12', 'CUR-13', 'CUR-14'],
  },
];

function setParameterFrom(asked: Asked, name: string, change: (value: string) => string | undefined): undefined {
  const value = parameter(asked, name);
  if (value !== null) setParameter(asked, name, change(value));
}
