import { encode } from '../core/client';
import { at, isObject, listOf, same } from '../core/json';
import { isJsonApi } from '../core/mediaType';
import { asks, type Chapter } from '../core/rules';
import { pathOf, replaceId } from '../core/world';

export const fetchingChapter: Chapter = {
  id: 'FET',
  title: 'Fetching resources',
  rules: [
    asks('FET-1', 'MUST', 'Self links and related links can be fetched', async (t) => {
      for (const { name, owner, seen } of (await t.world.crawl()).visits)
        if (name === 'self' ? owner !== 'relationship' : name === 'related')
          t.expect(seen.answer.status === 200, '200', seen.answer);
    }),
    asks('FET-2', 'MUST', 'What can be fetched is answered with 200', async (t) => {
      for (const { url } of t.world.collections) await t.status(t.get(url), 200);
      const item = await t.world.item();
      if (item !== undefined) await t.status(item, 200);
    }),
    asks('FET-3', 'MUST', 'A collection is an array of resource objects', async (t) => {
      for (const { answer } of t.world.collections)
        t.expect(listOf(at(answer.body, 'data')).every(isObject), 'resource objects', answer, '/data');
      for (const { name, relationship, seen } of (await t.world.crawl()).visits)
        if (name === 'related' && Array.isArray(relationship?.object.data) && seen.answer.status === 200)
          t.expect(Array.isArray(seen.document.data), 'an array', seen.answer, '/data');
    }),
    asks('FET-4', 'MUST', 'A single resource is a resource object or null', async (t) => {
      for (const { name, relationship, seen } of (await t.world.crawl()).visits)
        if (name === 'related' && isObject(relationship?.object.data) && seen.answer.status === 200)
          t.expect(isObject(seen.document.data), 'a resource object', seen.answer, '/data');
      const item = await t.world.item();
      if (item?.status === 200) t.expect(isObject(at(item.body, 'data')), 'a resource object', item, '/data');
    }),
    asks('FET-5', 'MUST', 'The related URL of an empty to-one relationship is 200 with null', async (t) => {
      for (const { name, relationship, seen } of (await t.world.crawl()).visits)
        if (name === 'related' && relationship?.object.data === null)
          t.expect(seen.answer.status === 200 && seen.document.data === null, '200 with null', seen.answer, '/data');
    }),
    asks('FET-6', 'MUST', 'A resource that does not exist is 404', async (t) => {
      await t.status(t.get(t.need(t.world.missingUrl(), 'no collection has an item')), 404);
    }),
    asks('FET-7', 'OURS', 'An id of another form is 404', (t) => t.status(t.get(`${pathOf(t.url)}/no-such-id`), 404)),
    asks('FET-8', 'MUST', 'What is related to a resource that does not exist is 404', async (t) => {
      const relation = t.world.relations().find(({ related, item }) => hasIdInPath(related, String(item.id)));
      const { related = '', item } = t.need(relation, 'no related link has the id in its path');
      await t.status(t.get(replaceId(related, item) ?? related), 404);
    }),
    asks('FET-9', 'MUST', 'A relationship that a resource does not have is 404', async (t) => {
      const relation = t.world
        .relations()
        .find(({ related, name, itemUrl }) => related === `${pathOf(itemUrl)}/${name}`);
      const { itemUrl } = t.need(relation, 'no related link is the recommended one');
      await t.status(t.get(`${pathOf(itemUrl)}/no-such-relationship`), 404);
    }),
    asks('FET-11', 'HTTP', 'HEAD is GET without the body', async (t) => {
      for (const url of [t.url, t.world.missingUrl()]) {
        if (url === undefined) continue;
        const [get, head] = [await t.get(url), await t.ask(url, { method: 'HEAD' })];
        t.expect(head.status === get.status, `${get.status} as for GET`, head);
        t.expect(head.bytes.length === 0, 'no body', head);
        for (const name of ['content-type', 'etag'])
          t.expect(head.headers[name] === get.headers[name], `${name}: ${get.headers[name]}`, head);
      }
    }),
    asks('FET-12', 'HTTP', 'A method that is not offered is 405 with Allow', async (t) => {
      // PUT of a whole collection is what nobody can offer.
      const answer = await t.status(t.ask(t.url, { method: 'PUT' }), [405, 501]);
      if (answer.status === 405) t.expect(answer.headers.allow !== undefined, 'Allow', answer);
    }),
    asks('FET-13', 'REC', 'OPTIONS tells the methods', async (t) => {
      const answer = await t.ask(t.url, { method: 'OPTIONS', isDocument: false });
      t.expect((answer.headers.allow ?? '').includes('GET'), 'Allow with GET', answer);
    }),
    asks('FET-14', 'HTTP', 'A GET with the known ETag is 304 without a body', async (t) => {
      const item = t.need(await t.world.item(), 'no collection has an item');
      const { etag } = item.headers;
      if (etag === undefined) t.skip('answers have no ETag');
      const answer = await t.status(t.get(item.sent.url, { 'if-none-match': etag }), 304);
      t.expect(answer.bytes.length === 0, 'no body', answer);
      t.expect(answer.headers.etag === etag, `ETag: ${etag}`, answer);
      t.expect(same(answer.headers.vary, item.headers.vary), `Vary: ${item.headers.vary}`, answer);
    }),
    asks('FET-15', 'OURS', 'An unknown path is 404 with a JSON:API document', async (t) => {
      const answer = await t.status(t.get(`${pathOf(t.url)}-no-such-type`), 404);
      t.expect(isJsonApi(answer.headers['content-type']), 'a JSON:API document', answer);
    }),
  ],
};

const hasIdInPath = (url: string | undefined, id: string): boolean =>
  url !== undefined && URL.canParse(url) && new URL(url).pathname.includes(`/${encode(id)}/`);
