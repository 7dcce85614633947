import { randomUUID } from 'node:crypto';
import type { Check } from '../core/check';
import { resolve } from '../core/client';
import { at, listOf, objectAt, same } from '../core/json';
import type { Made } from '../core/made';
import { asks, type Chapter, isUnseen } from '../core/rules';
import { missingId } from '../core/world';

export const madeOf = (t: Check): Made => t.need(t.world.made, 'no description of a writable type');

/** The relationship that may be given on creation, with an id that nobody has. */
function missingReference(t: Check) {
  const { name, type } = t.need(madeOf(t).description.reference, 'the description has no reference');
  return { name, type, id: missingId(randomUUID()) };
}

/** The total of the collection as the server counts it: nothing was made when it stays. */
async function total(t: Check): Promise<unknown> {
  const { body } = await t.get(madeOf(t).collection);
  return at(body, 'meta', 'total') ?? at(body, 'meta', 'page', 'total') ?? listOf(at(body, 'data')).length;
}

export const creatingChapter: Chapter = {
  id: 'CRE',
  title: 'Creating resources',
  rules: [
    asks('CRE-1', 'MUST', 'POST of a resource object to a collection creates it', async (t) => {
      const made = madeOf(t);
      await t.status(made.post(made.document()), [201, 202, 204]);
    }),
    asks('CRE-2', 'MUST', 'data that is missing, null, an array or text is 400', async (t) => {
      const made = madeOf(t);
      for (const body of [{}, { data: null }, { data: [made.document().data] }, { data: 'x' }])
        await t.status(made.post(body), 400);
    }),
    asks('CRE-3', 'MUST', 'The answer is 201 with the resource where the server gave it an id', async (t) => {
      const made = madeOf(t);
      const answer = await t.status(made.post(made.document()), 201);
      t.expect(typeof at(answer.body, 'data', 'id') === 'string', 'the resource with its id', answer, '/data');
    }),
    asks('CRE-4', 'SHOULD', 'Location leads to the new resource', async (t) => {
      const made = madeOf(t);
      const answer = await made.post(made.document());
      const { location } = answer.headers;
      if (!t.expect(location !== undefined, 'Location', answer)) return;
      const found = await t.status(t.get(resolve(String(location), made.collection)), 200);
      t.expect(at(found.body, 'data', 'id') === at(answer.body, 'data', 'id'), 'the new resource', found, '/data');
    }),
    asks('CRE-5', 'MUST', 'Location is the self link of the resource', async (t) => {
      const made = madeOf(t);
      const answer = await made.post(made.document());
      const { location } = answer.headers;
      const self = at(answer.body, 'data', 'links', 'self');
      if (location === undefined || typeof self !== 'string') t.skip('Location or self is missing');
      t.expect(
        resolve(String(location), made.collection) === resolve(String(self), made.collection),
        `Location: ${self}`,
        answer,
      );
    }),
    isUnseen('CRE-6', 'MUST', 'What is accepted and not yet done is 202', 'nobody can tell what a server does later'),
    isUnseen('CRE-7', 'REC', '202 leads to a job that tells of the end', 'nobody can tell what a server does later'),
    asks('CRE-8', 'MUST', 'What was sent is what was created', async (t) => {
      const made = madeOf(t);
      const document = made.document();
      const answer = await t.status(made.post(document), [201, 204]);
      if (answer.status === 204) return;
      for (const [name, value] of Object.entries(objectAt(document.data, 'attributes')))
        t.expect(
          same(at(answer.body, 'data', 'attributes', name), value),
          `${name} as sent`,
          answer,
          `/data/attributes/${name}`,
        );
    }),
    asks('CRE-9', 'MUST', 'A client’s id is 403 where it is not taken', async (t) => {
      const made = madeOf(t);
      if (made.description.clientIds !== false) t.skip('the description does not say "clientIds": false');
      await t.status(made.post(made.document({ id: randomUUID() })), 403);
    }),
    asks('CRE-10', 'MUST', 'A client’s id is kept where it is taken', async (t) => {
      const made = madeOf(t);
      if (made.description.clientIds !== true) t.skip('the description does not say "clientIds": true');
      const id = randomUUID();
      const answer = await t.status(made.post(made.document({ id })), [201, 204]);
      if (answer.status === 201) t.expect(at(answer.body, 'data', 'id') === id, `the id ${id}`, answer, '/data');
    }),
    asks('CRE-11', 'MUST', 'A client’s id that exists is 409', async (t) => {
      const made = madeOf(t);
      if (made.description.clientIds !== true) t.skip('the description does not say "clientIds": true');
      const { id } = await made.row();
      await t.status(made.post(made.document({ id })), 409);
    }),
    asks('CRE-12', 'MUST', 'A type that is not of the collection is 409', async (t) => {
      const made = madeOf(t);
      await t.status(made.post(made.document({ type: 'no-such-type' })), 409);
    }),
    asks('CRE-13', 'MUST', 'A reference to a resource that does not exist is 404', async (t) => {
      const made = madeOf(t);
      const { name, type, id } = missingReference(t);
      await t.status(made.post(made.document({ relationships: { [name]: { data: { type, id } } } })), 404);
    }),
    asks('CRE-14', 'MUST', 'A relationship in a request has data', async (t) => {
      const made = madeOf(t);
      const { name } = missingReference(t);
      await t.status(made.post(made.document({ relationships: { [name]: {} } })), [400, 422]);
    }),
    asks('CRE-15', 'MUST', 'A request that fails creates nothing', async (t) => {
      const made = madeOf(t);
      const { name, type, id } = missingReference(t);
      const before = await total(t);
      await made.post(made.document({ relationships: { [name]: { data: { type, id } } } }));
      t.expect((await total(t)) === before, `a total of ${before} as before`);
    }),
    asks('CRE-16', 'MAY', 'POST to a collection that takes none is 403 or 405', async (t) => {
      // Without a description the run sends no POST at all.
      madeOf(t);
      for (const { url, type } of t.world.collections) {
        const { allow } = (await t.ask(url, { method: 'OPTIONS', isDocument: false })).headers;
        // Only where the server itself says so: anywhere else this might create something.
        if (allow === undefined || /\bPOST\b/.test(allow)) continue;
        await t.status(t.ask(url, { method: 'POST', body: { data: { type } } }), [403, 405]);
      }
    }),
    asks('CRE-17', 'SHOULD', '409 says what the conflict is about', async (t) => {
      const made = madeOf(t);
      const unique = t.need(made.description.unique, 'the description has no unique attribute');
      const { resource } = await made.row();
      const value = at(resource, 'attributes', unique);
      const answer = await t.status(
        made.post(made.document({ attributes: made.attributes({ [unique]: value }) })),
        409,
      );
      const pointers = listOf(at(answer.body, 'errors')).map((error) => at(error, 'source', 'pointer'));
      t.expect(pointers.includes(`/data/attributes/${unique}`), `a pointer to ${unique}`, answer, '/errors');
    }),
    asks('CRE-18', 'OURS', 'A value that is refused is 422 with a pointer to it', async (t) => {
      const made = madeOf(t);
      const { attribute, value } = t.need(made.description.invalid, 'the description has no invalid value');
      const answer = await t.status(
        made.post(made.document({ attributes: made.attributes({ [attribute]: value }) })),
        422,
      );
      t.expect(
        at(answer.body, 'errors', 0, 'source', 'pointer') === `/data/attributes/${attribute}`,
        `/data/attributes/${attribute}`,
        answer,
        '/errors/0',
      );
    }),
    asks('CRE-19', 'OURS', 'Linkage of the wrong form or type is 400, 409 or 422', async (t) => {
      const made = madeOf(t);
      const { name, type, id } = missingReference(t);
      for (const data of [[{ type, id }], { type: 'no-such-type', id }])
        await t.status(made.post(made.document({ relationships: { [name]: { data } } })), [400, 409, 422]);
    }),
    asks('CRE-20', 'OURS', 'The same Idempotency-Key gives the same answer and one resource', async (t) => {
      const made = madeOf(t);
      if (made.description.idempotencyKey !== true) t.skip('the description does not say "idempotencyKey": true');
      const headers = { 'idempotency-key': randomUUID() };
      const document = made.document();
      const [one, two] = [await made.post(document, headers), await made.post(document, headers)];
      t.expect(one.status === 201 && two.status === 201, '201 twice', two);
      t.expect(at(one.body, 'data', 'id') === at(two.body, 'data', 'id'), 'the first id again', two, '/data');
    }),
  ],
};
