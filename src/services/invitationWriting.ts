import type { Context } from '../context';
import { hashKey, keyStart, makeKey } from '../secrets';
import { record, snapshots } from './events';
import type { Host, Offer } from './invitationOffers';
import { queueMails } from './mail';

/** Days for which an invitation can be accepted unless it says otherwise (domain sheet 11). */
const USUAL_DAYS = 7;

/** Shown once. */
export interface Secret {
  readonly token: string;
  readonly acceptUrl: string;
}

/** A new token, and the URL that the invitee opens. */
export function makeSecret({ publicUrl }: Context, redirectUrl: string | null): Secret {
  const token = makeKey('inv');
  if (redirectUrl === null) return { token, acceptUrl: `${publicUrl()}/public/v2/invitations/${token}` };
  return { token, acceptUrl: `${redirectUrl}${redirectUrl.includes('?') ? '&' : '?'}token=${token}` };
}

/** When an invitation that is made now ends, unless it says otherwise. */
export const usualEnd = ({ now }: Context): string => new Date(now().getTime() + USUAL_DAYS * 86_400_000).toISOString();

/** Row of `jsonb_to_recordset`: what is written of an invitation, made first or anew. */
const RECORD = `x (id uuid, kind text, email text, name text, expires_at timestamptz, message text, locale text,
  redirect_url text, hash text, token_start text, sent integer, max_uses integer, all_workspaces boolean)`;

/** For `last_sent_at`. */
const SENT = "case when x.sent = 1 then date_trunc('second', now()) end";

/** An invitation that was written. */
export interface Written extends Secret {
  /** Of its offer. */
  readonly index: number;
  readonly outcome: 'created' | 'resent';
  readonly id: string;
  readonly isMailed: boolean;
}

/**
 * Writes invitations, those that are new and those that are made anew, and enqueues their mails.
 * @param renewed with the ids of the invitations that there are
 */
export async function writeOffers(
  ctx: Context,
  host: Host,
  fresh: readonly Offer[],
  renewed: readonly Offer[],
): Promise<Written[]> {
  const records = [...fresh, ...renewed].map((offer) => recordOf(ctx, offer));
  if (records.length === 0) return [];
  const made = JSON.stringify(records.slice(0, fresh.length).map(({ row }) => row));
  const resent = records.slice(fresh.length).map(({ row }) => row);
  const resentIds = resent.map(({ id }) => id);
  const before = resent.length > 0 ? await snapshots(ctx, 'invitations', resentIds) : undefined;
  const { userId } = ctx.caller;
  await ctx.db.query(
    `insert into invitations (id, organization_id, kind, email, name, expires_at, message, locale, redirect_url, hash,
       token_start, send_count, last_sent_at, max_uses, all_workspaces, invited_by_id)
     select x.id, $1, x.kind, x.email, x.name, date_trunc('second', x.expires_at), x.message, x.locale, x.redirect_url,
       decode(x.hash, 'hex'), x.token_start, x.sent, ${SENT}, x.max_uses, x.all_workspaces, $3
     from jsonb_to_recordset($2::jsonb) ${RECORD}`,
    [host.id, made, userId],
  );
  if (resent.length > 0) await renew(ctx, JSON.stringify(resent), resentIds);
  await writePresets(ctx, [...fresh, ...renewed]);
  await queueMails(
    ctx,
    records.filter(({ row }) => row.sent === 1).map(({ row, secret }) => mailOf(ctx, host, row, secret)),
    { organizationId: host.id },
  );
  await record(
    ctx,
    'invitation.created',
    'invitations',
    fresh.map(({ id }) => id),
  );
  await record(ctx, 'invitation.resent', 'invitations', resentIds, { before, always: true });
  return records.map(({ index, row, secret }, i) => ({
    index,
    outcome: i < fresh.length ? 'created' : 'resent',
    id: row.id,
    isMailed: row.sent === 1,
    ...secret,
  }));
}

function recordOf(ctx: Context, { index, id, attributes, workspaceIds }: Offer) {
  const { kind = 'email', email = null, name = null, message = null, locale = null, redirectUrl = null } = attributes;
  const { expiresAt = usualEnd(ctx), maxUses = 1, send } = attributes;
  const secret = makeSecret(ctx, redirectUrl as string | null);
  const row = {
    id,
    kind,
    email: email as string | null,
    name,
    expires_at: expiresAt as string,
    message: message as string | null,
    locale,
    redirect_url: redirectUrl,
    hash: hashKey(secret.token).toString('hex'),
    token_start: keyStart(secret.token),
    sent: kind === 'email' && send !== false && ctx.mailer !== null ? 1 : 0,
    max_uses: maxUses,
    all_workspaces: workspaceIds === null,
  };
  return { index, row, secret };
}

/** The presets are those of the new request; so is who invites. */
async function renew({ db, caller }: Context, records: string, ids: readonly string[]): Promise<void> {
  await db.query(
    `update invitations t set name = x.name, expires_at = date_trunc('second', x.expires_at), message = x.message,
       locale = x.locale, redirect_url = x.redirect_url, hash = decode(x.hash, 'hex'), token_start = x.token_start,
       send_count = t.send_count + x.sent, last_sent_at = coalesce(${SENT}, t.last_sent_at),
       all_workspaces = x.all_workspaces, invited_by_id = $2, version = t.version + 1,
       updated_at = date_trunc('second', now())
     from jsonb_to_recordset($1::jsonb) ${RECORD} where t.id = x.id`,
    [records, caller.userId],
  );
  await db.query('delete from invitation_roles where invitation_id = any($1::uuid[])', [ids]);
  await db.query('delete from invitation_workspaces where invitation_id = any($1::uuid[])', [ids]);
}

async function writePresets({ db }: Context, offers: readonly Offer[]): Promise<void> {
  const roles = offers.flatMap(({ id, roleIds }) => roleIds.map((role) => [id, role]));
  const workspaces = offers.flatMap(({ id, workspaceIds }) => (workspaceIds ?? []).map((workspace) => [id, workspace]));
  const columns = (pairs: readonly string[][]) => [pairs.map(([id]) => id), pairs.map(([, other]) => other)];
  await db.query(
    'insert into invitation_roles (invitation_id, role_id) select * from unnest($1::uuid[], $2::uuid[])',
    columns(roles),
  );
  if (workspaces.length === 0) return;
  await db.query(
    'insert into invitation_workspaces (invitation_id, workspace_id) select * from unnest($1::uuid[], $2::uuid[])',
    columns(workspaces),
  );
}

/** Key of the job that mails an invitation: one that still waits is replaced by a newer one. */
export const mailKey = (id: string): string => `invitations/${id}`;

/** The mail with the link, as a job. */
export function mailOf(
  { caller }: Context,
  host: Pick<Host, 'name'>,
  { id, email, message, expires_at }: { id: string; email: string | null; message: string | null; expires_at: string },
  { acceptUrl }: Secret,
) {
  const inviterName = caller.level === 'user' ? caller.name : null;
  const data = { organizationName: host.name, inviterName, message, acceptUrl, expiresAt: expires_at };
  return { key: mailKey(id), payload: { to: email ?? '', template: 'invitation' as const, data } };
}
