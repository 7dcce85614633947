import { withQuery } from '../core/client';
import { at, isObject } from '../core/json';
import { foreignMembers } from '../core/members';
import { asks, type Chapter, each, watches } from '../core/rules';
import { hrefOf, type Seen } from '../core/seen';

const LINK = ['href', 'rel', 'describedby', 'title', 'type', 'hreflang', 'meta'];
/** No blanks, quotes or controls, and percent signs that begin an octet: what RFC 3986 leaves out, brackets aside. */
const REFERENCE = /^(?:[^\s"<>\\^`{|}%\p{Cc}]|%[0-9a-fA-F]{2})*$/u;
/** A registered relation is lower-case words; any other one is a URI (RFC 8288, 2.1). */
const RELATION = /^(?:[a-z][a-z0-9.-]*|[a-zA-Z][a-zA-Z0-9+.-]*:\S+)$/;
const LANGUAGE = /^[a-zA-Z]{2,8}(?:-[a-zA-Z0-9]{1,8})*$/;

const linkObjects = ({ links }: Seen) => links.filter(({ value }) => isObject(value));
/** Members of an error's links and of a resource's may be arrays nowhere either. */
const texts = (value: unknown): unknown[] => (Array.isArray(value) ? value : [value]);

export const linkChapter: Chapter = {
  id: 'LNK',
  title: 'Links',
  rules: [
    watches(
      'LNK-1',
      'MUST',
      'links is an object',
      each(({ linksObjects }) => linksObjects, isObject, 'an object'),
    ),
    watches(
      'LNK-2',
      'MUST',
      'A link is a URI reference, a link object or null',
      each(
        ({ links }) => links,
        (value) => value === null || REFERENCE.test(hrefOf(value) ?? ' ') || (isObject(value) && !('href' in value)),
        'a URI reference, a link object or null',
      ),
    ),
    watches(
      'LNK-3',
      'MUST',
      'A link object has a href',
      each(linkObjects, (value) => typeof at(value, 'href') === 'string', 'href as text'),
    ),
    watches(
      'LNK-4',
      'NOT',
      'A link object has no members but those defined for it',
      each(linkObjects, (value, seen) => foreignMembers(value, LINK, seen).length === 0, `only ${LINK.join(', ')}`),
    ),
    watches(
      'LNK-5',
      'MUST',
      'rel is a link relation, and hreflang one or more language tags',
      ({ links, answer }, t) => {
        for (const { value, at: place } of links) {
          const [rel, hreflang] = [at(value, 'rel'), at(value, 'hreflang')];
          if (rel !== undefined) t.expect(RELATION.test(String(rel)), 'a relation type', answer, `${place}/rel`);
          if (hreflang !== undefined)
            t.expect(
              texts(hreflang).every((each) => LANGUAGE.test(String(each))),
              'language tags',
              answer,
              `${place}/hreflang`,
            );
        }
      },
    ),
    asks('LNK-6', 'MUST', 'The self link of a resource gives that resource', async (t) => {
      for (const { name, owner, resource, seen } of (await t.world.crawl()).visits) {
        if (name !== 'self' || owner !== 'resource') continue;
        const { data } = seen.document;
        t.expect(
          at(data, 'type') === resource?.type && at(data, 'id') === resource?.id,
          `${resource?.type} ${resource?.id} as data`,
          seen.answer,
          '/data',
        );
      }
    }),
    asks('LNK-7', 'REC', 'Documents, resources and relationships have the recommended links', async (t) => {
      const { answer, items } = t.world.main;
      t.expect(hrefOf(at(answer.body, 'links', 'self')) !== undefined, 'a top-level self link', answer, '/links');
      if (items.length > 0)
        t.expect(hrefOf(at(items[0], 'links', 'self')) !== undefined, 'a self link', answer, '/data/0');
      for (const { name, self, related } of t.world.relations())
        t.expect(self !== undefined && related !== undefined, `self and related of ${name}`, answer);
    }),
    asks('LNK-8', 'REC', 'The self link of a resource is the same by whatever URL it comes', async (t) => {
      const known = new Map<string, string>();
      for (const { resources, answer } of (await t.world.crawl()).documents)
        for (const { value, at: place } of resources) {
          const self = hrefOf(at(value, 'links', 'self'));
          if (self === undefined) continue;
          const key = `${value.type} ${value.id}`;
          const path = URL.canParse(self) ? new URL(self).pathname : self.split('?')[0];
          if (!known.has(key)) known.set(key, String(path));
          else t.expect(known.get(key) === path, `${known.get(key)}`, answer, `${place}/links/self`);
        }
    }),
    asks('LNK-10', 'OURS', 'Page links are text or null', async (t) => {
      const answer = await t.get(withQuery(t.url, 'page[size]=1'));
      for (const name of ['first', 'last', 'prev', 'next']) {
        const link = at(answer.body, 'links', name);
        if (link !== undefined)
          t.expect(link === null || typeof link === 'string', 'text or null', answer, `/links/${name}`);
      }
    }),
  ],
};
