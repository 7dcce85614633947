import type { AccessToken } from '../../entities';
import type { Context, OpenContext, Services } from '../context';
import { AppError } from '../errors';
import { effectivePermissions, type Permission } from '../permissions';
import { insertPair } from './accessTokens';
import { removeRows } from './sweeper';

/** The same for whatever is wrong, so that nobody learns who has an account. */
const refused = (): AppError =>
  new AppError('invalid_credential', 'The e-mail address or the password is wrong.', { pointer: '/data/attributes' });

/**
 * What a token may do of what its maker may.
 * @param asked undefined: all
 * @param all the narrowest form of `permissions`
 * @throws AppError `cannot_grant`
 */
function grantedScopes(
  asked: readonly string[] | undefined,
  permissions: ReadonlySet<Permission>,
  all: readonly string[],
): readonly string[] {
  if (asked === undefined || asked.includes('*')) return all;
  const lacking = asked.filter((scope) => !permissions.has(scope as Permission));
  if (lacking.length === 0) return asked;
  throw new AppError('cannot_grant', `This credential can't grant ${lacking.join(', ')}.`, {
    pointer: '/data/attributes/scopes',
  });
}

interface Wanted {
  readonly scopes: readonly string[] | undefined;
  readonly userAgent: string | null;
}

/** Whether somebody has signed in to the account from the network before. */
export async function isKnownNetwork(ctx: Pick<Context, 'db'>, email: string, network: string): Promise<boolean> {
  const [row] = await ctx.db.query(
    `select exists (select 1 from user_networks n join users u on u.id = n.user_id
       where lower(u.email) = lower($1) and n.network = $2)`,
    [email, network],
  );
  return row?.[0] === true;
}

/**
 * Signs a person in. Whoever may not gets one answer after one hash, whether there is such an account, it has a
 * password, it is active, or the password is wrong.
 * @param network that is remembered, so that strangers can't keep him out there (`limitSignIn`)
 * @throws AppError `invalid_credential`, `cannot_grant`; `unavailable` when too many wait
 */
export async function signIn(
  ctx: OpenContext,
  { email, password, network, ...wanted }: Wanted & { email: string; password: string; network: string },
): Promise<AccessToken> {
  const scopes = grantedScopes(wanted.scopes, effectivePermissions('user', ['*']), ['*']);
  const [row] = await ctx.db.query(
    "select id, coalesce(name, email), password_hash from users where lower(email) = lower($1) and status = 'active'",
    [email],
  );
  const [userId, name, passwordHash] = (row ?? [null, null, null]) as [string, string, string | null];
  if (!(await ctx.passwords.verify(passwordHash, password))) throw refused();
  return ctx.db.transaction(async (db) => {
    // A change of the password waits for this, or is seen here: no session outlives it that was begun with the old one.
    const [still] = await db.query(
      "select 1 from users where id = $1 and status = 'active' and password_hash = $2 for share",
      [userId, passwordHash],
    );
    if (still === undefined) throw refused();
    await db.query(
      `insert into user_networks (user_id, network) values ($1, $2)
       on conflict (user_id, network) do update set last_used_at = now()`,
      [userId, network],
    );
    const cause = { ...ctx, db, actor: { type: 'user', id: userId, name } as const };
    return insertPair(cause, { userId, apiKeyId: null, organizationId: null }, { ...wanted, scopes });
  });
}

/**
 * Tokens that may do what their key may, or less.
 * @throws AppError `permission_denied` for a caller who holds an access token himself, `cannot_grant`
 */
export async function issueTokens(ctx: Context, wanted: Wanted): Promise<AccessToken> {
  const { apiKeyId, credentialId, organizationId, permissions, scopes: all } = ctx.caller;
  if (apiKeyId !== credentialId) {
    const meta = { required: 'tokens:issue' };
    throw new AppError('permission_denied', 'Only keys make access tokens.', undefined, { meta });
  }
  const scopes = grantedScopes(wanted.scopes, permissions, all);
  return insertPair(ctx, { apiKeyId, organizationId, userId: null }, { ...wanted, scopes });
}

/** Removes what has had its time: families of tokens after a day, offers of new passwords, networks after half a year. */
export async function removeEndedSignIns({ db }: Pick<Services, 'db'>): Promise<void> {
  await removeRows(db, 'password_resets', 'expires_at < now()');
  await removeRows(db, 'access_tokens', "family_ends_at < now() - interval '1 day'");
  await removeRows(db, 'user_networks', "last_used_at < now() - interval '180 days'");
}
