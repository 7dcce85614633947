import { randomBytes } from 'node:crypto';
import { normalizePassword, passwordFault } from '../../src/passwordRules';

const PERSON = { email: 'Ada.Lovelace@Example.com', name: 'Augusta Ada King' };
const codeOf = (password: string, person: Parameters<typeof passwordFault>[1] = PERSON) =>
  passwordFault(password, person)?.code;

test.each([
  'correct horse battery staple',
  'plum-Velvet-91-orbit',
  'tr0ub4dor&3-tr0ub4dor&4',
  'velvet velvet orbit',
  'abcdefgh-orbit-plum',
  'дорогая моя столица',
  '雨降って地固まる人間万事塞翁が馬',
  '😀🎈🐙🍇🚲🧭🪁🧩🎻🛶🌵🔭',
])('%s is taken', (password) => {
  expect(passwordFault(password, PERSON)).toBeUndefined();
});

test('what is random is taken', () => {
  const all = Array.from({ length: 2_000 }, () => randomBytes(12).toString('base64'));
  expect(all.filter((password) => codeOf(password) !== undefined)).toEqual([]);
});

describe('a password has 12 to 128 characters', () => {
  test.each<[string, string, string | undefined]>([
    ['nothing', '', 'too_short'],
    ['11 characters', 'plum-Velvet', 'too_short'],
    ['11 of two units each', '😀🎈🐙🍇🚲🧭🪁🧩🎻🛶🌵', 'too_short'],
    ['11 that are composed of two', 'plum-Velve\u0301t', 'too_short'],
    ['12 characters', 'plum-Velvet9', undefined],
    ['128 characters', 'plum-Velvet-91-o'.repeat(8), undefined],
    [
      '128 that are composed of four',
      `plum-Velvet-${'\u03b1\u0313\u0300\u0345\u03c9\u0313\u0300\u0345'.repeat(58)}`,
      undefined,
    ],
    ['129 characters', `${'plum-Velvet-91-o'.repeat(8)}x`, 'too_long'],
    ['a megabyte', 'x'.repeat(1_048_576), 'too_long'],
  ])('%s', (_title, password, code) => {
    expect(codeOf(password)).toBe(code);
  });

  test('a megabyte costs nothing', () => {
    const huge = '\u1f82'.repeat(1_048_576);
    const begin = performance.now();
    for (let i = 0; i < 1_000; i++) expect(normalizePassword(huge)).toBeUndefined();
    expect(performance.now() - begin).toBeLessThan(1_000);
  });
});

test.each([
  ['a line break', 'plum-Velvet\n91'],
  ['a null', 'plum-Velvet\u000091'],
  ['a control character of Latin-1', 'plum-Velvet\u008591'],
  ['half a surrogate pair', 'plum-Velvet\ud80091'],
])('%s is no character of a password', (_title, password) => {
  expect(codeOf(password)).toBe('invalid_format');
});

describe('weak is', () => {
  test.each([
    ['in the list', 'finalfantasy'],
    ['in the list, in capitals', 'FinalFantasy'],
    ['in the list, as keyboards have it', '1qaz2wsx3edc'],
    ['a most common one with digits', 'football2024'],
    ['a most common one with digits and punctuation', 'Superman-2024!!'],
    ['a most common one with blanks', 'password     '],
    ['one character', 'aaaaaaaaaaaa'],
    ['one character of two units', '😀'.repeat(12)],
    ['three characters again and again', 'abcabcabcabc'],
    ['the last unit cut short', 'xK9xK9xK9xK9x'],
    ['six characters twice', 'plum91Plum91'],
    ['a common password again', 'passwordpassword'],
    ['a common password again and again, cut short', 'BaseballBaseballBase'],
    ['digits', '123456789012'],
    ['digits backwards', '9876543210987'],
    ['the alphabet', 'abcdefghijkl'],
    ['the alphabet from its middle on', 'uvwxyzabcdefg'],
    ['a row of the keyboard and some digits', 'qwertyuiop12'],
    ['rows of the keyboard', 'asdfghjklzxcvbnm'],
    ['a row backwards', 'poiuytrewq0987'],
    ['a row of a German keyboard', 'qwertzuiop6789'],
    ['sequences side by side', 'abcdef456789'],
  ])('%s: %s', (_title, password) => {
    expect(codeOf(password)).toBe('weak_password');
  });

  test.each([
    ['the e-mail address', 'ada.lovelace@example.com'],
    ['its local part', 'ADA.LOVELACE'],
    ['the name', 'augusta ada king'],
  ])('%s', (_title, password) => {
    expect(codeOf(password)).toBe('weak_password');
    expect(codeOf(password, { email: 'somebody@example.org', name: null })).toBeUndefined();
  });

  test('the e-mail address however it is composed', () => {
    expect(codeOf('ren\u00e9e.dubois@example.com', { email: 'rene\u0301e.dubois@example.com' })).toBe('weak_password');
  });

  test('not a common one in the middle, nor one less common with digits', () => {
    for (const password of ['my-password-orbit', 'contortionist84', 'plumplumorbit']) {
      expect(codeOf(password)).toBeUndefined();
    }
  });
});

test('the detail does not repeat the password', () => {
  for (const password of ['short', 'finalfantasy', 'ada.lovelace', 'plum-Velvet\n91', 'x'.repeat(200)]) {
    expect(passwordFault(password, PERSON)?.detail).not.toContain(password);
  }
});
