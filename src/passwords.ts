import { hash, verify } from '@node-rs/argon2';
import { AppError } from './errors';
import { LONGEST_PASSWORD, normalizePassword } from './passwordRules';
import { Turns } from './turns';

/** Argon2id, which is the library's default, at the parameters that OWASP gives for it: 19 MiB, two passes, one lane. */
const COST = { memoryCost: 19_456, timeCost: 2, parallelism: 1 };
/** What is taken for a hash: a salt of 16 bytes and 32 of output, at no cost that could exhaust the memory. */
const FORM = /^\$argon2id\$v=19\$m=\d{1,5},t=\d,p=\d\$[A-Za-z0-9+/]{22}\$[A-Za-z0-9+/]{43}$/;
/** Stands for the hash of nobody: as much work as a real one, from the first time on. */
const NOBODY = `$argon2id$v=19$m=${COST.memoryCost},t=${COST.timeCost},p=${COST.parallelism}$${'A'.repeat(22)}$${'A'.repeat(43)}`;

/** Hashing blocks threads of libuv's pool of four, which files and names of hosts need too. */
const MOST_AT_ONCE = 2;
/** About two seconds of work. */
const LONGEST_QUEUE = 64;

/** Hashes and checks passwords, a few at once. One for each process, since the bound is the object's. */
export class Passwords {
  private readonly turns = new Turns({
    atOnce: MOST_AT_ONCE,
    waiting: LONGEST_QUEUE,
    refusal: 'Too many passwords are being checked at once: try again later.',
  });

  /**
   * The hash of a password that keeps the rules (`passwordFault`), as PHC text.
   * @throws AppError `too_long`; `unavailable` when too many wait
   */
  async hash(password: string): Promise<string> {
    const normal = normalizePassword(password);
    if (normal === undefined) throw new AppError('too_long', `A password has at most ${LONGEST_PASSWORD} characters.`);
    return this.turns.take(() => hash(normal, COST));
  }

  /**
   * Whether the password is the one of the hash. Without a hash, or with a text that is none, false after as much work:
   * the time does not tell who has an account.
   * @throws AppError `unavailable` when too many wait
   */
  async verify(phc: string | null, password: string): Promise<boolean> {
    const normal = normalizePassword(password);
    if (normal === undefined) return false;
    const isHash = phc !== null && FORM.test(phc);
    const isSame = await this.turns.take(() => matches(isHash ? phc : NOBODY, normal));
    return isHash && isSame;
  }
}

async function matches(phc: string, password: string): Promise<boolean> {
  try {
    return await verify(phc, password);
  } catch (error) {
    // Costs or digits that Argon2 does not know: a damaged row.
    if ((error as { code?: string }).code === 'InvalidArg') return false;
    throw error;
  }
}
