import { encode, withQuery } from '../core/client';
import { at, listOf, same } from '../core/json';
import { asks, type Chapter } from '../core/rules';

const FAMILIES = ['include', 'fields', 'sort', 'filter', 'page'];

const dataOf = (body: unknown): unknown => at(body, 'data');

/** What answers one of these statuses may do where the specification has no word: anything but failing. */
const UNFAILED = [200, 400];

export const queryChapter: Chapter = {
  id: 'QRY',
  title: 'Query parameters',
  rules: [
    asks('QRY-1', 'MUST', 'An unknown parameter of lower-case letters is 400', async (t) => {
      await t.status(t.get(withQuery(t.url, 'unknown=1')), 400);
      const item = await t.world.item();
      if (item !== undefined) await t.status(t.get(withQuery(item.sent.url, 'unknown=1')), 400);
    }),
    asks('QRY-2', 'MUST', 'A parameter of the specification that an endpoint cannot apply is 400', async (t) => {
      const { url } = t.need(await t.world.item(), 'no collection has an item').sent;
      for (const query of ['sort=id', 'page[size]=1', 'filter[id]=1'])
        await t.status(t.get(withQuery(url, query)), 400);
    }),
    asks('QRY-3', 'MUST', 'Parameters of the server’s own have a name with more than lower-case letters', async (t) => {
      for (const { url, from, at: place } of (await t.world.crawl()).visits)
        for (const name of new URL(url).searchParams.keys()) {
          const base = String(/^[^[]*/.exec(name)?.[0]);
          t.expect(FAMILIES.includes(base) || /[^a-z]/.test(base), `another name than ${name}`, from.answer, place);
        }
    }),
    asks('QRY-4', 'OURS', 'An unknown parameter with a capital is 400 too', (t) =>
      t.status(t.get(withQuery(t.url, 'unknownToAll=1')), 400),
    ),
    asks('QRY-5', 'MUST', 'Members of a family that are no member names are 400', async (t) => {
      for (const query of ['filter[-a]=1', 'page[_]=1', 'fields[]=x', 'filter[a-]=1'])
        await t.status(t.get(withQuery(t.url, query)), 400);
    }),
    asks('QRY-6', 'MUST', 'A plus is a space, and percent-encoding holds for names and values', async (t) => {
      const filters = await t.world.filters();
      const { name, value } = t.need(filters[0], 'no filter by an attribute is taken');
      const encoded = await t.get(withQuery(t.url, `filter%5B${encode(name)}%5D=${encode(value)}`));
      const raw = await t.get(withQuery(t.url, `filter[${name}]=${encode(value)}`));
      t.expect(same(dataOf(encoded.body), dataOf(raw.body)), 'the same as with plain brackets', encoded, '/data');
      const spaced = filters.find((each) => each.value.includes(' '));
      if (spaced === undefined) return;
      const query = (text: string) => withQuery(t.url, `filter[${spaced.name}]=${text}`);
      const blank = await t.get(query(encode(spaced.value)));
      const plus = await t.get(query(encode(spaced.value).replaceAll('%20', '+')));
      t.expect(same(dataOf(plus.body), dataOf(blank.body)), 'the same for + as for %20', plus, '/data');
    }),
    asks('QRY-7', 'MUST', 'Square brackets are the same plain and encoded', async (t) => {
      const { type } = t.world.main;
      const [attribute] = t.world.plainAttributes();
      const queries = ['page[size]=1', 'page[limit]=1', `fields[${type}]=${attribute}`];
      for (const query of queries) {
        const raw = await t.get(withQuery(t.url, query));
        const encoded = await t.get(withQuery(t.url, query.replace('[', '%5B').replace(']', '%5D')));
        t.expect(raw.status === encoded.status, `${raw.status} both ways`, encoded);
        t.expect(same(dataOf(raw.body), dataOf(encoded.body)), 'the same data both ways', encoded, '/data');
      }
    }),
    asks('QRY-8', 'OURS', 'The same parameter twice is 400', async (t) => {
      const [sort] = await t.world.sorts();
      await t.status(t.get(withQuery(t.url, `sort=${t.need(sort, 'no sort is taken')}&sort=${sort}`)), 400);
    }),
    asks('QRY-9', 'OURS', 'Names of what every object has do no harm', async (t) => {
      for (const query of ['filter[__proto__][x]=1', 'fields[constructor]=a', 'page[toString]=1'])
        await t.status(t.get(withQuery(t.url, query)), 400);
    }),
    asks('QRY-10', 'MUST', 'A parameter with a namespace is 400 without its extension', (t) =>
      t.status(t.get(withQuery(t.url, 'atomic:foo=1')), 400),
    ),
    asks('QRY-11', 'OURS', 'Empty names and values never fail', async (t) => {
      for (const query of ['', '&', '=1', 'include', 'page', 'fields', 'sort=', 'filter'])
        await t.status(t.get(withQuery(t.url, query)), UNFAILED);
    }),
    asks('QRY-12', 'MUST', 'The query of a write is judged too, and nothing is written', async (t) => {
      const made = t.need(t.world.made, 'no description of a writable type');
      await t.status(made.post(made.document(), {}, withQuery(made.collection, 'unknown=1')), 400);
    }),
  ],
};

export const filteringChapter: Chapter = {
  id: 'FLT',
  title: 'Filtering',
  rules: [
    asks('FLT-1', 'SHOULD', 'Filters are of the filter family', async (t) => {
      const [filter] = await t.world.filters();
      const { name, value } = t.need(filter, 'no filter by an attribute is taken');
      const answer = await t.get(withQuery(t.url, `filter[${name}]=${encode(value)}`));
      const items = listOf(dataOf(answer.body));
      t.expect(
        items.length > 0 && items.every((item) => String(at(item, 'attributes', name)) === value),
        `those whose ${name} is ${value}`,
        answer,
        '/data',
      );
    }),
    asks('FLT-2', 'REC', 'A relationship is filtered by its name, several ids separated by commas', async (t) => {
      for (const { name, object } of t.world.relations()) {
        const id = at(object, 'data', 'id');
        if (typeof id !== 'string') continue;
        const answer = await t.get(withQuery(t.url, `filter[${name}]=${encode(id)}`));
        if (answer.status !== 200) continue;
        const items = listOf(dataOf(answer.body));
        const holds = items.every((item) => at(item, 'relationships', name, 'data', 'id') === id);
        t.expect(holds, `those whose ${name} is ${id}`, answer, '/data');
        return;
      }
      t.skip('no filter by the name of a relationship is taken');
    }),
    asks('FLT-3', 'MUST', 'An unknown filter is 400', (t) =>
      t.status(t.get(withQuery(t.url, 'filter[noSuchField]=1')), 400),
    ),
    asks('FLT-6', 'OURS', 'Bracket arrays mean any of them', async (t) => {
      const [filter] = await t.world.filters();
      const { name } = t.need(filter, 'no filter by an attribute is taken');
      const values = t.world.main.items.slice(0, 2).map((item) => String(at(item, 'attributes', name)));
      const query = values.map((value) => `filter[${name}][]=${encode(value)}`).join('&');
      const answer = await t.status(t.get(withQuery(t.url, query)), 200);
      const found = new Set(listOf(dataOf(answer.body)).map((item) => String(at(item, 'attributes', name))));
      t.expect(values.every((value) => found.has(value)) && found.size <= 2, values.join(' and '), answer, '/data');
    }),
    asks('FLT-8', 'MUST', 'Filters whose names are no member names are 400', async (t) => {
      for (const query of ['filter[_]=1', 'filter[a..b]=1', 'filter[-]=1'])
        await t.status(t.get(withQuery(t.url, query)), 400);
    }),
  ],
};
