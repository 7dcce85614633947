import argon2 = require('@node-rs/argon2');

import { AppError } from '../../src/errors';
import { Passwords } from '../../src/passwords';

const PASSWORD = 'plum-Velvet-91-orbit';
const passwords = new Passwords();

/** Runs `work` and tells the most hashes that ran at once; the library itself does the work. */
async function mostAtOnce(work: () => Promise<unknown>): Promise<number> {
  let [running, most] = [0, 0];
  const counted =
    <A extends unknown[], R>(original: (...args: A) => Promise<R>) =>
    async (...args: A): Promise<R> => {
      most = Math.max(most, ++running);
      try {
        return await original(...args);
      } finally {
        running--;
      }
    };
  const { hash, verify } = argon2;
  const spies = [
    jest.spyOn(argon2, 'hash').mockImplementation(counted(hash)),
    jest.spyOn(argon2, 'verify').mockImplementation(counted(verify)),
  ];
  try {
    await work();
  } finally {
    for (const spy of spies) spy.mockRestore();
  }
  return most;
}

describe('a hash', () => {
  test('is argon2id at OWASP’s parameters, as PHC text, with a salt of its own', async () => {
    const [one, two] = await Promise.all([passwords.hash(PASSWORD), passwords.hash(PASSWORD)]);
    expect(one).toMatch(/^\$argon2id\$v=19\$m=19456,t=2,p=1\$[A-Za-z0-9+/]{22}\$[A-Za-z0-9+/]{43}$/);
    expect(two).not.toBe(one);
  });

  test('takes what is composed in different ways as the same', async () => {
    const phc = await passwords.hash('caf\u00e9-au-lait-1234');
    expect(await passwords.verify(phc, 'cafe\u0301-au-lait-1234')).toBe(true);
    expect(await passwords.verify(phc, 'cafe-au-lait-1234')).toBe(false);
  });

  test('has 128 characters at most, whatever they weigh', async () => {
    const longest = '😀'.repeat(128);
    expect(await passwords.verify(await passwords.hash(longest), longest)).toBe(true);
    await expect(passwords.hash(`${longest}x`)).rejects.toMatchObject({ status: 422, faults: [{ code: 'too_long' }] });
  });
});

describe('verify', () => {
  let phc: string;
  beforeAll(async () => {
    phc = await passwords.hash(PASSWORD);
  });

  test('is true for the password and for no other', async () => {
    expect(await passwords.verify(phc, PASSWORD)).toBe(true);
    for (const other of [PASSWORD.toLowerCase(), `${PASSWORD} `, PASSWORD.slice(1), '']) {
      expect(await passwords.verify(phc, other)).toBe(false);
    }
  });

  test('reads hashes of other costs, as they were made before a change', async () => {
    const older = await argon2.hash(PASSWORD, { memoryCost: 8_192, timeCost: 3, parallelism: 1 });
    expect(await passwords.verify(older, PASSWORD)).toBe(true);
  });

  const broken = [
    ['nothing', () => ''],
    ['another algorithm', () => '$2b$10$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy'],
    ['a hash cut by one character', () => phc.slice(0, -1)],
    ['a hash with one more', () => `${phc}A`],
    ['costs that would take all memory', () => phc.replace('m=19456', 'm=4294967295')],
    ['costs that Argon2 refuses', () => phc.replace('m=19456', 'm=1')],
    ['digits that are no base64', () => `${phc.slice(0, -1)}/`],
  ] as const;
  test.each(broken)('is false, and no error, for %s', async (_title, text) => {
    expect(await passwords.verify(text(), PASSWORD)).toBe(false);
  });

  test('works as much for nobody and for a broken hash as for somebody', async () => {
    const verify = jest.spyOn(argon2, 'verify');
    for (const known of [null, 'broken', phc]) expect(await passwords.verify(known, PASSWORD)).toBe(known === phc);
    const costs = verify.mock.calls.map(([hash]) => argon2.parseOptions(hash));
    verify.mockRestore();
    expect(costs).toHaveLength(3);
    expect(costs[0]).toEqual(costs[2]);
    expect(costs[1]).toEqual(costs[2]);
    expect(costs[0]).toMatchObject({ memoryCost: 19_456, timeCost: 2, parallelism: 1, outputLen: 32, saltLen: 16 });
  });

  test('does not begin with a password that is too long', async () => {
    const verify = jest.spyOn(argon2, 'verify');
    for (const known of [null, phc]) expect(await passwords.verify(known, 'x'.repeat(1_048_576))).toBe(false);
    expect(verify).not.toHaveBeenCalled();
    verify.mockRestore();
  });
});

test('two at once, 64 wait, and those beyond are refused with 503', async () => {
  let answers: PromiseSettledResult<boolean | string>[] = [];
  const most = await mostAtOnce(async () => {
    const calls = Array.from({ length: 70 }, (_, i) =>
      i % 2 === 0 ? passwords.verify(null, PASSWORD) : passwords.hash(PASSWORD),
    );
    answers = await Promise.allSettled(calls);
  });
  expect(most).toBe(2);
  expect(answers.map(({ status }) => status)).toEqual([...Array(66).fill('fulfilled'), ...Array(4).fill('rejected')]);
  for (const answer of answers.slice(66)) {
    const { reason } = answer as PromiseRejectedResult;
    expect(reason).toBeInstanceOf(AppError);
    expect(reason).toMatchObject({ status: 503, faults: [{ code: 'unavailable' }] });
  }
  // All places are free again.
  expect(await mostAtOnce(() => Promise.all(Array.from({ length: 4 }, () => passwords.verify(null, PASSWORD))))).toBe(
    2,
  );
});

test('a failure gives its place back', async () => {
  const few = new Passwords();
  const hash = jest.spyOn(argon2, 'hash').mockRejectedValue(new Error('out of memory'));
  const answers = await Promise.allSettled(Array.from({ length: 10 }, () => few.hash(PASSWORD)));
  hash.mockRestore();
  expect(answers.every(({ status }) => status === 'rejected')).toBe(true);
  expect(await few.verify(await few.hash(PASSWORD), PASSWORD)).toBe(true);
});
