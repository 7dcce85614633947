import type { Check } from '../core/check';
import { type Answer, withQuery } from '../core/client';
import { at, listOf, objectAt, same } from '../core/json';
import { asks, type Chapter } from '../core/rules';
import { keyOf, keysOf } from '../core/walk';

const included = ({ body }: Answer): string[] => keysOf(listOf(at(body, 'included')));

/** Names that the first collection includes, or the end of the check. */
async function includes(t: Check): Promise<[string, ...string[]]> {
  const [first, ...others] = await t.world.includes();
  return [t.need(first, 'the server takes no include'), ...others];
}

const include = (t: Check, paths: string): Promise<Answer> => t.get(withQuery(t.url, `include=${paths}`));

export const inclusionChapter: Chapter = {
  id: 'INC',
  title: 'Inclusion of related resources',
  rules: [
    asks('INC-1', 'MUST', 'An endpoint that includes nothing refuses include with 400', async (t) => {
      const names = Object.keys(objectAt(t.world.main.items[0], 'relationships'));
      if ((await t.world.includes()).length > 0) t.skip('the collection takes include');
      for (const name of [...names.slice(0, 3), 'anything']) await t.status(include(t, name), 400);
    }),
    asks('INC-2', 'MUST', 'An answer to include has included, if empty', async (t) => {
      for (const name of await includes(t)) {
        const answer = await include(t, name);
        t.expect(Array.isArray(at(answer.body, 'included')), 'included', answer);
        const isEmpty = (item: unknown) => same(at(item, 'relationships', name, 'data'), null);
        const lonely = t.world.main.items.find(isEmpty);
        if (lonely === undefined) continue;
        const alone = await t.get(withQuery(t.world.itemUrl(t.world.main, lonely), `include=${name}`));
        t.expect(same(at(alone.body, 'included'), []), 'included: []', alone);
      }
    }),
    asks('INC-3', 'NOT', 'Nothing is included that was not asked for', async (t) => {
      for (const name of await includes(t)) {
        const answer = await include(t, name);
        const linked = new Set(
          listOf(at(answer.body, 'data')).flatMap((item) => keysOf(listOf(at(item, 'relationships', name, 'data')))),
        );
        t.expect(
          included(answer).every((key) => linked.has(key)),
          `only what ${name} links`,
          answer,
          '/included',
        );
      }
    }),
    asks('INC-4', 'MUST', 'Paths are separated by commas, their steps by dots', async (t) => {
      const [first, second] = await includes(t);
      if (second !== undefined) {
        const [one, two, both] = [
          await include(t, first),
          await include(t, second),
          await include(t, `${first},${second}`),
        ];
        await t.status(both, 200);
        const wanted = new Set([...included(one), ...included(two)]);
        t.expect(same([...new Set(included(both))].sort(), [...wanted].sort()), 'both included', both, '/included');
      }
      const [dotted] = await t.world.dottedIncludes();
      if (dotted !== undefined) await t.status(include(t, dotted.join('.')), 200);
    }),
    asks('INC-5', 'MUST', 'An empty include includes nothing', async (t) => {
      await includes(t);
      const answer = await t.status(include(t, ''), 200);
      t.expect(same(at(answer.body, 'included'), []), 'included: []', answer);
    }),
    asks('INC-6', 'MUST', 'A path that cannot be included is 400', async (t) => {
      const [first] = await t.world.includes();
      await t.status(include(t, 'no-such-relationship'), 400);
      if (first !== undefined) await t.status(include(t, `${first}.no-such-relationship`), 400);
    }),
    asks('INC-7', 'NOT', 'Steps of one path do not apply to another', async (t) => {
      const names = await includes(t);
      const dotted = t.need((await t.world.dottedIncludes())[0], 'no dotted include is taken');
      const alone = await include(t, dotted.join('.'));
      for (const name of names.filter((each) => each !== dotted[0])) {
        const [other, both] = [await include(t, name), await include(t, `${dotted.join('.')},${name}`)];
        if (both.status !== 200) continue;
        const allowed = new Set([...included(alone), ...included(other)]);
        t.expect(
          included(both).every((key) => allowed.has(key)),
          `what ${dotted.join('.')} and ${name} include each by itself`,
          both,
          '/included',
        );
      }
    }),
    asks('INC-8', 'OURS', 'A path and its beginning are taken together', async (t) => {
      const [dotted] = await t.world.dottedIncludes();
      const [first] = await includes(t);
      await t.status(include(t, dotted === undefined ? `${first},${first}` : `${dotted[0]},${dotted.join('.')}`), 200);
    }),
    asks('INC-9', 'OURS', 'A path of unreasonable depth is 400', async (t) => {
      const [first] = await includes(t);
      await t.status(include(t, Array(40).fill(first).join('.')), 400);
    }),
    asks('INC-10', 'MUST', 'A write with include is answered with included, or refused with 400', async (t) => {
      const [first] = await includes(t);
      const made = t.need(t.world.made, 'no description of a writable type');
      const answer = await made.post(made.document(), {}, withQuery(made.collection, `include=${first}`));
      await t.status(answer, [201, 400]);
      if (answer.status === 201) t.expect(Array.isArray(at(answer.body, 'included')), 'included', answer);
    }),
    asks(
      'INC-11',
      'OURS',
      'An item, a related collection and linkage take include as the collection does',
      async (t) => {
        const [first] = await includes(t);
        const item = t.need(await t.world.item(), 'no collection has an item');
        const answer = await t.status(t.get(withQuery(item.sent.url, `include=${first}`)), 200);
        const linked = listOf(at(answer.body, 'data', 'relationships', first, 'data')).map(keyOf);
        t.expect(same(included(answer).sort(), linked.sort()), 'what it links', answer, '/included');
      },
    ),
  ],
};
