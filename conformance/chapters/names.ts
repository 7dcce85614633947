import { withQuery } from '../core/client';
import { at, isObject, objectAt } from '../core/json';
import { bareName, NAME } from '../core/members';
import { asks, type Chapter, each, watches } from '../core/rules';

const EDGE = /[-_ ]/;
/** What may stand in no member name at all. */
const RESERVED = /[+,.[\]{}()!"#$%&'*/:;<=>?@\\^`~|\u007f]|[^\P{Cc}\u0080-\u009f]/u;

export const metaChapter: Chapter = {
  id: 'MET',
  title: 'Meta information',
  rules: [
    watches(
      'MET-1',
      'MUST',
      'meta is an object',
      each(({ metas }) => metas, isObject, 'an object'),
    ),
  ],
};

const names = each.bind(null, ({ names }) => names) as (
  holds: (name: unknown) => boolean,
  wanted: string,
) => ReturnType<typeof each>;

export const memberChapter: Chapter = {
  id: 'MEM',
  title: 'Member names',
  rules: [
    watches(
      'MEM-1',
      'MUST',
      'A name has a character at least',
      names((name) => bareName(String(name)) !== '', 'a name'),
    ),
    watches(
      'MEM-2',
      'MUST',
      'Names are letters, digits and what lies from U+0080 on, with hyphen, underscore and blank inside',
      // What rule 3 is about is not judged a second time.
      names(
        (name) => NAME.test(`a${bareName(String(name))}a`) || RESERVED.test(bareName(String(name))),
        'only allowed characters',
      ),
    ),
    watches(
      'MEM-3',
      'MUST',
      'Names do not begin or end with hyphen, underscore or blank',
      names((name) => {
        const bare = bareName(String(name));
        return !EDGE.test(bare.slice(0, 1)) && !EDGE.test(bare.slice(-1));
      }, 'a letter or digit first and last'),
    ),
    watches(
      'MEM-4',
      'NOT',
      'Names have no reserved characters',
      names((name) => !RESERVED.test(bareName(String(name))), 'no reserved character'),
    ),
    asks('MEM-5', 'MUST', 'Names are told apart by case', async (t) => {
      const [sort] = await t.world.sorts();
      const { type } = t.world.main;
      if (sort === undefined && type === undefined) t.skip('the collection shows no name to try');
      const other = (name: string) => name.slice(0, -1) + (/[a-z]$/.test(name) ? name.slice(-1).toUpperCase() : '');
      const attributes = Object.keys(objectAt(t.world.main.items[0], 'attributes'));
      if (sort !== undefined && other(sort).length === sort.length && !attributes.includes(other(sort)))
        await t.status(t.get(withQuery(t.url, `sort=${other(sort)}`)), 400, `${other(sort)} is not ${sort}`);
    }),
    asks('MEM-6', 'MUST', 'Members with an @ in a request are ignored', async (t) => {
      const made = t.need(t.world.made, 'no description of a writable type');
      const answer = await made.post(made.document({ attributes: made.attributes({ '@context': 'x' }) }));
      await t.status(answer, [201, 204]);
      t.expect(at(answer.body, 'data', 'attributes', '@context') === undefined, 'no @context stored', answer, '/data');
    }),
    watches('MEM-7', 'MUST', 'Names with a namespace stand only where an extension was applied', (seen, t) => {
      const chosen = [...Object.keys(seen.document), ...seen.names.map(({ value }) => value)];
      for (const name of chosen.filter((each) => each.includes(':')))
        t.expect(seen.extensions.length > 0, `no ${name} without an extension`, seen.answer);
      if (chosen.length > 0 && seen.extensions.length === 0)
        t.expect(!chosen.some((name) => name.includes(':')), 'no namespace', seen.answer);
    }),
    watches(
      'MEM-8',
      'REC',
      'Names are camelCase of ASCII letters and digits',
      each(
        ({ names: all }) => all.filter(({ at: place }) => /\/(?:attributes|relationships)\/[^/]+$|\/type$/.test(place)),
        (name) => /^[a-z](?:[a-zA-Z0-9]*[a-zA-Z0-9])?$/.test(String(name)),
        'a camelCase name',
      ),
    ),
  ],
};
