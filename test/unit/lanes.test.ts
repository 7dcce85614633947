import { Lanes } from '../../src/db/lanes';

/** Work that ends when it is told to. */
class Works {
  readonly begun: string[] = [];
  private readonly ends = new Map<string, (error?: Error) => void>();

  constructor(private readonly lanes: Lanes) {}

  take(name: string, label: string): Promise<void> {
    return this.lanes.take(name, () => {
      this.begun.push(label);
      return new Promise((resolve, reject) => this.ends.set(label, (error) => (error ? reject(error) : resolve())));
    });
  }

  async end(label: string, error?: Error): Promise<void> {
    this.ends.get(label)?.(error);
    await new Promise((resolve) => setImmediate(resolve));
  }
}

test('of one name so many are done at a time, of all together no more than there are places, first come, first served', async () => {
  const works = new Works(new Lanes(3, 2));
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
  const works = new Works(new Lanes(1, 1));
  const first = works.take('a', 'a1');
  works.take('a', 'a2');
  await Promise.all([expect(first).rejects.toThrow('lost'), works.end('a1', new Error('lost'))]);
  expect(works.begun).toEqual(['a1', 'a2']);
});

test('who has waited for a minute is told to come again, and holds up nobody', async () => {
  jest.useFakeTimers({ doNotFake: ['setImmediate'] });
  try {
    const works = new Works(new Lanes(1, 1));
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
