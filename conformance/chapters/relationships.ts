import type { Check } from '../core/check';
import { resolve, withQuery } from '../core/client';
import type { Visit } from '../core/crawl';
import { at, isObject, listOf, same } from '../core/json';
import { foreignMembers, hasOneOf, isIdentifier } from '../core/members';
import { asks, type Chapter, each, watches } from '../core/rules';
import { hrefOf } from '../core/seen';
import { replaceId } from '../core/world';

const PAGES = ['first', 'last', 'prev', 'next'];

const objects = (name: string) => (seen: { relationships: readonly { value: unknown; at: string }[] }) =>
  seen.relationships.filter(({ value }) => isObject(value) && name in value);

/** What visits of a kind of link gave. */
const visits = async (t: Check, name: string, owner: string): Promise<Visit[]> =>
  (await t.world.crawl()).visits.filter((visit) => visit.name === name && visit.owner === owner);

const identity = (value: unknown): string => `${at(value, 'type')} ${at(value, 'id')}`;
const identities = (data: unknown): string[] => listOf(data).map(identity).sort();

/** Whether a document holds all of its collection: only then can two be compared as sets. */
const isWhole = (document: unknown): boolean => hrefOf(at(document, 'links', 'next')) === undefined;

/** Whether linkage in a resource is the whole of it, and not its first page. */
const isWholeLinkage = (object: unknown): boolean => hrefOf(at(object, 'links', 'next')) === undefined;

export const relationshipChapter: Chapter = {
  id: 'REL',
  title: 'Relationship objects',
  rules: [
    watches('REL-1', 'MUST', 'relationships is an object of objects', ({ resources, relationships, answer }, t) => {
      for (const { value, at: place } of resources)
        if ('relationships' in value)
          t.expect(isObject(value.relationships), 'an object', answer, `${place}/relationships`);
      for (const { value, at: place } of relationships) t.expect(isObject(value), 'an object', answer, place);
    }),
    watches(
      'REL-2',
      'MUST',
      'A relationship has links, data or meta',
      each(
        ({ relationships }) => relationships,
        (value, seen) => isObject(value) && hasOneOf(value, ['links', 'data', 'meta'], seen),
        'links, data or meta',
      ),
    ),
    watches(
      'REL-3',
      'MUST',
      'Links of a relationship have self or related',
      each(
        objects('links'),
        (value, seen) => {
          const links = at(value, 'links');
          return isObject(links) && hasOneOf(links, ['self', 'related'], seen);
        },
        'a link self or related',
      ),
    ),
    watches(
      'REL-4',
      'NOT',
      'A relationship has no members but links, data and meta',
      each(
        ({ relationships }) => relationships,
        (value, seen) => foreignMembers(value, ['links', 'data', 'meta'], seen).length === 0,
        'only links, data, meta',
      ),
    ),
    watches(
      'REL-5',
      'MUST',
      'Linkage is null, an identifier, or an array of identifiers, and always of one kind for one relationship',
      (seen, t) => {
        const kinds = t.memory as Map<string, boolean>;
        for (const { value, at: place } of objects('data')(seen)) {
          const data = at(value, 'data');
          const form = data === null || isObject(data) || (Array.isArray(data) && data.every(isObject));
          const owner = seen.resources.findLast((resource) => place.startsWith(`${resource.at}/relationships/`));
          const key = `${owner?.value.type} ${place.slice(place.lastIndexOf('/'))}`;
          const known = kinds.get(key) ?? Array.isArray(data);
          kinds.set(key, known);
          t.expect(form && known === Array.isArray(data), 'linkage of one form', seen.answer, `${place}/data`);
        }
      },
    ),
    asks('REL-6', 'MUST', 'The related URL of an empty relationship gives 200 too', async (t) => {
      for (const { relationship, seen } of await visits(t, 'related', 'relationship')) {
        if (relationship === undefined || !('data' in relationship.object)) continue;
        if (listOf(relationship.object.data).length > 0) continue;
        t.expect(seen.answer.status === 200, '200 with null or []', seen.answer);
      }
    }),
    asks('REL-7', 'NOT', 'The related URL does not change with the content', async (t) => {
      const made = t.need(t.world.made, 'no description of a writable type');
      const { toOne, toMany } = made.description;
      const relationship = t.need(toOne ?? toMany, 'the description has no writable relationship');
      const url = relationship.on ?? (await made.row()).url;
      const before = at((await t.get(url)).body, 'data', 'relationships', relationship.name, 'links', 'related');
      t.need(before as string | undefined, 'the relationship has no related link');
      const self = hrefOf(at((await t.get(url)).body, 'data', 'relationships', relationship.name, 'links', 'self'));
      const target = resolve(t.need(self, 'the relationship has no self link'), url);
      const old = at((await t.get(target)).body, 'data');
      const data = toOne !== undefined ? toOne.target : toMany?.targets;
      const changed = await t.ask(target, { method: 'PATCH', body: { data } });
      if (changed.status >= 300) t.skip(`the relationship could not be changed: ${changed.status}`);
      const after = await t.get(url);
      const link = at(after.body, 'data', 'relationships', relationship.name, 'links', 'related');
      t.expect(same(before, link), `the related link as before: ${JSON.stringify(before)}`, after);
      await t.ask(target, { method: 'PATCH', body: { data: old ?? null } });
    }),
    asks(
      'REL-8',
      'MUST',
      'The self URL of a relationship gives its linkage, the related URL the same resources',
      async (t) => {
        const linkage = await visits(t, 'self', 'relationship');
        for (const { relationship, seen } of linkage) {
          if (seen.answer.status !== 200 || relationship === undefined) continue;
          const { object } = relationship;
          t.expect('data' in seen.document, 'linkage as data', seen.answer);
          if ('data' in object && isWhole(seen.document) && isWholeLinkage(object))
            t.expect(
              same(identities(seen.document.data), identities(object.data)),
              `the linkage ${JSON.stringify(object.data)}`,
              seen.answer,
              '/data',
            );
        }
        for (const { relationship, resource, seen } of await visits(t, 'related', 'relationship')) {
          if (seen.answer.status !== 200 || relationship === undefined || !isWhole(seen.document)) continue;
          const own = linkage.find(
            (each) => each.resource === resource && each.relationship?.name === relationship.name,
          );
          const data =
            'data' in relationship.object && isWholeLinkage(relationship.object) ? relationship.object.data : undefined;
          const wanted = data ?? (own !== undefined && isWhole(own.seen.document) ? own.seen.document.data : undefined);
          if (wanted === undefined) continue;
          t.expect(
            same(identities(seen.document.data), identities(wanted)),
            `the resources that the linkage names: ${identities(wanted).join(', ') || 'none'}`,
            seen.answer,
            '/data',
          );
        }
      },
    ),
    asks('REL-9', 'MAY', 'Page links in a relationship page its linkage', async (t) => {
      for (const name of PAGES)
        for (const { seen } of await visits(t, name, 'relationship')) {
          const isLinkage = listOf(seen.document.data).every((value) => isIdentifier(value, seen));
          t.expect(seen.answer.status === 200 && isLinkage, 'a page of identifiers', seen.answer, '/data');
        }
    }),
    asks('REL-10', 'MUST', 'Every link that is printed can be fetched', async (t) => {
      const { visits: all } = await t.world.crawl();
      for (const { seen, from, at: place } of all)
        t.expect(
          seen.answer.status === 200,
          `200, as GET ${from.answer.sent.url} prints the link at ${place}`,
          seen.answer,
        );
    }),
  ],
};

export const fetchingRelationshipsChapter: Chapter = {
  id: 'FRL',
  title: 'Fetching relationships',
  rules: [
    asks('FRL-1', 'MUST', 'The self URL of a relationship can be fetched', async (t) => {
      for (const { seen } of await visits(t, 'self', 'relationship'))
        t.expect(seen.answer.status === 200, '200', seen.answer);
    }),
    asks('FRL-2', 'MUST', 'Linkage is the primary data there', async (t) => {
      for (const { seen } of await visits(t, 'self', 'relationship')) {
        if (seen.answer.status !== 200) continue;
        const data = listOf(seen.document.data);
        const areIdentifiers = data.every((value) => isIdentifier(value, seen));
        t.expect('data' in seen.document && areIdentifiers, 'identifiers as data', seen.answer, '/data');
      }
    }),
    asks('FRL-3', 'MUST', 'An empty to-one relationship is 200 with null', async (t) => {
      for (const { seen, relationship } of await visits(t, 'self', 'relationship'))
        if (relationship?.object.data === null)
          t.expect(
            seen.answer.status === 200 && seen.document.data === null,
            '200 with data null',
            seen.answer,
            '/data',
          );
    }),
    asks('FRL-4', 'MUST', 'An empty to-many relationship is 200 with an empty array', async (t) => {
      const empty = new Set<string>();
      for (const { resource, relationship, seen } of await visits(t, 'related', 'relationship'))
        if (same(seen.document.data, [])) empty.add(`${identity(resource)} ${relationship?.name}`);
      for (const { resource, relationship, seen } of await visits(t, 'self', 'relationship'))
        if (empty.has(`${identity(resource)} ${relationship?.name}`))
          t.expect(
            seen.answer.status === 200 && same(seen.document.data, []),
            '200 with data []',
            seen.answer,
            '/data',
          );
    }),
    asks(
      'FRL-5',
      'MUST',
      'The relationship of a missing resource, and a relationship that is none, is 404',
      async (t) => {
        const relation = t.world.relations().find(({ self }) => self !== undefined);
        const { self = '', item, itemUrl } = t.need(relation, 'no relationship has a self link');
        const missing = replaceId(self, item);
        if (missing !== undefined) await t.status(t.get(missing), 404);
        if (/\/relationships\/[^/?]+$/.test(self))
          await t.status(
            t.get(self.replace(/[^/]+$/, 'no-such-relationship')),
            404,
            `${itemUrl} has no such relationship`,
          );
      },
    ),
    asks('FRL-6', 'MAY', 'Linkage has a self link that is its URL', async (t) => {
      for (const { seen, url } of await visits(t, 'self', 'relationship')) {
        const self = hrefOf(at(seen.document, 'links', 'self'));
        if (self !== undefined)
          t.expect(resolve(self, url).split('?')[0] === url.split('?')[0], url, seen.answer, '/links');
      }
    }),
    asks('FRL-7', 'MAY', 'An include at a relationship URL starts with the relationship', async (t) => {
      for (const { seen, relationship, url } of (await visits(t, 'self', 'relationship')).slice(0, 20)) {
        if (relationship === undefined || listOf(seen.document.data).length === 0) continue;
        const answer = await t.get(withQuery(url, `include=${relationship.name}`));
        if (answer.status !== 200) continue;
        t.expect(
          same(identities(at(answer.body, 'included')), identities(at(answer.body, 'data'))),
          'the linked resources as included',
          answer,
          '/included',
        );
      }
    }),
    asks('FRL-8', 'OURS', 'Linkage is paginated as a collection is', async (t) => {
      for (const { seen, url } of await visits(t, 'self', 'relationship')) {
        if (listOf(seen.document.data).length < 2) continue;
        const answer = await t.status(t.get(withQuery(url, 'page[size]=1')), 200);
        t.expect(listOf(at(answer.body, 'data')).length === 1, 'one identifier', answer, '/data');
        t.expect(hrefOf(at(answer.body, 'links', 'next')) !== undefined, 'a next link', answer, '/links');
        return;
      }
    }),
  ],
};
