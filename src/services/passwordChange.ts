import type { User } from '../../entities';
import type { Context } from '../context';
import { updateRow } from '../db/write';
import { AppError } from '../errors';
import { authorize } from './access';
import { snapshots } from './events';
import { queueMail } from './mail';
import { faultAt, type NewPassword, newPasswordFaults } from './newPassword';
import { endSessions } from './tokenFamilies';
import { getUser, tellUser, userTable } from './users';

/** Where the settings stand. */
const PLACE = '/meta';

interface PasswordChange extends NewPassword {
  readonly currentPassword?: string;
}

const wrong = (): AppError =>
  AppError.of([
    faultAt(PLACE, 'currentPassword', { code: 'not_allowed', detail: 'It is not the password that you have.' }),
  ]);

/**
 * The user whose password the caller may change, which is his own, and only for somebody who has signed in: a personal
 * key in the wrong hands must not become the whole account.
 * @throws AppError `not_found`, `permission_denied`
 */
export async function passwordHolder(ctx: Context, id: string): Promise<User> {
  const user = await getUser(ctx, id, ['id', 'email', 'name', 'passwordHash']);
  await authorize(ctx, 'users.password', { organizationId: null, userId: id }, true);
  if (ctx.caller.apiKeyId === null) return user;
  const meta = { required: 'users.password' };
  throw new AppError('permission_denied', 'Sign in to change your password.', undefined, { meta });
}

/** @throws AppError with all that can be seen to be wrong without asking for the current password */
export function checkPasswordChange(user: User, given: PasswordChange): void {
  const faults = newPasswordFaults(given, user, PLACE);
  if (user.passwordHash !== null && given.currentPassword === undefined) {
    const detail = 'currentPassword is required: you have a password.';
    const meta = { attribute: 'currentPassword', message: detail };
    faults.unshift({ code: 'required', detail, source: { pointer: PLACE }, meta });
  }
  if (faults.length > 0) throw AppError.of(faults);
}

/**
 * Changes the password of somebody who has signed in, and ends all his other sessions.
 * @param user as `passwordHolder` gives him
 * @throws AppError `not_allowed` for a wrong current password; `unavailable` when too many wait
 */
export async function changePassword(ctx: Context, user: User, given: PasswordChange): Promise<User> {
  const { id, email, passwordHash: before } = user;
  if (before !== null && !(await ctx.passwords.verify(before, given.currentPassword ?? ''))) throw wrong();
  const passwordHash = await ctx.passwords.hash(given.password);
  return ctx.db.transaction(async (db) => {
    const inside = { ...ctx, db };
    const same = {
      sql: (bind: (value: unknown) => string) => `old.password_hash is not distinct from ${bind(before)}`,
      error: wrong,
    };
    await updateRow(inside, userTable, id, {}, [same]);
    const told = await snapshots(inside, 'users', [id]);
    const changed = await updateRow(inside, userTable, id, { passwordHash });
    await endSessions(db, id, ctx.caller.credentialId);
    await db.query('delete from password_resets where user_id = $1', [id]);
    await queueMail(inside, {
      to: email,
      template: 'passwordChanged',
      data: { changedAt: ctx.now().toISOString() },
    });
    db.afterCommit(() => ctx.callers.forget());
    await tellUser(inside, id, told, before !== null);
    return changed;
  });
}
