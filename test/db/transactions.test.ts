import { AppError } from '../../src/errors';
import { startApp, type TestApp } from '../support/app';

let app: TestApp;
beforeAll(async () => {
  app = await startApp();
  await app.db.query('create table notes (text text unique)');
});
afterEach(() => app.db.query('delete from notes'));
afterAll(() => app.close());

const write = (text: string, db = app.db) => db.query('insert into notes values ($1)', [text]);
const notes = async () => (await app.db.query('select text from notes order by 1')).flat();
const lockedOut = "do $$ begin raise exception 'locked out' using errcode = '40P01'; end $$";

describe('a transaction', () => {
  test('that is locked out is carried out again, whole', async () => {
    let times = 0;
    const done: string[] = [];
    await app.db.transaction(async (db) => {
      times++;
      await write(`note ${times}`, db);
      db.afterCommit(() => done.push(`note ${times}`));
      if (times < 3) await db.query(lockedOut);
    });
    expect([times, await notes(), done]).toEqual([3, ['note 3'], ['note 3']]);
  });

  test('that is always locked out fails after three times with 409: it is not our fault', async () => {
    let times = 0;
    const work = app.db.transaction(async (db) => {
      times++;
      await db.query(lockedOut);
    });
    await expect(work).rejects.toMatchObject({ status: 409, faults: [{ code: 'conflict' }] });
    expect(times).toBe(3);
  });

  test('inside another is part of it', async () => {
    const work = app.db.transaction(async (db) => {
      await db.transaction((inner) => write('inner', inner));
      throw new AppError('not_found', 'Gone.');
    });
    await expect(work).rejects.toMatchObject({ status: 404 });
    expect(await notes()).toEqual([]);
  });
});

describe('an attempt', () => {
  test('that fails is undone alone, and what waits for its commit is forgotten', async () => {
    const done: string[] = [];
    await app.db.transaction(async (db) => {
      await write('before', db);
      db.afterCommit(() => done.push('before'));
      const failing = db.attempt(async (inner) => {
        await write('attempted', inner);
        inner.afterCommit(() => done.push('attempted'));
        await write('before', inner);
      });
      await expect(failing).rejects.toMatchObject({ code: '23505' });
      await write('after', db);
    });
    expect([await notes(), done]).toEqual([['after', 'before'], ['before']]);
  });

  test('that works is part of the transaction', async () => {
    const done: string[] = [];
    const result = await app.db.transaction((db) =>
      db.attempt(async (inner) => {
        inner.afterCommit(() => done.push('attempted'));
        await write('attempted', inner);
        return 'result';
      }),
    );
    expect([result, await notes(), done]).toEqual(['result', ['attempted'], ['attempted']]);
  });

  test('outside a transaction there is none', async () => {
    await expect(app.db.attempt(async () => undefined)).rejects.toThrow('transaction');
  });
});
