import { errors, type Fault, status } from './spoilers';

/** What writes may have wrong. */
export const writingFaults: readonly Fault[] = [
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
];
