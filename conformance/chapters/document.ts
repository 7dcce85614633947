import type { Check } from '../core/check';
import { resolve, withQuery } from '../core/client';
import { at, isObject, listOf, same } from '../core/json';
import { isJsonApi, urisOf } from '../core/mediaType';
import { foreignMembers, hasOneOf, isIdentifier } from '../core/members';
import { asks, type Chapter, each, watches } from '../core/rules';
import { hrefOf, type Part, type Seen } from '../core/seen';
import { keysOf } from '../core/walk';

const TOP = ['data', 'errors', 'meta', 'jsonapi', 'links', 'included'];
const TOP_LINKS = ['self', 'related', 'describedby', 'first', 'last', 'prev', 'next'];

/** The whole document as one part, when the answer has one. */
const documents = ({ root, document, answer }: Seen): Part[] =>
  root !== undefined && isJsonApi(answer.headers['content-type']) ? [{ value: document, at: '' }] : [];

const topLevel = (holds: (document: Seen['document'], seen: Seen) => boolean, wanted: string) =>
  each(documents, (_value, seen) => holds(seen.document, seen), wanted);

const jsonapi = ({ document }: Seen): Part[] =>
  'jsonapi' in document ? [{ value: document.jsonapi, at: '/jsonapi' }] : [];

/** URLs that ask for a document in other ways than the bare collection, as far as the server takes them. */
async function shapedUrls(t: Check): Promise<string[]> {
  const { world, url } = t;
  const [sort] = await world.sorts();
  const [include] = await world.includes();
  const [attribute] = world.plainAttributes();
  const { type } = world.main;
  const queries = [
    sort && `sort=-${sort}`,
    include && `include=${include}`,
    type && attribute && `fields[${type}]=${attribute}`,
    'page[size]=2',
  ].filter((query): query is string => typeof query === 'string');
  return [url, ...queries.map((query) => withQuery(url, query))];
}

export const documentChapter: Chapter = {
  id: 'DOC',
  title: 'Document structure',
  rules: [
    watches('DOC-1', 'MUST', 'The root of every document is a JSON object', ({ root, answer }, t) => {
      if (!isJsonApi(answer.headers['content-type']) || answer.bytes.length === 0) return;
      t.expect(isObject(root), 'an object at the root', answer);
    }),
    watches(
      'DOC-2',
      'MUST',
      'A document has data, errors or meta, or a member of an applied extension',
      topLevel((document, seen) => hasOneOf(document, ['data', 'errors', 'meta'], seen), 'data, errors or meta'),
    ),
    watches(
      'DOC-3',
      'NOT',
      'Data and errors do not stand in one document',
      topLevel((document) => !('data' in document && 'errors' in document), 'data or errors, not both'),
    ),
    watches(
      'DOC-4',
      'NOT',
      'There is no included without data',
      topLevel((document) => 'data' in document || !('included' in document), 'data beside included'),
    ),
    watches(
      'DOC-5',
      'NOT',
      'The top level has no members but those defined for it',
      topLevel((document, seen) => foreignMembers(document, TOP, seen).length === 0, `only ${TOP.join(', ')}`),
    ),
    asks('DOC-6', 'MUST', 'A single resource is an object or null as data, never an array', async (t) => {
      const answer = t.need(await t.world.item(), 'no collection has an item');
      const data = at(answer.body, 'data');
      t.expect(data === null || isObject(data), 'data that is an object or null', answer, '/data');
    }),
    asks('DOC-7', 'MUST', 'A collection is an array as data', async (t) => {
      for (const { answer } of t.world.collections)
        t.expect(Array.isArray(at(answer.body, 'data')), 'data that is an array', answer, '/data');
    }),
    watches('DOC-8', 'MUST', 'The primary data of linkage are resource identifiers, all of them', (seen, t) => {
      if (!seen.isLinkage) return;
      for (const { value, at: place } of seen.identifiers)
        t.expect(isIdentifier(value, seen), 'an identifier', seen.answer, place);
    }),
    watches(
      'DOC-9',
      'MUST',
      'Top-level links are those defined for it',
      each(
        ({ links }) => links.filter(({ owner }) => owner === 'document'),
        (_value, { extensions }, { name }) =>
          TOP_LINKS.includes(name) || name.startsWith('@') || (extensions.length > 0 && name.includes(':')),
        `only ${TOP_LINKS.join(', ')}`,
      ),
    ),
    asks('DOC-10', 'MUST', 'The top-level self link gives the document that printed it', async (t) => {
      for (const url of await shapedUrls(t)) {
        const answer = await t.get(url);
        const self = hrefOf(at(answer.body, 'links', 'self'));
        if (answer.status !== 200 || self === undefined) continue;
        const again = await t.get(resolve(self, url));
        const holds = same(at(answer.body, 'data'), at(again.body, 'data'));
        t.expect(
          holds && same(at(answer.body, 'included'), at(again.body, 'included')),
          `the data and included of ${url}`,
          again,
          '/data',
        );
      }
    }),
    watches(
      'DOC-11',
      'SHOULD',
      'Where an extension or profile was applied, self is a link object with the media type',
      ({ answer, document }, t) => {
        const type = answer.headers['content-type'];
        const applied = [...urisOf(type, 'ext'), ...urisOf(type, 'profile')];
        if (applied.length === 0 || at(document, 'links', 'self') === undefined) return;
        const named = at(document, 'links', 'self', 'type');
        const holds = typeof named === 'string' && applied.every((uri) => named.includes(uri));
        t.expect(holds, 'links.self.type with the whole media type', answer, '/links/self');
      },
    ),
    asks('DOC-12', 'MAY', 'The related link of linkage leads to the resources that it names', async (t) => {
      const tried = new Set<unknown>();
      for (const { seen, relationship } of (await t.world.crawl()).visits) {
        const related = hrefOf(at(seen.document, 'links', 'related'));
        if (!seen.isLinkage || related === undefined || relationship === undefined) continue;
        if (tried.has(relationship.name) || listOf(seen.document.data).length === 0) continue;
        // The related resources begin with their first page.
        if (hrefOf(at(seen.document, 'links', 'prev')) !== undefined) continue;
        tried.add(relationship.name);
        const answer = await t.get(resolve(related, seen.answer.sent.url));
        const [wanted, found] = [keysOf(listOf(seen.document.data)), keysOf(listOf(at(answer.body, 'data')))];
        t.expect(same(wanted.sort(), found.sort()), wanted.join(', '), answer, '/data');
      }
    }),
    asks('DOC-13', 'MAY', 'describedby leads to a description', async (t) => {
      const href = hrefOf(at(t.world.main.answer.body, 'links', 'describedby'));
      const url = resolve(t.need(href, 'the collection has no describedby link'), t.url);
      if (!t.world.client.reaches(url)) t.skip('the description is on another server');
      await t.status(t.ask(url, { headers: { accept: '*/*' }, isDocument: false }), 200);
    }),
    asks('DOC-14', 'MUST', 'Unknown members at the top level of a request are ignored', async (t) => {
      const made = t.need(t.world.made, 'no description of a writable type');
      await t.status(made.post({ ...made.document(), foo: 1 }), [200, 201, 202, 204]);
    }),
    watches(
      'DOC-15',
      'MUST',
      'Documents are JSON in UTF-8 without a byte order mark, and other JSON is refused with 400',
      ({ answer, root }, t) => {
        if (answer.bytes.length === 0 || !isJsonApi(answer.headers['content-type'])) return;
        const isUtf8 = Buffer.from(answer.text, 'utf8').equals(answer.bytes);
        t.expect(root !== undefined && isUtf8 && !answer.text.startsWith('\ufeff'), 'JSON in UTF-8', answer);
      },
      async (t) => {
        if (t.world.made !== undefined) await t.status(t.world.made.post('{"data":'), 400);
      },
    ),
    asks('DOC-16', 'OURS', 'A request without a usable top level is refused with 400', async (t) => {
      const made = t.need(t.world.made, 'no description of a writable type');
      for (const body of ['[]', '"x"', '{}']) await t.status(made.post(body), 400);
    }),
  ],
};

export const jsonapiChapter: Chapter = {
  id: 'JA',
  title: 'The jsonapi object',
  rules: [
    watches('JA-1', 'MUST', 'jsonapi is an object', each(jsonapi, isObject, 'an object')),
    watches(
      'JA-2',
      'NOT',
      'jsonapi has no members but those defined for it',
      each(
        jsonapi,
        (value, seen) => foreignMembers(value, ['version', 'ext', 'profile', 'meta'], seen).length === 0,
        'only version, ext, profile, meta',
      ),
    ),
    watches(
      'JA-3',
      'MAY',
      'version is the highest supported version as text',
      each(
        (seen) => jsonapi(seen).filter(({ value }) => at(value, 'version') !== undefined),
        (value) => /^\d+\.\d+$/.test(String(at(value, 'version'))) && typeof at(value, 'version') === 'string',
        'a version as text',
      ),
    ),
    watches('JA-4', 'MAY', 'ext and profile list the URIs that were applied', ({ answer, document }, t) => {
      for (const name of ['ext', 'profile'] as const) {
        const listed = at(document, 'jsonapi', name);
        if (listed === undefined) continue;
        const applied = urisOf(answer.headers['content-type'], name);
        t.expect(
          Array.isArray(listed) && same([...listed].sort(), [...applied].sort()),
          `the URIs of the Content-Type: ${applied.join(' ') || 'none'}`,
          answer,
          `/jsonapi/${name}`,
        );
      }
    }),
    watches(
      'JA-5',
      'MUST',
      'meta of jsonapi is an object',
      each((seen) => seen.metas.filter((part) => part.at === '/jsonapi/meta'), isObject, 'an object'),
    ),
  ],
};
