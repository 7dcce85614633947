import type { Fault } from './errors';

export const SHORTEST_PASSWORD = 12;
export const LONGEST_PASSWORD = 128;

/** UTF-16 units beyond which no text is short enough: a character takes two at most, and NFC makes one out of four at most. */
const MOST_UNITS = LONGEST_PASSWORD * 2 * 4;
/** Passwords that are too common to be the beginning of another one. */
const MOST_COMMON = 1_000;
const LONGEST_UNIT = 6;
/** Characters that steps along a sequence have to cover on average. */
const SHORTEST_RUN = 4;

/** The alphabet, digits, and the rows of keyboards (QWERTY, QWERTZ, AZERTY). */
const SEQUENCES = [
  'abcdefghijklmnopqrstuvwxyza',
  '01234567890',
  ...['qwertyuiop', 'asdfghjkl', 'zxcvbnm', 'qwertzuiop', 'yxcvbnm', 'azertyuiop', 'qsdfghjklm', 'wxcvbn'],
];
/** Two characters that follow each other in a sequence, forwards and backwards. */
const STEPS = new Set(
  SEQUENCES.flatMap((sequence) =>
    [...sequence.slice(1)].flatMap((next, i) => [`${sequence[i]}${next}`, `${next}${sequence[i]}`]),
  ),
);

interface Common {
  readonly all: ReadonlySet<string>;
  readonly first: ReadonlySet<string>;
}
let common: Common | undefined;

/** Some 49,000 passwords in lower case, the most common first. Loaded when first needed, in some 25 ms. */
function commonPasswords(): Common {
  if (common === undefined) {
    const { dictionary } = require('@zxcvbn-ts/language-common') as typeof import('@zxcvbn-ts/language-common');
    const list = dictionary['passwords-common'];
    common = { all: new Set(list), first: new Set(list.slice(0, MOST_COMMON)) };
  }
  return common;
}

/**
 * A password as it is judged and hashed: NFC, so that it doesn't matter how a keyboard composes letters.
 * @returns undefined when it is too long; that costs nothing, however long it is
 */
export function normalizePassword(password: string): string | undefined {
  if (password.length > MOST_UNITS) return undefined;
  const normal = password.normalize('NFC');
  return [...normal].length > LONGEST_PASSWORD ? undefined : normal;
}

/**
 * What is wrong with a password that somebody wants to have: `too_short`, `too_long`, `invalid_format` or
 * `weak_password` (domain sheet 9.4). The caller says where it was found. Lengths count characters.
 * @param person whose password it becomes
 */
export function passwordFault(
  password: string,
  { email, name }: { email: string; name?: string | null },
): Pick<Fault, 'code' | 'detail'> | undefined {
  const normal = normalizePassword(password);
  if (normal === undefined) {
    return { code: 'too_long', detail: `A password has at most ${LONGEST_PASSWORD} characters.` };
  }
  if (/[\p{Cc}\p{Cs}]/u.test(normal)) {
    return { code: 'invalid_format', detail: 'A password must not hold control characters.' };
  }
  if ([...normal].length < SHORTEST_PASSWORD) {
    return { code: 'too_short', detail: `A password has at least ${SHORTEST_PASSWORD} characters.` };
  }
  const text = normal.toLowerCase();
  const own = [email, email.slice(0, email.lastIndexOf('@')), name ?? ''];
  if (own.some((each) => each.normalize('NFC').toLowerCase() === text)) {
    return { code: 'weak_password', detail: 'The password is the e-mail address or the name.' };
  }
  if (isCommon(text) || isRepetition(text) || isSequence(text)) {
    return { code: 'weak_password', detail: 'The password is too common or too simple: choose another one.' };
  }
  return undefined;
}

/** In the list, or one of the most common with digits or punctuation behind it. */
function isCommon(text: string): boolean {
  const { all, first } = commonPasswords();
  return all.has(text) || first.has(text.replace(/[\d\p{P}\p{S}\s]+$/u, ''));
}

/** A short unit or a common password again and again; the last one may be cut short. */
function isRepetition(text: string): boolean {
  const characters = [...text];
  for (let length = 1; length <= characters.length / 2; length++) {
    const isPeriod = characters.every((each, i) => i < length || each === characters[i - length]);
    if (isPeriod) return length <= LONGEST_UNIT || commonPasswords().all.has(characters.slice(0, length).join(''));
  }
  return false;
}

/** Long steps along sequences and nothing else, as `qwertyuiop12`. */
function isSequence(text: string): boolean {
  const characters = [...text];
  const runs = characters.filter((each, i) => i === 0 || !STEPS.has(`${characters[i - 1]}${each}`)).length;
  return runs * SHORTEST_RUN <= characters.length;
}
