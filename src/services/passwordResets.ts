import { v7 as uuidv7 } from 'uuid';
import type { OpenContext, Services } from '../context';
import { AppError, notFound } from '../errors';
import { hashKey, makeKey } from '../secrets';
import { type EventContext, record, snapshots } from './events';
import { enqueue, type JobPayloads } from './jobs';
import { queueMail } from './mail';
import { type NewPassword, newPasswordFaults } from './newPassword';
import { endSessions, endTokensOf } from './tokenFamilies';
import { tellUser } from './users';

const LIFE_MINUTES = 60;
/** Where the values stand. */
const PLACE = '/data/attributes';
/** Of the call that takes the token. */
export const CONFIRM_PATH = '/public/v2/passwordResets/confirm';

/**
 * Takes a request for a mail with which a new password can be set. Whether somebody has the address is looked up later,
 * by a job: here everything is the same for all of them, the time too. Without a mailer nothing happens.
 */
export async function requestPasswordReset(ctx: OpenContext, email: string): Promise<void> {
  const { mailer, requestId, origin } = ctx;
  if (mailer !== null) await enqueue(ctx, 'passwordReset', { email, requestId, origin: origin() });
}

/**
 * Makes a token for the active user who has the address, and enqueues the mail with it; nothing when there is none. Only
 * the chain of the installation has it who asked for that, so that nobody else learns who has an account.
 */
export async function mailPasswordReset(
  ctx: Omit<Services, 'limiter'>,
  { email: address, requestId, origin }: JobPayloads['passwordReset'],
): Promise<void> {
  await ctx.db.transaction(async (db) => {
    const [user] = await db.query("select id, email from users where lower(email) = lower($1) and status = 'active'", [
      address,
    ]);
    if (user === undefined) return;
    const [userId, email] = user as [string, string];
    const token = makeKey('pwr');
    await db.query(
      `insert into password_resets (id, user_id, email, hash, expires_at)
       values ($1, $2, $3, $4, now() + interval '${LIFE_MINUTES} minutes')`,
      [uuidv7(), userId, email, hashKey(token)],
    );
    const confirmUrl = `${ctx.publicUrl()}${CONFIRM_PATH}`;
    const data = { minutes: LIFE_MINUTES, token, url: pageUrl(ctx.config.passwordResetUrl, token), confirmUrl };
    await queueMail({ ...ctx, db }, { to: email, template: 'passwordReset', data });
    const cause = { requestId, origin: origin && (() => origin) };
    await record({ ...ctx, db, ...cause }, 'password_reset.requested', 'users', [userId]);
  });
}

function pageUrl(page: string | undefined, token: string): string | null {
  if (page === undefined) return null;
  const url = new URL(page);
  url.searchParams.set('token', token);
  return url.href;
}

/** A token that was not used, of an active user who still has the address that it was sent to. */
const GOOD = "r.hash = $1 and r.expires_at > now() and u.status = 'active' and lower(u.email) = lower(r.email)";

/** One answer for tokens that are malformed, unknown, used or expired (INV-28). */
const noSuchToken = (): AppError => notFound('There is no such token.', { pointer: `${PLACE}/token` });

/** Ends the personal keys of an account whose address nobody had proved: somebody else may have made it, and them. */
async function endPersonalKeys(ctx: EventContext, userId: string): Promise<void> {
  const { db } = ctx;
  const live = 'select id from api_keys where user_id = $1 and revoked_at is null order by id for no key update';
  const ids = (await db.query(live, [userId])).map(([id]) => id as string);
  const before = await snapshots(ctx, 'apiKeys', ids);
  await db.query(
    `update api_keys set revoked_at = date_trunc('second', now()), revoked_reason = 'the address of the account was proved',
       version = version + 1, updated_at = date_trunc('second', now()) where id = any($1::uuid[])`,
    [ids],
  );
  await endTokensOf(db, ids);
  await record(ctx, 'api_key.revoked', 'apiKeys', ids, { before });
}

/**
 * Sets a new password for whoever got the token by mail, which proves that the address is his. All his sessions end, and
 * with them whoever had the old password.
 * @throws AppError `not_found`, all faults of the password; `unavailable` when too many wait
 */
export async function confirmPasswordReset(
  ctx: OpenContext,
  { token, ...given }: NewPassword & { token: string },
): Promise<void> {
  const hash = hashKey(token);
  const [found] = await ctx.db.query(
    `select u.id, u.email, u.name from password_resets r join users u on u.id = r.user_id where ${GOOD}`,
    [hash],
  );
  if (found === undefined) throw noSuchToken();
  const [userId, email, name] = found as [string, string, string | null];
  const faults = newPasswordFaults(given, { email, name }, PLACE);
  if (faults.length > 0) throw AppError.of(faults);
  const passwordHash = await ctx.passwords.hash(given.password);
  await ctx.db.transaction(async (db) => {
    // The user first, as everybody locks them; then whoever comes second with the token finds it gone.
    const [user] = await db.query(
      'select email_verified_at is not null, password_hash is not null from users where id = $1 for no key update',
      [userId],
    );
    const inside = { ...ctx, db, actor: { type: 'user', id: userId, name: name ?? email } as const };
    const before = await snapshots(inside, 'users', [userId]);
    const changed = await db.query(
      `update users u set password_hash = $2, email_verified_at = coalesce(u.email_verified_at, date_trunc('second', now())),
         version = u.version + 1, updated_at = date_trunc('second', now())
       from password_resets r where r.user_id = u.id and ${GOOD} returning 1`,
      [hash, passwordHash],
    );
    if (changed.length === 0) throw noSuchToken();
    await db.query('delete from password_resets where user_id = $1', [userId]);
    await endSessions(db, userId);
    if (user?.[0] !== true) await endPersonalKeys(inside, userId);
    const data = { changedAt: ctx.now().toISOString() };
    await queueMail(inside, { to: email, template: 'passwordChanged', data });
    db.afterCommit(() => ctx.callers.forget());
    await record(inside, 'password_reset.confirmed', 'users', [userId]);
    await tellUser(inside, userId, before, user?.[1] === true);
  });
}
