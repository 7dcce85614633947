import type { Check } from '../core/check';
import { type Answer, resolve } from '../core/client';
import { at, isObject, type Json, listOf, objectAt, pointsSomewhere, same } from '../core/json';
import { ATOMIC, ATOMIC_URI, urisOf } from '../core/mediaType';
import { asks, type Chapter, watches } from '../core/rules';
import { missingId } from '../core/world';
import { madeOf } from './creating';
import { ownerOf } from './updating';

const HEADERS = { 'content-type': ATOMIC, accept: ATOMIC };

function post(t: Check, body: unknown): Promise<Answer> {
  const url = t.need(t.world.operations, 'no URL of atomic operations is given');
  return t.ask(url, { method: 'POST', body, headers: HEADERS });
}

const operate = (t: Check, ...operations: Json[]): Promise<Answer> => post(t, { 'atomic:operations': operations });

const add = (t: Check, more: Json = {}): Json => ({ op: 'add', data: madeOf(t).document(more).data });

/** An update of a resource that is given by type and id, with what it sets. */
function update(t: Check, target: { type: string; id: string }): { operation: Json; value: unknown } {
  const { document, value } = madeOf(t).change({ ...target, url: '', resource: {} });
  return { operation: { op: 'update', data: document.data }, value };
}

const resultsOf = ({ body }: Answer): unknown[] => listOf(at(body, 'atomic:results'));

/** Judges a refusal with 400 that points into the request. */
function isRefused(t: Check, answer: Answer, pointers: readonly string[]): void {
  t.expect(answer.status === 400, '400', answer);
  const given = listOf(at(answer.body, 'errors')).map((error) => at(error, 'source', 'pointer'));
  t.expect(
    given.some((each) => pointers.includes(String(each))),
    `a pointer to ${pointers.join(' or ')}`,
    answer,
    '/errors',
  );
}

/** The writable to-many relationship as an operation names it. */
async function toManyOf(t: Check) {
  const toMany = t.need(madeOf(t).description.toMany, 'the description has no to-many relationship');
  const owner = await ownerOf(t, toMany.on);
  const linkage = async () => {
    const { body } = await t.get(`${owner.url}/relationships/${toMany.name}`);
    return listOf(at(body, 'data'))
      .map((each) => at(each, 'id'))
      .sort();
  };
  const ref = { type: owner.type, id: owner.id, relationship: toMany.name };
  const { body } = await t.get(`${owner.url}/relationships/${toMany.name}`);
  return { ref, linkage, old: at(body, 'data'), targets: toMany.targets };
}

export const atomicChapter: Chapter = {
  id: 'ATO',
  title: 'Atomic operations',
  rules: [
    asks('ATO-1', 'MUST', 'Operations are sent with POST alone', async (t) => {
      const url = t.need(t.world.operations, 'no URL of atomic operations is given');
      for (const method of ['GET', 'PATCH', 'PUT', 'DELETE']) await t.status(t.ask(url, { method }), [405, 501]);
    }),
    asks('ATO-2', 'MUST', 'The answer names the extension', async (t) => {
      const answer = await t.status(operate(t, add(t)), 200);
      t.expect(urisOf(answer.headers['content-type'], 'ext').includes(ATOMIC_URI), 'ext in Content-Type', answer);
    }),
    asks('ATO-3', 'OURS', 'Operations without the extension in Content-Type are 415', async (t) => {
      const url = t.need(t.world.operations, 'no URL of atomic operations is given');
      await t.status(t.ask(url, { method: 'POST', body: { 'atomic:operations': [add(t)] } }), 415);
    }),
    asks('ATO-4', 'OURS', 'Any Accept that takes JSON:API will do', async (t) => {
      const url = t.need(t.world.operations, 'no URL of atomic operations is given');
      for (const accept of ['*/*', undefined]) {
        const body = { 'atomic:operations': [add(t)] };
        await t.status(t.ask(url, { method: 'POST', body, headers: { ...HEADERS, accept } }), 200);
      }
    }),
    watches('ATO-5', 'NOT', 'A document with the extension has no data and no included', (seen, t) => {
      const { document, answer } = seen;
      if (!('atomic:results' in document || 'atomic:operations' in document)) return;
      t.expect(!('data' in document || 'included' in document), 'neither data nor included', answer);
    }),
    watches('ATO-6', 'NOT', 'Results do not stand beside operations or errors', ({ document, answer }, t) => {
      if ('atomic:results' in document)
        t.expect(!('errors' in document || 'atomic:operations' in document), 'results alone', answer);
    }),
    asks('ATO-7', 'MUST', 'operations is an array with something in it', async (t) => {
      for (const body of [{ 'atomic:operations': [] }, { 'atomic:operations': {} }, {}])
        isRefused(t, await post(t, body), ['/atomic:operations', '']);
    }),
    asks('ATO-8', 'MUST', 'op is add, update or remove', async (t) => {
      const { op: _op, ...none } = add(t);
      const places = ['/atomic:operations/0/op', '/atomic:operations/0'];
      isRefused(t, await operate(t, { ...add(t), op: 'replace' }), places);
      isRefused(t, await operate(t, none), places);
    }),
    asks('ATO-9', 'MUST', 'ref and href exclude each other', async (t) => {
      const { type, id, url } = await madeOf(t).row();
      const answer = await operate(t, { op: 'remove', ref: { type, id }, href: new URL(url).pathname });
      await t.status(answer, 400);
    }),
    asks('ATO-10', 'MUST', 'ref is a type and an id or lid', async (t) => {
      const { type, id } = await madeOf(t).row();
      for (const ref of [{ type }, { id }, { type, id, lid: 'x' }, 'x'])
        await t.status(operate(t, { op: 'remove', ref }), 400);
    }),
    asks('ATO-11', 'MAY', 'href names the target', async (t) => {
      const { url } = await madeOf(t).deletable();
      await t.status(operate(t, { op: 'remove', href: new URL(url).pathname }), [200, 204]);
      await t.status(t.get(url), [404, 410]);
    }),
    asks('ATO-12', 'MUST', 'Operations are carried out in their order', async (t) => {
      const row = await madeOf(t).row();
      const [one, two] = [update(t, row), update(t, row)];
      await t.status(operate(t, one.operation, two.operation), [200, 204]);
      const { attribute } = madeOf(t).update;
      const after = await t.get(row.url);
      t.expect(same(at(after.body, 'data', 'attributes', attribute), two.value), `${two.value}`, after, '/data');
    }),
    asks('ATO-13', 'MUST', 'All are carried out or none', async (t) => {
      const row = await madeOf(t).row();
      const before = await t.get(row.url);
      const missing = { op: 'remove', ref: { type: row.type, id: missingId(row.id) } };
      const answer = await operate(t, update(t, row).operation, missing);
      t.expect(answer.status >= 400, 'a refusal', answer);
      const after = await t.get(row.url);
      t.expect(same(at(before.body, 'data'), at(after.body, 'data')), 'the resource as before', after, '/data');
    }),
    asks('ATO-14', 'MUST', 'There is one result for each operation, in their order', async (t) => {
      const row = await madeOf(t).row();
      const answer = await t.status(operate(t, update(t, row).operation, add(t), add(t)), 200);
      t.expect(resultsOf(answer).length === 3, 'three results', answer, '/atomic:results');
      const [first, ...others] = resultsOf(answer).map((result) => at(result, 'data', 'id'));
      t.expect(first === undefined || first === row.id, `${row.id} as the first`, answer);
      t.expect(!others.includes(row.id), 'the new resources as the others', answer);
    }),
    asks('ATO-15', 'MAY', 'Operations without data to answer are 204, or 200 with empty results', async (t) => {
      const { type, id } = await madeOf(t).deletable();
      const answer = await t.status(operate(t, { op: 'remove', ref: { type, id } }), [200, 204]);
      if (answer.status === 204) t.expect(answer.bytes.length === 0, 'no body', answer);
      else t.expect(resultsOf(answer).length === 1, 'one result', answer);
    }),
    asks('ATO-16', 'MUST', 'add of a resource needs data with a type, and gives the resource', async (t) => {
      const answer = await t.status(operate(t, add(t)), 200);
      t.expect(typeof at(resultsOf(answer)[0], 'data', 'id') === 'string', 'the resource', answer, '/atomic:results');
      await t.status(operate(t, add(t, { type: undefined })), 400);
    }),
    asks('ATO-17', 'MUST', 'update changes the resource that data or ref names', async (t) => {
      const row = await madeOf(t).row();
      const { attribute } = madeOf(t).update;
      const byData = update(t, row);
      await t.status(operate(t, byData.operation), [200, 204]);
      const once = await t.get(row.url);
      t.expect(same(at(once.body, 'data', 'attributes', attribute), byData.value), `${byData.value}`, once);
      const byRef = update(t, row);
      await t.status(operate(t, { ...byRef.operation, ref: { type: row.type, id: row.id } }), [200, 204]);
      const twice = await t.get(row.url);
      t.expect(same(at(twice.body, 'data', 'attributes', attribute), byRef.value), `${byRef.value}`, twice);
    }),
    asks('ATO-18', 'MUST', 'remove needs a target, and its result has no data', async (t) => {
      const { type, id, url } = await madeOf(t).deletable();
      const answer = await t.status(operate(t, { op: 'remove', ref: { type, id } }), [200, 204]);
      t.expect(at(resultsOf(answer)[0], 'data') == null, 'no data', answer);
      await t.status(t.get(url), [404, 410]);
      await t.status(operate(t, { op: 'remove' }), 400);
    }),
    asks('ATO-19', 'MUST', 'update of a to-one relationship takes an identifier or null', async (t) => {
      const toOne = t.need(madeOf(t).description.toOne, 'the description has no to-one relationship');
      const { type, id, url } = await ownerOf(t, toOne.on);
      const ref = { type, id, relationship: toOne.name };
      const linkage = async () => at((await t.get(`${url}/relationships/${toOne.name}`)).body, 'data');
      const old = await linkage();
      const answer = await t.status(operate(t, { op: 'update', ref, data: toOne.target }), [200, 204]);
      t.expect(at(await linkage(), 'id') === toOne.target.id, toOne.target.id, answer);
      if (toOne.nullable === true) await t.status(operate(t, { op: 'update', ref, data: null }), [200, 204]);
      if (toOne.on !== undefined) await operate(t, { op: 'update', ref, data: old ?? null });
    }),
    asks('ATO-20', 'MUST', 'add, update and remove of a to-many relationship add, replace and remove', async (t) => {
      const { ref, linkage, old, targets } = await toManyOf(t);
      const [one, two] = targets;
      const steps: [string, unknown[], string[]][] = [
        ['update', [one], [one.id]],
        ['add', [two], [one.id, two.id]],
        ['remove', [one], [two.id]],
      ];
      for (const [op, data, wanted] of steps) {
        const answer = await t.status(operate(t, { op, ref, data }), [200, 204]);
        t.expect(same(await linkage(), [...wanted].sort()), `${wanted.join(', ')} after ${op}`, answer);
      }
      await operate(t, { op: 'update', ref, data: old });
    }),
    asks('ATO-21', 'MUST', 'The result for a relationship has no data', async (t) => {
      const { ref, old } = await toManyOf(t);
      const answer = await t.status(operate(t, { op: 'update', ref, data: old }), [200, 204]);
      t.expect(at(resultsOf(answer)[0], 'data') == null, 'no data', answer, '/atomic:results');
    }),
    asks('ATO-22', 'MUST', 'A lid of one operation can be used in a later one', async (t) => {
      const made = madeOf(t);
      const { attribute, value } = made.fill(made.update);
      const ref = { type: made.type, lid: 'local-1' };
      const change = { op: 'update', ref, data: { ...ref, attributes: { [attribute]: value } } };
      const answer = await t.status(operate(t, add(t, { lid: 'local-1' }), change), 200);
      const id = at(resultsOf(answer)[0], 'data', 'id');
      const found = await t.get(resolve(`${made.collection}/${id}`, made.collection));
      t.expect(same(at(found.body, 'data', 'attributes', attribute), value), `${value}`, found, '/data');
    }),
    asks('ATO-23', 'OURS', 'A lid that is unknown or given twice is 400', async (t) => {
      const ref = { type: madeOf(t).type, lid: 'nobody' };
      await t.status(operate(t, { op: 'remove', ref }), 400);
      await t.status(operate(t, add(t, { lid: 'twice' }), add(t, { lid: 'twice' })), 400);
    }),
    asks('ATO-24', 'MUST', 'An operation that is not complete is 400', async (t) => {
      isRefused(t, await operate(t, add(t), { op: 'add' }), ['/atomic:operations/1', '/atomic:operations/1/data']);
    }),
    asks('ATO-25', 'MUST', 'An operation that cannot be carried out has a fitting status', async (t) => {
      const made = madeOf(t);
      const missing = { op: 'remove', ref: { type: made.type, id: missingId((await made.deletable()).id) } };
      await t.status(operate(t, missing), [400, 404]);
      const { unique } = made.description;
      if (unique === undefined) return;
      const value = at((await made.row()).resource, 'attributes', unique);
      await t.status(operate(t, add(t), add(t, { attributes: made.attributes({ [unique]: value }) })), [400, 409]);
    }),
    asks('ATO-26', 'SHOULD', 'Every error points into the request, from its root', async (t) => {
      const body = { 'atomic:operations': [add(t), { op: 'add' }] };
      const answer = await post(t, body);
      for (const [i, error] of listOf(at(answer.body, 'errors')).entries()) {
        const pointer = at(error, 'source', 'pointer');
        const holds =
          typeof pointer === 'string' && pointsSomewhere(body, pointer) && pointer.includes('atomic:operations/1');
        t.expect(holds, 'a pointer from /atomic:operations', answer, `/errors/${i}`);
      }
    }),
    asks('ATO-27', 'MUST', 'Operations are bound by the rules of single requests', async (t) => {
      const made = madeOf(t);
      if (made.description.clientIds === true) {
        const { id } = await made.row();
        await t.status(operate(t, add(t, { id })), [400, 409]);
      }
      const { invalid, readOnly } = made.description;
      if (invalid !== undefined) {
        const attributes = made.attributes({ [invalid.attribute]: invalid.value });
        await t.status(operate(t, add(t, { attributes })), [400, 409, 422]);
      }
      if (readOnly === undefined) return;
      const { type, id } = await made.row();
      await t.status(
        operate(t, { op: 'update', ref: { type, id, relationship: readOnly.name }, data: readOnly.data }),
        [400, 403],
      );
    }),
    asks('ATO-28', 'OURS', 'There is a limit on operations', async (t) => {
      const { type, id } = await madeOf(t).row();
      const many = Array(1001).fill({ op: 'remove', ref: { type, id: missingId(id) } });
      await t.status(operate(t, ...many), [400, 413]);
    }),
    asks('ATO-29', 'OURS', 'Resources in results are as GET gives them', async (t) => {
      const answer = await operate(t, add(t));
      const data = at(resultsOf(answer)[0], 'data');
      if (!isObject(data)) return t.skip('the result has no data');
      const found = await t.get(`${madeOf(t).collection}/${data.id}`);
      t.expect(
        same(Object.keys(data).sort(), Object.keys(objectAt(found.body, 'data')).sort()),
        'the same members',
        answer,
      );
    }),
  ],
};
