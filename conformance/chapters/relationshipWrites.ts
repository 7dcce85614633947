import type { Check } from '../core/check';
import { type Answer, resolve } from '../core/client';
import type { Identifier } from '../core/description';
import { at, listOf, same } from '../core/json';
import { asks, type Chapter, isUnseen } from '../core/rules';
import { hrefOf } from '../core/seen';
import { missingId, pathOf, replaceId } from '../core/world';
import { madeOf } from './creating';
import { ownerOf } from './updating';

const SUCCESS = [200, 202, 204];

interface Target {
  /** The relationship URL. */
  readonly url: string;
  /** Linkage when the rule began. */
  readonly old: unknown;
  readonly owner: { readonly url: string; readonly type: string; readonly id: string };
}

async function targetOf(t: Check, on: string | undefined, name: string): Promise<Target> {
  const owner = await ownerOf(t, on);
  const { body } = await t.get(owner.url);
  const self = hrefOf(at(body, 'data', 'relationships', name, 'links', 'self'));
  const url = self === undefined ? `${pathOf(owner.url)}/relationships/${name}` : resolve(self, owner.url);
  const linkage = await t.get(url);
  if (linkage.status !== 200) t.skip(`the relationship has no URL of its own: GET ${url} is ${linkage.status}`);
  return { url, old: at(linkage.body, 'data'), owner };
}

const send = (t: Check, method: string, url: string, data: unknown): Promise<Answer> =>
  t.ask(url, { method, body: { data } });

/** Runs a rule on the writable to-many relationship, and puts back what was in it. */
async function onToMany(
  t: Check,
  run: (
    target: Target,
    one: Identifier,
    two: Identifier,
    holds: (data: readonly Identifier[]) => Promise<void>,
  ) => Promise<void>,
): Promise<void> {
  const toMany = t.need(madeOf(t).description.toMany, 'the description has no to-many relationship');
  const target = await targetOf(t, toMany.on, toMany.name);
  const holds = async (data: readonly Identifier[]) => {
    const answer = await t.get(target.url);
    t.expect(
      same(ids(at(answer.body, 'data')), ids(data)),
      `exactly ${ids(data).join(', ') || 'nothing'}`,
      answer,
      '/data',
    );
  };
  try {
    await run(target, ...toMany.targets, holds);
  } finally {
    await send(t, 'PATCH', target.url, target.old);
  }
}

const ids = (data: unknown): unknown[] =>
  listOf(data)
    .map((each) => at(each, 'id'))
    .sort();

export const relationshipWriteChapter: Chapter = {
  id: 'RUP',
  title: 'Updating relationships',
  rules: [
    asks('RUP-1', 'MUST', 'PATCH of a to-one relationship takes an identifier or null', async (t) => {
      const toOne = t.need(madeOf(t).description.toOne, 'the description has no to-one relationship');
      const { url, old } = await targetOf(t, toOne.on, toOne.name);
      const answer = await t.status(send(t, 'PATCH', url, toOne.target), SUCCESS);
      if (answer.status !== 202)
        t.expect(at((await t.get(url)).body, 'data', 'id') === toOne.target.id, toOne.target.id, answer);
      if (toOne.nullable === true) {
        await t.status(send(t, 'PATCH', url, null), SUCCESS);
        t.expect(at((await t.get(url)).body, 'data') === null, 'null', answer);
      }
      if (toOne.on !== undefined) await send(t, 'PATCH', url, old);
    }),
    asks('RUP-2', 'MUST', 'A change that is made has a status of success', (t) =>
      onToMany(t, async ({ url }, one, two) => void (await t.status(send(t, 'PATCH', url, [one, two]), SUCCESS))),
    ),
    asks('RUP-3', 'MUST', 'The data of a to-many relationship is an array', (t) =>
      onToMany(t, async ({ url }, one) => {
        for (const method of ['PATCH', 'POST', 'DELETE'])
          for (const data of [one, null]) await t.status(send(t, method, url, data), [400, 403, 422]);
      }),
    ),
    asks('RUP-4', 'MUST', 'PATCH replaces all, or fails and changes nothing', (t) =>
      onToMany(t, async ({ url }, one, two, holds) => {
        const both = await send(t, 'PATCH', url, [one, two]);
        if (both.status === 403) t.skip('PATCH is not offered');
        await t.status(both, SUCCESS);
        await holds([one, two]);
        await t.status(send(t, 'PATCH', url, [two]), SUCCESS);
        await holds([two]);
        const answer = await send(t, 'PATCH', url, [one, { ...one, id: missingId(one.id) }]);
        t.expect(answer.status >= 400, 'a refusal of what does not exist', answer);
        await holds([two]);
      }),
    ),
    asks('RUP-5', 'MUST', 'POST adds what is not there yet, and nothing twice', (t) =>
      onToMany(t, async ({ url }, one, two, holds) => {
        await send(t, 'PATCH', url, [one]);
        const answer = await send(t, 'POST', url, [two]);
        if (answer.status === 403) t.skip('POST is not offered');
        await t.status(answer, SUCCESS);
        await holds([one, two]);
        await t.status(send(t, 'POST', url, [one, two]), SUCCESS);
        await holds([one, two]);
      }),
    ),
    asks('RUP-6', 'MUST', 'POST of what is there already is a success', (t) =>
      onToMany(t, async ({ url }, one, _two, holds) => {
        await send(t, 'PATCH', url, [one]);
        const answer = await send(t, 'POST', url, [one]);
        if (answer.status === 403) t.skip('POST is not offered');
        await t.status(answer, SUCCESS);
        await holds([one]);
      }),
    ),
    asks('RUP-7', 'MUST', 'DELETE takes out what is named, and is a success when it is out already', (t) =>
      onToMany(t, async ({ url }, one, two, holds) => {
        await send(t, 'PATCH', url, [one, two]);
        for (let i = 0; i < 2; i++) {
          const answer = await send(t, 'DELETE', url, [two]);
          if (answer.status === 403) t.skip('DELETE is not offered');
          await t.status(answer, SUCCESS);
          await holds([one]);
        }
      }),
    ),
    asks('RUP-8', 'MUST', 'DELETE with a body is read', (t) =>
      onToMany(t, async ({ url }, one, two, holds) => {
        await send(t, 'PATCH', url, [one, two]);
        const answer = await send(t, 'DELETE', url, [one]);
        if (answer.status === 403) t.skip('DELETE is not offered');
        await t.status(answer, SUCCESS);
        await holds([two]);
      }),
    ),
    asks('RUP-9', 'MUST', 'An answer of 200 with data has the linkage as it is', (t) =>
      onToMany(t, async ({ url }, one, two) => {
        const answer = await send(t, 'PATCH', url, [two, one]);
        const data = at(answer.body, 'data');
        if (answer.status !== 200 || data === undefined) t.skip('the answer has no data');
        t.expect(same(ids(data), ids([one, two])), 'both identifiers', answer, '/data');
      }),
    ),
    asks('RUP-10', 'MUST', '204 has no body', (t) =>
      onToMany(t, async ({ url }, one) => {
        const answer = await t.status(send(t, 'PATCH', url, [one]), SUCCESS);
        if (answer.status === 204) t.expect(answer.bytes.length === 0, 'no body', answer);
      }),
    ),
    isUnseen('RUP-11', 'MUST', 'What is accepted and not yet done is 202', 'nobody can tell what a server does later'),
    asks('RUP-12', 'MUST', 'An update that is not offered is 403', async (t) => {
      const made = madeOf(t);
      const { name, data } = t.need(made.description.readOnly, 'the description has no read-only relationship');
      const { url } = await targetOf(t, undefined, name);
      for (const method of ['PATCH', 'POST', 'DELETE']) await t.status(send(t, method, url, data), 403);
    }),
    asks('RUP-13', 'MUST', 'A relationship of a resource that does not exist is 404', async (t) => {
      const { toOne, toMany } = madeOf(t).description;
      const { on, name } = t.need(toOne ?? toMany, 'the description has no writable relationship');
      const { url, owner } = await targetOf(t, on, name);
      const missing = t.need(replaceId(url, owner), 'the URL does not have the id in it');
      await t.status(send(t, 'PATCH', missing, toOne === undefined ? toMany?.targets : toOne.target), 404);
    }),
    asks('RUP-15', 'OURS', 'A type that does not belong is 409', (t) =>
      onToMany(t, async ({ url }, one, _two, holds) => {
        await send(t, 'PATCH', url, [one]);
        await t.status(send(t, 'POST', url, [{ ...one, type: 'no-such-type' }]), 409);
        await holds([one]);
      }),
    ),
    asks('RUP-16', 'MUST', 'A request with one bad member changes nothing', (t) =>
      onToMany(t, async ({ url }, one, two, holds) => {
        await send(t, 'PATCH', url, [one]);
        const answer = await send(t, 'POST', url, [two, { ...two, id: missingId(two.id) }]);
        t.expect(answer.status >= 400, 'a refusal', answer);
        await holds([one]);
      }),
    ),
  ],
};
