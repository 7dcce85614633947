import { Turns } from '../../src/turns';

const later = () => new Promise((resolve) => setImmediate(resolve));

test('a few at once, some wait in their order, and those beyond are refused with 503', async () => {
  const turns = new Turns(2, 3, 'Too many.');
  let [running, most] = [0, 0];
  const order: number[] = [];
  const work = (i: number) => async () => {
    most = Math.max(most, ++running);
    await later();
    running--;
    order.push(i);
  };
  const answers = await Promise.allSettled([0, 1, 2, 3, 4, 5].map((i) => turns.take(work(i))));
  expect([most, order]).toEqual([2, [0, 1, 2, 3, 4]]);
  expect(answers.map(({ status }) => status)).toEqual([...Array(5).fill('fulfilled'), 'rejected']);
  expect(answers[5]).toMatchObject({ reason: { status: 503, faults: [{ code: 'unavailable', detail: 'Too many.' }] } });
});

test('a failure gives its place back', async () => {
  const turns = new Turns(1, 0, 'Too many.');
  await expect(turns.take(() => Promise.reject(new Error('broken')))).rejects.toThrow('broken');
  expect(await turns.take(async () => 7)).toBe(7);
});
