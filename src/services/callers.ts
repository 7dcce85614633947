import { hash } from 'node:crypto';
import type { BlockList } from 'node:net';
import { includesAddress, readAddresses } from '../addresses';
import type { Caller, Level } from '../context';
import type { Database, Row } from '../db/database';
import { AppError, type ErrorCode } from '../errors';
import { effectivePermissions, rankOf, scopesWithin } from '../permissions';
import { isCredential } from '../secrets';
import { Believed } from './believed';

const SECONDS_BETWEEN_USES = 60;
/** More than the rank of any role: the operator and the partner answer to no member. */
const NO_RANK = 1_000;

interface Credential {
  readonly caller: Caller;
  /** Why it is good for nothing any more. */
  readonly ended: string | null;
  /** Why whoever it is of lends it nothing. */
  readonly holderEnded: string | null;
  /** Milliseconds since the epoch, or null. */
  readonly expiresAt: number | null;
  /** When a rotated key ends; likewise. */
  readonly graceUntil: number | null;
  readonly partnerSuspended: boolean;
  /** null: any address. */
  readonly addresses: BlockList | null;
  /** Id of the access token; null for a key. */
  readonly accessTokenId: string | null;
  lastUsedAt: number;
}

/** What is read of a key and of all that it hangs on. */
const KEY_COLUMNS = `
  k.id, k.level, coalesce(u.name, u.email, k.name), k.partner_id, k.organization_id, coalesce(k.user_id, u.id), k.scopes, k.ceiling,
  case when k.revoked_at is not null then 'has been revoked' when k.disabled then 'is disabled' end,
  case when o.status = 'pending_deletion' then 'is of an organization that is being deleted'
    when u.status <> 'active' then 'is of a user who is not active' end,
  extract(epoch from k.expires_at) * 1000, extract(epoch from k.grace_until) * 1000, p.status = 'suspended',
  o.status = 'suspended', o.settings->>'requireIdempotencyKey' = 'true', k.ip_allow_list, k.rate_limit,
  case when not k.all_workspaces then array(select w.workspace_id from api_key_workspaces w where w.api_key_id = k.id) end`;

const LOOK_UP_KEY = `
  select ${KEY_COLUMNS}, null, null, null, null, null, coalesce(extract(epoch from k.last_used_at) * 1000, 0)
  from api_keys k
  left join organizations o on o.id = k.organization_id
  left join partners p on p.id = k.partner_id
  left join users u on u.id = k.user_id
  where k.hash = $1`;

const lookUpPair = (hashColumn: string, endSql: string) => `
  select ${KEY_COLUMNS}, a.id, a.family_id, a.scopes, a.revoked_at is not null, ${endSql},
    coalesce(extract(epoch from a.last_used_at) * 1000, 0)
  from access_tokens a
  left join api_keys k on k.id = a.api_key_id
  left join organizations o on o.id = k.organization_id
  left join partners p on p.id = k.partner_id
  left join users u on u.id = coalesce(a.user_id, k.user_id)
  where a.${hashColumn} = $1`;

const LOOK_UP_TOKEN = lookUpPair('hash', 'extract(epoch from a.expires_at) * 1000');
/** The access token beside it may have had its time. */
const LOOK_UP_REFRESH_TOKEN = lookUpPair('refresh_hash', 'null');

/** Turns credentials into callers, and remembers the answer for less than a second. */
export class CallerCache {
  private readonly credentials = new Believed<Credential>();
  /** What belongs to a caller and changes with him: forgotten together. */
  readonly standings = new Believed<unknown>();
  private readonly uses = new Set<Promise<unknown>>();

  constructor(
    private readonly db: Database,
    private readonly now: () => Date,
  ) {}

  /**
   * Who holds this credential. Order of the checks: domain sheet 6.3.
   * @throws AppError 401, `partner_suspended`, `ip_not_allowed`
   */
  find(credential: string, ip: string): Caller | Promise<Caller> {
    if (!isCredential(credential)) throw invalid();
    const digest = hash('sha256', credential, 'base64');
    const now = this.now().getTime();
    const isToken = /^at_(?:live|test)_/.test(credential);
    const found = this.credentials.find(digest, now, () => this.lookUp(digest, isToken));
    return found instanceof Promise ? found.then((each) => this.admit(each, now, ip)) : this.admit(found, now, ip);
  }

  /** To be called when a credential, a membership, a role, a partner or an organization has changed. */
  forget(): void {
    this.credentials.forget();
    this.standings.forget();
  }

  /** Resolves when the last uses have been written down. */
  async drain(): Promise<void> {
    await Promise.allSettled(this.uses);
  }

  private async lookUp(digest: string, isToken: boolean): Promise<Credential> {
    const sql = isToken ? LOOK_UP_TOKEN : LOOK_UP_KEY;
    const [row] = await this.db.query(sql, [Buffer.from(digest, 'base64')]);
    if (row === undefined) throw invalid();
    return readCredential(row);
  }

  private admit(found: Credential, now: number, ip: string): Caller {
    judge(found, now, ip);
    if (now - found.lastUsedAt >= SECONDS_BETWEEN_USES * 1000) this.noteUse(found, now, ip);
    return found.caller;
  }

  /** Beside the request, not in it: a use that can't be written down is lost, the request is not. */
  private noteUse(found: Credential, now: number, ip: string): void {
    found.lastUsedAt = now;
    const { caller, accessTokenId } = found;
    const seconds = '$2::double precision / 1000';
    const isDue = (column: string) =>
      `(${column} is null or ${column} <= to_timestamp(${seconds} - ${SECONDS_BETWEEN_USES}))`;
    const table = accessTokenId === null ? 'api_keys' : 'access_tokens';
    const use = this.db
      .query(
        `with used as (update ${table} set last_used_at = to_timestamp(${seconds}), last_used_ip = $3::inet
           where id = $1 and ${isDue('last_used_at')})
         update users set last_seen_at = date_trunc('second', to_timestamp(${seconds})) where id = $4 and ${isDue('last_seen_at')}`,
        [accessTokenId ?? caller.credentialId, now, ip, caller.userId],
      )
      .catch(() => undefined)
      .finally(() => this.uses.delete(use));
    this.uses.add(use);
  }
}

/** @throws AppError 401, `partner_suspended`, `ip_not_allowed` */
function judge(found: Credential, now: number, ip: string): void {
  const { ended, holderEnded, expiresAt, graceUntil, partnerSuspended, addresses } = found;
  if (graceUntil !== null && graceUntil <= now) throw revoked('has been replaced');
  if (ended !== null) throw revoked(ended);
  if (expiresAt !== null && expiresAt <= now) {
    throw new AppError('expired_credential', 'This credential has expired.', HEADER);
  }
  if (holderEnded !== null) throw revoked(holderEnded);
  if (partnerSuspended) throw barred(found, 'partner_suspended', 'The partner of this credential is suspended.');
  if (addresses !== null && !includesAddress(addresses, ip)) {
    throw barred(found, 'ip_not_allowed', 'This credential can’t be used from this address.');
  }
}

const barred = ({ caller }: Credential, code: ErrorCode, detail: string): AppError =>
  Object.assign(new AppError(code, detail), { caller });

/**
 * Who stands behind a refresh token, judged as `find` judges an access token of the pair, but for that one's end. It is
 * asked inside the transaction that refreshes, and remembers nothing.
 * @param now milliseconds since the epoch
 * @throws AppError 401, `partner_suspended`, `ip_not_allowed`
 */
export async function holderOf(db: Database, refreshHash: Buffer, now: number, ip: string): Promise<Caller> {
  const [row] = await db.query(LOOK_UP_REFRESH_TOKEN, [refreshHash]);
  if (row === undefined) throw invalid();
  const found = readCredential(row);
  judge(found, now, ip);
  return found.caller;
}

const HEADER = { header: 'Authorization' };

/** One answer for credentials that are malformed, mistyped or unknown. */
function invalid(): AppError {
  return new AppError('invalid_credential', 'This credential is not valid.', HEADER);
}

/** Only the holder of the real secret gets here. */
const revoked = (why: string): AppError => new AppError('revoked_credential', `This credential ${why}.`, HEADER);

const numberOrNull = (value: unknown): number | null => (value === null ? null : Number(value));

/** The sooner of two ends, where null is never. */
const sooner = (a: number | null, b: number | null): number | null =>
  a === null || b === null ? (a ?? b) : Math.min(a, b);

function readCredential(row: Row): Credential {
  const [keyId, keyLevel, name, partnerId, organizationId, userId, keyScopes, ceiling, ended, holderEnded] = row;
  const [keyEnd, grace, partner, organization, needsKey, addresses, rateLimit, workspaceIds] = row.slice(10);
  const [tokenId, familyId, tokenScopes, tokenRevoked, tokenEnd, used] = row.slice(18);
  const level = (keyLevel ?? 'user') as Level;
  const ofKey = scopesWithin((keyScopes ?? ['*']) as string[], (ceiling ?? ['*']) as string[]);
  const scopes = scopesWithin((tokenScopes ?? ['*']) as string[], ofKey);
  return {
    caller: {
      credentialId: (familyId ?? keyId) as string,
      apiKeyId: keyId as string | null,
      level,
      name: name as string,
      partnerId: partnerId as string | null,
      organizationId: organizationId as string | null,
      userId: userId as string | null,
      permissions: effectivePermissions(level, scopes),
      scopes,
      rank: level === 'platform' || level === 'partner' ? NO_RANK : rankOf((ceiling ?? ['*']) as string[]),
      workspaceIds: workspaceIds as string[] | null,
      rateLimit: rateLimit as Caller['rateLimit'],
      organizationSuspended: organization === true,
      needsIdempotencyKey: needsKey === true,
    },
    ended: (ended as string | null) ?? (tokenRevoked === true ? 'has been revoked' : null),
    holderEnded: holderEnded as string | null,
    expiresAt: sooner(numberOrNull(keyEnd), numberOrNull(tokenEnd)),
    graceUntil: numberOrNull(grace),
    partnerSuspended: partner === true,
    addresses: readAddresses((addresses ?? []) as string[]),
    accessTokenId: tokenId as string | null,
    lastUsedAt: Number(used),
  };
}
