import { Turns } from '../../src/turns';

const later = () => new Promise((resolve) => setImmediate(resolve));

test('a few at once, some wait in their order, and those beyond are refused with 503', async () => {
  const turns = new Turns({ atOnce: 2, waiting: 3, refusal: 'Too many.' });
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
  const turns = new Turns({ atOnce: 1, waiting: 0, refusal: 'Too many.' });
  await expect(turns.take(() => Promise.reject(new Error('broken')))).rejects.toThrow('broken');
  expect(await turns.take(async () => 7)).toBe(7);
});

/** Work that ends when it is told to. */
class Works {
  readonly begun: string[] = [];
  private readonly ends = new Map<string, (error?: Error) => void>();

  constructor(private readonly turns: Turns) {}

  take(name: string, label: string): Promise<void> {
    return this.turns.take(() => {
      this.begun.push(label);
      return new Promise((resolve, reject) => this.ends.set(label, (error) => (error ? reject(error) : resolve())));
    }, name);
  }

  async end(label: string, error?: Error): Promise<void> {
    this.ends.get(label)?.(error);
    await new Promise((resolve) => setImmediate(resolve));
  }
}

test('of one name so many are done at a time, of all together no more than there are places, first come, first served', async () => {
  const works = new Works(new Turns({ atOnce: 3, ofOne: 2, waiting: 10, patienceMs: 60_000, refusal: 'Too much.' }));
  for (const label of ['a1', 'a2', 'a3', 'a4', 'b1', 'b2']) works.take(label.charAt(0), label);
  expect(works.begun).toEqual(['a1', 'a2', 'b1']);
  await works.end('b1');
  expect(works.begun.slice(3)).toEqual(['b2']);
  await works.end('a1');
  expect(works.begun.slice(4)).toEqual(['a3']);
  await works.end('a2');
  expect(works.begun.slice(5)).toEqual(['a4']);
});

test('what fails makes room, too', async () => {
  const works = new Works(new Turns({ atOnce: 1, ofOne: 1, waiting: 10, patienceMs: 60_000, refusal: 'Too much.' }));
  const first = works.take('a', 'a1');
  works.take('a', 'a2');
  await Promise.all([expect(first).rejects.toThrow('lost'), works.end('a1', new Error('lost'))]);
  expect(works.begun).toEqual(['a1', 'a2']);
});

test('who has waited for a minute is told to come again, and holds up nobody', async () => {
  jest.useFakeTimers({ doNotFake: ['setImmediate'] });
  try {
    const works = new Works(new Turns({ atOnce: 1, ofOne: 1, waiting: 10, patienceMs: 60_000, refusal: 'Too much.' }));
    works.take('a', 'a1');
    const late = expect(works.take('a', 'a2')).rejects.toMatchObject({ status: 503 });
    jest.advanceTimersByTime(60_000);
    await late;
    works.take('a', 'a3');
    await works.end('a1');
    expect(works.begun).toEqual(['a1', 'a3']);
  } finally {
    jest.useRealTimers();
  }
});
