import type { Check } from '../core/check';
import { type Answer, withQuery } from '../core/client';
import { at, isObject, type Json, listOf, objectAt, same } from '../core/json';
import { asks, type Chapter } from '../core/rules';

interface Fields {
  readonly type: string;
  readonly attribute: string;
  readonly others: readonly string[];
  readonly relationships: readonly string[];
}

/** The type of the first collection with its fields, when the server takes `fields` at all. */
function fieldsOf(t: Check): Promise<Fields> {
  return t.world.once('fields', async () => {
    const { type, items } = t.world.main;
    const [attribute, ...others] = Object.keys(objectAt(items[0], 'attributes'));
    if (type === undefined || attribute === undefined) return t.skip('no collection has an item with attributes');
    const { status } = await t.get(withQuery(t.url, `fields[${type}]=${attribute}`));
    if (status !== 200) return t.skip(`the server takes no fields: ${status}`);
    return { type, attribute, others, relationships: Object.keys(objectAt(items[0], 'relationships')) };
  });
}

const resources = ({ body }: Answer, member: 'data' | 'included'): Json[] => listOf(at(body, member)).filter(isObject);
const namesOf = (resource: Json): string[] => [
  ...Object.keys(objectAt(resource, 'attributes')),
  ...Object.keys(objectAt(resource, 'relationships')),
];

/** Judges that resources have these fields and no others. */
function haveOnly(t: Check, answer: Answer, found: readonly Json[], wanted: readonly string[]): void {
  for (const resource of found)
    t.expect(
      same(namesOf(resource).sort(), [...wanted].sort()),
      `the fields ${wanted.join(', ') || 'none'}, not ${namesOf(resource).join(', ') || 'none'}`,
      answer,
    );
}

/** An include that brings something, with the type it brings and a field of that. */
async function included(t: Check): Promise<{ name: string; type: string; field: string }> {
  const { type: own } = await fieldsOf(t);
  for (const name of await t.world.includes()) {
    const answer = await t.get(withQuery(t.url, `include=${name}`));
    const resource = resources(answer, 'included').find(({ type }) => type !== own);
    const [field] = Object.keys(objectAt(resource, 'attributes'));
    if (resource !== undefined && field !== undefined) return { name, type: String(resource.type), field };
  }
  return t.skip('no include brings a resource of another type');
}

export const sparseChapter: Chapter = {
  id: 'SPF',
  title: 'Sparse fieldsets',
  rules: [
    asks('SPF-1', 'NOT', 'A resource has no fields but those named for its type', async (t) => {
      const { type, attribute } = await fieldsOf(t);
      const answer = await t.status(t.get(withQuery(t.url, `fields[${type}]=${attribute}`)), 200);
      haveOnly(t, answer, resources(answer, 'data'), [attribute]);
    }),
    asks('SPF-2', 'MUST', 'Fields are separated by commas and may be relationships', async (t) => {
      const { type, attribute, others, relationships } = await fieldsOf(t);
      const names = [attribute, ...others.slice(0, 1), ...relationships.slice(0, 1)];
      const answer = await t.status(t.get(withQuery(t.url, `fields[${type}]=${names.join(',')}`)), 200);
      haveOnly(t, answer, resources(answer, 'data'), names);
    }),
    asks('SPF-3', 'MUST', 'An empty value names no fields', async (t) => {
      const { type } = await fieldsOf(t);
      const answer = await t.status(t.get(withQuery(t.url, `fields[${type}]=`)), 200);
      haveOnly(t, answer, resources(answer, 'data'), []);
    }),
    asks('SPF-4', 'MUST', 'What is included is bound by the fields of its type', async (t) => {
      const { name, type, field } = await included(t);
      const answer = await t.status(t.get(withQuery(t.url, `include=${name}&fields[${type}]=${field}`)), 200);
      haveOnly(
        t,
        answer,
        resources(answer, 'included').filter((each) => each.type === type),
        [field],
      );
    }),
    asks('SPF-5', 'MUST', 'Types that are not named keep all their fields', async (t) => {
      const { name, type, field } = await included(t);
      const [whole, sparse] = [
        await t.get(withQuery(t.url, `include=${name}`)),
        await t.get(withQuery(t.url, `include=${name}&fields[${type}]=${field}`)),
      ];
      const names = (answer: Answer) => resources(answer, 'data').map((each) => namesOf(each).sort());
      t.expect(same(names(whole), names(sparse)), 'the primary data as without fields', sparse, '/data/0');
    }),
    asks('SPF-6', 'MUST', 'Leaving out the relationship does not leave out what it includes', async (t) => {
      const { name } = await included(t);
      const { type, attribute } = await fieldsOf(t);
      const whole = await t.get(withQuery(t.url, `include=${name}`));
      const answer = await t.status(t.get(withQuery(t.url, `include=${name}&fields[${type}]=${attribute}`)), 200);
      t.expect(
        resources(answer, 'included').length === resources(whole, 'included').length,
        `${resources(whole, 'included').length} included`,
        answer,
        '/included',
      );
    }),
    asks('SPF-7', 'OURS', 'Unknown types and fields are 400', async (t) => {
      const { type } = await fieldsOf(t);
      await t.status(t.get(withQuery(t.url, `fields[${type}]=noSuchField`)), 400);
      await t.status(t.get(withQuery(t.url, 'fields[noSuchType]=name')), 400);
    }),
    asks('SPF-8', 'OURS', 'type, id and links stay', async (t) => {
      const { type, attribute } = await fieldsOf(t);
      const whole = new Map(resources(await t.get(t.url), 'data').map((each) => [each.id, each.links]));
      const answer = await t.get(withQuery(t.url, `fields[${type}]=${attribute}`));
      for (const [i, { id, links }] of resources(answer, 'data').entries())
        t.expect(whole.has(id) && same(links, whole.get(id)), 'links as without fields', answer, `/data/${i}`);
    }),
    asks('SPF-9', 'MUST', 'The answer to a write is bound by fields too, or they are refused with 400', async (t) => {
      const made = t.need(t.world.made, 'no description of a writable type');
      const row = await made.row();
      const { attribute } = made.update;
      const answer = await t.ask(withQuery(row.url, `fields[${row.type}]=${attribute}`), {
        method: 'PATCH',
        body: made.change(row).document,
      });
      await t.status(answer, [200, 204, 400]);
      if (answer.status === 200) haveOnly(t, answer, resources(answer, 'data'), [attribute]);
    }),
  ],
};
