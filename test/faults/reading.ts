import {
  documents,
  errors,
  type Fault,
  hasParameter,
  isGet,
  parameter,
  primary,
  refusal,
  setParameter,
  setParameterFrom,
} from './spoilers';

/** What GET may have wrong. */
export const readingFaults: readonly Fault[] = [
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
    title: 'a size over the maximum is cut',
    spoiler: { ask: (asked) => setParameterFrom(asked, 'page[size]', (size) => (Number(size) > 100 ? '100' : size)) },
    red: ['CUR-4'],
    only: ['CUR-3', 'CUR-4', 'CUR-6'],
  },
  {
    title: 'prev and next are missing where there is no page',
    spoiler: {
      answer: ({ body, headers }) => {
        if (!headers['content-type']?.includes('cursor-pagination')) return;
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
