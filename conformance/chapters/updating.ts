import type { Check } from '../core/check';
import type { Answer } from '../core/client';
import { at, type Json, objectAt, same } from '../core/json';
import type { Row } from '../core/made';
import { asks, type Chapter, isUnseen } from '../core/rules';
import { missingId, replaceId } from '../core/world';
import { madeOf } from './creating';

const patch = (t: Check, url: string, body: unknown, headers = {}): Promise<Answer> =>
  t.ask(url, { method: 'PATCH', body, headers });

const linkage = (body: unknown, name: string): unknown => at(body, 'data', 'relationships', name, 'data');

/** A resource with a writable relationship: a new row, or the one that the description names. */
export async function ownerOf(t: Check, on: string | undefined): Promise<Pick<Row, 'url' | 'type' | 'id'>> {
  if (on === undefined) return madeOf(t).row();
  const { body, status } = await t.get(on);
  const [type, id] = [at(body, 'data', 'type'), at(body, 'data', 'id')];
  if (status !== 200 || typeof type !== 'string' || typeof id !== 'string')
    return t.skip(`GET ${on} gives no resource`);
  return { url: on, type, id };
}

/** PATCH with one relationship. */
const relate = (t: Check, { url, type, id }: Pick<Row, 'url' | 'type' | 'id'>, name: string, data: unknown) =>
  patch(t, url, { data: { type, id, relationships: { [name]: { data } } } });

export const updatingChapter: Chapter = {
  id: 'UPD',
  title: 'Updating resources',
  rules: [
    asks('UPD-1', 'MUST', 'PATCH takes a resource object with type and id', async (t) => {
      const made = madeOf(t);
      const row = await made.row();
      const { document, value } = made.change(row);
      const answer = await t.status(patch(t, row.url, document), [200, 202, 204]);
      const { attribute } = made.update;
      if (answer.status !== 202)
        t.expect(same(at((await t.get(row.url)).body, 'data', 'attributes', attribute), value), `${value}`, answer);
      const { id: _id, ...withoutId } = document.data;
      await t.status(patch(t, row.url, { data: withoutId }), [400, 409, 422], 'there is no id');
    }),
    asks('UPD-2', 'MUST', 'Attributes that are not sent keep their values', async (t) => {
      const made = madeOf(t);
      const row = await made.row();
      const sent = Object.keys(objectAt(made.description.create, 'data', 'attributes'));
      const { attribute } = made.update;
      const before = await t.get(row.url);
      await patch(t, row.url, made.change(row).document);
      const after = await t.get(row.url);
      const nulls = Object.entries(objectAt(before.body, 'data', 'attributes')).filter(([, value]) => value !== null);
      for (const [name, value] of nulls) {
        const now = at(after.body, 'data', 'attributes', name);
        if (name === attribute) continue;
        // Those of the server may change with any write, as a time of the last change does, but not go.
        t.expect(
          sent.includes(name) ? same(now, value) : now != null,
          `${name} as before`,
          after,
          `/data/attributes/${name}`,
        );
      }
    }),
    asks('UPD-3', 'MUST', 'Relationships that are not sent keep their values', async (t) => {
      const made = madeOf(t);
      const row = await made.row();
      const before = await t.get(row.url);
      await patch(t, row.url, made.change(row).document);
      const after = await t.get(row.url);
      for (const name of Object.keys(objectAt(before.body, 'data', 'relationships')))
        t.expect(same(linkage(before.body, name), linkage(after.body, name)), `${name} as before`, after);
    }),
    asks('UPD-4', 'MUST', 'A relationship that is sent is replaced as a whole', async (t) => {
      const toOne = t.need(madeOf(t).description.toOne, 'the description has no to-one relationship');
      const owner = await ownerOf(t, toOne.on);
      const old = linkage((await t.get(owner.url)).body, toOne.name);
      const answer = await relate(t, owner, toOne.name, toOne.target);
      if (answer.status === 403) return t.skip('PATCH of the resource does not take the relationship');
      await t.status(answer, [200, 202, 204]);
      const now = linkage((await t.get(owner.url)).body, toOne.name);
      if (now !== undefined) t.expect(at(now, 'id') === toOne.target.id, `${toOne.target.id} as ${toOne.name}`, answer);
      if (toOne.nullable === true) {
        await t.status(relate(t, owner, toOne.name, null), [200, 202, 204]);
        const empty = await t.get(owner.url);
        t.expect(linkage(empty.body, toOne.name) == null, `${toOne.name} null`, empty);
      }
      if (toOne.on !== undefined && old !== undefined) await relate(t, owner, toOne.name, old);
    }),
    asks(
      'UPD-5',
      'MUST',
      'A to-many relationship is replaced as a whole, or refused as a whole with 403',
      async (t) => {
        const toMany = t.need(madeOf(t).description.toMany, 'the description has no to-many relationship');
        const owner = await ownerOf(t, toMany.on);
        const before = await t.get(owner.url);
        const old = linkage(before.body, toMany.name);
        for (const data of [toMany.targets, toMany.targets.slice(0, 1)]) {
          const answer = await t.status(relate(t, owner, toMany.name, data), [200, 202, 204, 403]);
          const now = linkage((await t.get(owner.url)).body, toMany.name);
          const wanted = answer.status === 403 ? old : data;
          if (Array.isArray(now) && Array.isArray(wanted))
            t.expect(same(ids(now), ids(wanted)), `exactly ${ids(wanted).join(', ')}`, answer);
        }
        if (Array.isArray(old)) await relate(t, owner, toMany.name, old);
      },
    ),
    asks('UPD-6', 'MUST', 'Where the server changes more than was asked, the answer has the resource', async (t) => {
      const made = madeOf(t);
      const row = await made.row();
      const before = await t.get(row.url);
      const answer = await patch(t, row.url, made.change(row).document);
      const after = await t.get(row.url);
      const changed = Object.entries(objectAt(after.body, 'data', 'attributes')).filter(
        ([name, value]) => name !== made.update.attribute && !same(value, at(before.body, 'data', 'attributes', name)),
      );
      if (changed.length === 0 && answer.status === 204) t.skip('nothing but what was asked for has changed');
      await t.status(answer, 200);
      t.expect(
        same(at(answer.body, 'data', 'attributes'), at(after.body, 'data', 'attributes')),
        'the resource',
        answer,
      );
    }),
    asks('UPD-7', 'MUST', 'An update that changes nothing more is 200 or 204', async (t) => {
      const made = madeOf(t);
      const { update } = made;
      const row = await made.row();
      // What the resource has already.
      const attributes = { [update.attribute]: at(row.resource, 'attributes', update.attribute) };
      const answer = await patch(t, row.url, { data: { type: row.type, id: row.id, attributes } });
      await t.status(answer, [200, 204]);
      if (answer.status === 204) t.expect(answer.bytes.length === 0, 'no body', answer);
    }),
    isUnseen('UPD-8', 'MUST', 'What is accepted and not yet done is 202', 'nobody can tell what a server does later'),
    asks('UPD-9', 'MUST', 'An update that is not offered is 403', async (t) => {
      const made = madeOf(t);
      const { readOnly, update } = made.description;
      const row = await made.row();
      if (update === undefined) await t.status(patch(t, row.url, { data: { type: row.type, id: row.id } }), 403);
      if (readOnly !== undefined) await t.status(relate(t, row, readOnly.name, readOnly.data), 403);
      if (update !== undefined && readOnly === undefined) t.skip('the description has no read-only relationship');
    }),
    asks('UPD-10', 'MUST', 'An update of a resource that does not exist is 404', async (t) => {
      const made = madeOf(t);
      const row = await made.row();
      const url = t.need(replaceId(row.url, { id: row.id }), 'the URL does not have the id in it');
      const { data } = made.change(row).document;
      await t.status(patch(t, url, { data: { ...data, id: missingId(row.id) } }), 404);
    }),
    asks('UPD-11', 'MUST', 'A reference to a resource that does not exist is 404', async (t) => {
      const { toOne, toMany } = madeOf(t).description;
      const { on, name } = t.need(toOne ?? toMany, 'the description has no writable relationship');
      const target = (toOne?.target ?? toMany?.targets[0]) as { type: string; id: string };
      const missing = { type: target.type, id: missingId(target.id) };
      const answer = await relate(t, await ownerOf(t, on), name, toOne === undefined ? [missing] : missing);
      if (answer.status === 403) t.skip('PATCH of the resource does not take the relationship');
      await t.status(answer, 404);
    }),
    asks('UPD-12', 'MUST', 'A type or an id that is not that of the URL is 409', async (t) => {
      const made = madeOf(t);
      const row = await made.row();
      const { data } = made.change(row).document;
      await t.status(patch(t, row.url, { data: { ...data, type: 'no-such-type' } }), 409);
      await t.status(patch(t, row.url, { data: { ...data, id: missingId(row.id) } }), 409);
    }),
    asks('UPD-13', 'MAY', 'A value that another resource has is 409', async (t) => {
      const made = madeOf(t);
      const unique = t.need(made.description.unique, 'the description has no unique attribute');
      const [one, two] = [await made.row(), await made.row()];
      const data: Json = {
        type: two.type,
        id: two.id,
        attributes: { [unique]: at(one.resource, 'attributes', unique) },
      };
      const answer = await patch(t, two.url, { data });
      if (answer.status === 403) t.skip('the attribute takes no update');
      await t.status(answer, 409);
    }),
    asks('UPD-14', 'SHOULD', '409 has an error with a text', async (t) => {
      const made = madeOf(t);
      const row = await made.row();
      const { data } = made.change(row).document;
      const answer = await t.status(patch(t, row.url, { data: { ...data, type: 'no-such-type' } }), 409);
      const error = at(answer.body, 'errors', 0);
      t.expect(
        ['title', 'detail', 'code'].some((name) => at(error, name) !== undefined),
        'title or detail',
        answer,
      );
    }),
    asks('UPD-15', 'MUST', 'An update that fails changes nothing', async (t) => {
      const made = madeOf(t);
      const { attribute, value } = t.need(made.description.invalid, 'the description has no invalid value');
      if (attribute === made.update.attribute) t.skip('the invalid attribute is the one that is updated');
      const row = await made.row();
      const before = await t.get(row.url);
      const { data } = made.change(row).document;
      const attributes = { ...objectAt(data, 'attributes'), [attribute]: value };
      const answer = await patch(t, row.url, { data: { ...data, attributes } });
      t.expect(answer.status >= 400, 'a refusal', answer);
      const after = await t.get(row.url);
      t.expect(same(at(before.body, 'data'), at(after.body, 'data')), 'the resource as before', after, '/data');
    }),
    asks('UPD-16', 'HTTP', 'If-Match with an old ETag is 412', async (t) => {
      const made = madeOf(t);
      const row = await made.row();
      const { etag } = (await t.get(row.url)).headers;
      if (etag === undefined) return t.skip('answers have no ETag');
      await patch(t, row.url, made.change(row).document);
      await t.status(patch(t, row.url, made.change(row).document, { 'if-match': etag }), 412);
    }),
    asks('UPD-17', 'REC', 'A client without PATCH may send POST with X-HTTP-Method-Override', async (t) => {
      const made = madeOf(t);
      const row = await made.row();
      const { document, value } = made.change(row);
      const headers = { 'x-http-method-override': 'PATCH' };
      const answer = await t.ask(row.url, { method: 'POST', body: document, headers });
      if (answer.status >= 400) t.skip(`not offered: ${answer.status}`);
      const { attribute } = made.update;
      t.expect(same(at((await t.get(row.url)).body, 'data', 'attributes', attribute), value), `${value}`, answer);
    }),
    asks('UPD-18', 'OURS', 'A resource sent back as it came is accepted', async (t) => {
      const made = madeOf(t);
      const row = await made.row();
      const { body } = await t.get(row.url);
      const { attribute } = made.update;
      const data = at(body, 'data') as Json;
      const attributes = { [attribute]: at(data, 'attributes', attribute) };
      const relationships = Object.fromEntries(
        Object.entries(objectAt(data, 'relationships')).map(([name, each]) => [
          name,
          { links: at(each, 'links') ?? {} },
        ]),
      );
      await t.status(patch(t, row.url, { data: { ...data, attributes, relationships }, included: [] }), [200, 204]);
    }),
  ],
};

const ids = (data: readonly unknown[]): unknown[] => data.map((each) => at(each, 'id')).sort();
