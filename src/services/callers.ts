import { hash } from 'node:crypto';
import type { Caller, Level } from '../context';
import type { Database, Row } from '../db/database';
import { AppError } from '../errors';
import { effectivePermissions } from '../permissions';
import { isCredential } from '../secrets';

/**
 * Milliseconds for which a looked-up credential is believed. Less than the second within which a revocation must reach
 * every process (INV-34), so that no process needs to be told; the one that revokes forgets at once.
 */
const BELIEVED_MS = 900;
const MOST_REMEMBERED = 10_000;
const SECONDS_BETWEEN_USES = 60;

interface Credential {
  readonly caller: Caller;
  readonly revoked: boolean;
  /** Milliseconds since the epoch, or null. */
  readonly expiresAt: number | null;
  readonly partnerSuspended: boolean;
  readonly lookedUpAt: number;
  lastUsedAt: number;
}

const LOOK_UP = `
  select k.id, k.level, k.name, k.partner_id, k.organization_id, k.scopes, k.ceiling,
    k.revoked_at is not null or o.status = 'pending_deletion', extract(epoch from k.expires_at) * 1000,
    p.status = 'suspended', o.status = 'suspended', coalesce(extract(epoch from k.last_used_at) * 1000, 0)
  from api_keys k
  left join organizations o on o.id = k.organization_id
  left join partners p on p.id = k.partner_id
  where k.hash = $1`;

/** Turns credentials into callers, and remembers the answer for less than a second. */
export class CallerCache {
  private remembered = new Map<string, Credential>();
  /** Goes up when everything is forgotten: a look-up begun before is not remembered. */
  private generation = 0;
  private readonly running = new Map<string, { generation: number; begunAt: number; found: Promise<Credential> }>();
  private readonly uses = new Set<Promise<unknown>>();

  constructor(
    private readonly db: Database,
    private readonly now: () => Date,
  ) {}

  /**
   * Who holds this credential. Order of the checks: domain sheet 6.3.
   * @throws AppError 401, or `partner_suspended`
   */
  find(credential: string, ip: string): Caller | Promise<Caller> {
    if (!isCredential(credential)) throw invalid();
    const digest = hash('sha256', credential, 'base64');
    const known = this.remembered.get(digest);
    const now = this.now().getTime();
    if (known !== undefined && now - known.lookedUpAt < BELIEVED_MS) return this.admit(known, now, ip);
    return this.share(digest, now).then((found) => this.admit(found, now, ip));
  }

  /** To be called when a credential, its partner or its organization has changed. */
  forget(): void {
    this.generation++;
    this.remembered.clear();
  }

  /** Resolves when the last uses have been written down. */
  async drain(): Promise<void> {
    await Promise.allSettled(this.uses);
  }

  /** One look-up for all requests that wait for the same credential: a busy one would else fill the pool each time. */
  private share(digest: string, now: number): Promise<Credential> {
    const running = this.running.get(digest);
    // A slow one is not joined for longer than its answer would be believed (INV-34).
    const isFresh = running?.generation === this.generation && now - running.begunAt < BELIEVED_MS;
    if (running !== undefined && isFresh) return running.found;
    const found = this.lookUp(digest, now).finally(() => {
      if (this.running.get(digest)?.found === found) this.running.delete(digest);
    });
    this.running.set(digest, { generation: this.generation, begunAt: now, found });
    return found;
  }

  private async lookUp(digest: string, now: number): Promise<Credential> {
    const { generation } = this;
    const [row] = await this.db.query(LOOK_UP, [Buffer.from(digest, 'base64')]);
    if (row === undefined) throw invalid();
    const found = readCredential(row, now);
    if (generation === this.generation) {
      // Old entries are useless after a second: when there are too many, most are.
      if (this.remembered.size >= MOST_REMEMBERED) this.remembered.clear();
      this.remembered.set(digest, found);
    }
    return found;
  }

  private admit(found: Credential, now: number, ip: string): Caller {
    if (found.revoked) throw new AppError('revoked_credential', 'This credential has been revoked.', HEADER);
    if (found.expiresAt !== null && found.expiresAt <= now) {
      throw new AppError('expired_credential', 'This credential has expired.', HEADER);
    }
    if (found.partnerSuspended) throw new AppError('partner_suspended', 'The partner of this credential is suspended.');
    if (now - found.lastUsedAt >= SECONDS_BETWEEN_USES * 1000) this.noteUse(found, now, ip);
    return found.caller;
  }

  /** Beside the request, not in it: a use that can't be written down is lost, the request is not. */
  private noteUse(found: Credential, now: number, ip: string): void {
    found.lastUsedAt = now;
    const use = this.db
      .query(
        `update api_keys set last_used_at = to_timestamp($2::double precision / 1000), last_used_ip = $3::inet
         where id = $1 and (last_used_at is null or last_used_at <= to_timestamp(($2::double precision) / 1000 - ${SECONDS_BETWEEN_USES}))`,
        [found.caller.credentialId, now, ip],
      )
      .catch(() => undefined)
      .finally(() => this.uses.delete(use));
    this.uses.add(use);
  }
}

const HEADER = { header: 'Authorization' };

/** One answer for credentials that are malformed, mistyped or unknown. */
function invalid(): AppError {
  return new AppError('invalid_credential', 'This credential is not valid.', HEADER);
}

function readCredential(row: Row, lookedUpAt: number): Credential {
  const [id, level, name, partnerId, organizationId, scopes, ceiling, revoked, expiresAt, partner, organization, used] =
    row;
  return {
    caller: {
      credentialId: id as string,
      level: level as Level,
      name: name as string,
      partnerId: partnerId as string | null,
      organizationId: organizationId as string | null,
      permissions: effectivePermissions(level as Level, scopes as string[], ceiling as string[]),
      scopes: (scopes as string[]).includes('*') ? (ceiling as string[]) : (scopes as string[]),
      organizationSuspended: organization === true,
    },
    revoked: revoked === true,
    expiresAt: expiresAt === null ? null : Number(expiresAt),
    partnerSuspended: partner === true,
    lookedUpAt,
    lastUsedAt: Number(used),
  };
}
