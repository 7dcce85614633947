import { at, listOf } from '../core/json';
import { asks, type Chapter, isUnseen } from '../core/rules';
import { keysOf } from '../core/walk';
import { replaceId } from '../core/world';
import { madeOf } from './creating';

export const deletingChapter: Chapter = {
  id: 'DEL',
  title: 'Deleting resources',
  rules: [
    asks('DEL-1', 'MUST', 'DELETE is 204 without a body, or 200 with a document without data', async (t) => {
      const { url } = await madeOf(t).deletable();
      const answer = await t.status(t.ask(url, { method: 'DELETE' }), [200, 202, 204]);
      if (answer.status === 204) t.expect(answer.bytes.length === 0, 'no body', answer);
      if (answer.status === 200) t.expect(at(answer.body, 'data') === undefined, 'no data', answer);
    }),
    isUnseen('DEL-2', 'MUST', 'What is accepted and not yet done is 202', 'nobody can tell what a server does later'),
    asks('DEL-3', 'SHOULD', 'DELETE of what does not exist is 404', async (t) => {
      const { url, id } = await madeOf(t).deletable();
      await t.status(
        t.ask(t.need(replaceId(url, { id }), 'the URL does not have the id in it'), { method: 'DELETE' }),
        404,
      );
      await t.ask(url, { method: 'DELETE' });
      await t.status(t.ask(url, { method: 'DELETE' }), 404, 'it is gone');
    }),
    asks('DEL-4', 'OURS', 'A body of DELETE is ignored', async (t) => {
      const { url, type, id } = await madeOf(t).deletable();
      await t.status(t.ask(url, { method: 'DELETE', body: { data: { type, id } } }), [200, 204]);
    }),
    asks('DEL-6', 'MUST', 'What is deleted is not found any more, by its URL or in the collection', async (t) => {
      const made = madeOf(t);
      const row = await made.deletable();
      const deleted = await t.ask(row.url, { method: 'DELETE' });
      if (deleted.status === 202) t.skip('deletion takes place later');
      await t.status(t.get(row.url), [404, 410]);
      const list = await t.get(made.collection);
      t.expect(!keysOf(listOf(at(list.body, 'data'))).includes(`${row.type} ${row.id}`), 'a list without it', list);
    }),
  ],
};
