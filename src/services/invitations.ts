import { Invitation } from '../../entities';
import type { Context } from '../context';
import type { Database, Row } from '../db/database';
import { callerScope, ownedBy, selectOne } from '../db/select';
import { Table } from '../db/table';
import { type Changes, Expression, type Guard, type IfMatch, updateRow, versionGuard } from '../db/write';
import { AppError, type Fault, notFound } from '../errors';
import { hashKey, keyStart } from '../secrets';
import { authorize } from './access';
import { type Create, crud, type Input, lockOrganization, ownerOf, type Parameters, type Remove } from './crud';
import { record, type Snapshot } from './events';
import { ROLE_TO_GIVE, readRoleToGive, refusalOf } from './granting';
import { type Invited, inviteAll, pauseFault, placesOfAddresses } from './invitationBatch';
import { type Host, lockHost } from './invitationOffers';
import { mailKey, mailOf, makeSecret, usualEnd } from './invitationWriting';
import { queueMails } from './mail';
import { organizationTable } from './organizations';
import { checkQuota } from './quotas';
import { userTable } from './users';

const EMAIL = { pointer: '/data/attributes/email' };
const NOW = "date_trunc('second', now())";

/** SQL of the status of an invitation `row`, which is over as soon as its time is (INV-21). */
export const statusSql = (row: string): string =>
  `case when ${row}.status = 'pending' and ${row}.expires_at <= now() then 'expired' else ${row}.status end`;

export const invitationTable = new Table(Invitation, {
  ...ownedBy('invitations:read'),
  computed: {
    status: statusSql('t'),
    send: 'null::boolean',
    roleIds: `array(select r.id from invitation_roles ir join roles r on r.id = ir.role_id
      where ir.invitation_id = t.id order by r.rank desc, r.id desc)`,
    workspaceIds:
      'array(select iw.workspace_id from invitation_workspaces iw where iw.invitation_id = t.id order by 1)',
  },
  references: {
    organizationId: () => organizationTable as unknown as Table,
    invitedById: () => userTable as unknown as Table,
    acceptedById: () => userTable as unknown as Table,
    revokedById: () => userTable as unknown as Table,
  },
  caseless: ['email'],
  counted: callerScope('invitations'),
});

const plain = crud(invitationTable);
export const { list: listInvitations, get: getInvitation, rows: invitationRows } = plain;

/**
 * Invites somebody, by mail or by a link; `token` and `acceptUrl` are on the result, once.
 * @param parameters `onConflict: 'resend'` makes a pending invitation to the same address anew (INV-19)
 * @throws AppError `already_invited`, `already_member`, `organization_suspended`, `cannot_grant`, `owner_required`,
 * `not_allowed`, `rate_limited`; `not_found` for a role or workspace of another organization
 */
export const createInvitation: Create<Invitation> = (ctx, input, parameters = {}) =>
  ctx.db.transaction(async (db) => {
    const inside = { ...ctx, db };
    const host = await lockHost(inside, await ownerOf(inside, input));
    const [invited] = await inviteAll(inside, host, [input], resendsOn(parameters));
    const { id, token, acceptUrl } = madeBy(invited as Invited);
    return Object.assign(await read(inside, id), { token, acceptUrl });
  });

const resendsOn = ({ onConflict }: Parameters): boolean => onConflict === 'resend';

async function read(ctx: Context, id: string): Promise<Invitation> {
  const found = await selectOne(ctx, invitationTable, id, invitationTable.properties);
  if (found === null) throw notFound();
  return found;
}

function madeBy(invited: Invited) {
  switch (invited.outcome) {
    case 'refused':
      throw invited.error;
    case 'already_member':
      throw new AppError('already_member', 'Somebody with this e-mail address is a member.', EMAIL);
    case 'already_invited':
      throw alreadyInvited(invited.id, EMAIL);
    default:
      return invited;
  }
}

const alreadyInvited = (invitationId: string, source?: Fault['source']): AppError =>
  new AppError('already_invited', 'There is a pending invitation to this e-mail address.', source, {
    meta: { invitationId },
  });

/**
 * Invites many into one organization, in a number of statements that does not depend on how many they are.
 * @param rows an error stands for one that could not be read: it is refused with it
 * @returns what came of each, in the same order; one that is refused does not stop the others
 * @throws AppError for what is wrong with the whole: `permission_denied`, `organization_suspended`, `not_found`
 */
export async function inviteMany(
  ctx: Context,
  rows: readonly (Input | AppError)[],
  parameters: Parameters = {},
): Promise<Invited[]> {
  const organizations = rows.map((row) => (row instanceof AppError ? null : organizationOf(ctx, row)));
  const first = organizations.findIndex((each) => each !== null);
  const results = rows.map((row, i): Invited | null => {
    if (row instanceof AppError) return { outcome: 'refused', error: row };
    if (organizations[i] === null) return { outcome: 'refused', error: new AppError('required', NO_ORGANIZATION) };
    if (organizations[i] === organizations[first]) return null;
    return { outcome: 'refused', error: new AppError('not_allowed', 'All invitations are of one organization.') };
  });
  if (first < 0) return results as Invited[];
  const inputs = rows.filter((_row, i) => results[i] === null) as Input[];
  const invited = await inviteInto(ctx, organizations[first] as string, first, inputs, parameters);
  return results.map((result) => result ?? (invited.shift() as Invited));
}

const NO_ORGANIZATION = 'Name the organization that this is for.';

const organizationOf = ({ caller }: Context, { relationships }: Input): string | null =>
  (relationships.organization as string | null | undefined) ?? caller.organizationId;

async function inviteInto(
  ctx: Context,
  organizationId: string,
  index: number,
  inputs: readonly Input[],
  parameters: Parameters,
): Promise<Invited[]> {
  try {
    await authorize(ctx, 'invitations.bulk', { organizationId }, true);
    return await ctx.db.transaction(async (db) => {
      const inside = { ...ctx, db };
      return inviteAll(inside, await lockHost(inside, organizationId), inputs, resendsOn(parameters));
    });
  } catch (error) {
    if (!(error instanceof AppError) || error.status !== 404) throw error;
    throw notFound('There is no such organization.', { pointer: `/data/${index}` });
  }
}

const PENDING_OR_EXPIRED: Guard = {
  sql: () => "old.status in ('pending', 'expired')",
  error: () => new AppError('invalid_transition', 'Only pending and expired invitations can be changed.'),
};

/**
 * Revokes an invitation: its token is dead at once, the row stays. A mail that still waits is not sent.
 * @throws AppError `invalid_transition` unless it is pending or expired
 */
export const revokeInvitation: Remove = (ctx, id, ifMatch) =>
  ctx.db.transaction(async (db) => {
    const inside = { ...ctx, db };
    await lockOrganization(inside, await organizationIdOf(inside, id));
    const changes: Changes<Invitation> = {
      status: 'revoked',
      revokedAt: new Expression(() => NOW),
      revokedById: ctx.caller.userId,
    };
    const guards = [...versionGuard(ifMatch), PENDING_OR_EXPIRED];
    const told = { kind: 'invitation.revoked', type: 'invitations' } as const;
    await updateRow(inside, invitationTable, id, changes, guards, undefined, told);
    await unqueue(db, [[id]]);
  });

/** It is locked before the invitation, as by everybody. */
const organizationIdOf = async (ctx: Context, id: string): Promise<string> =>
  (await plain.get(ctx, id, ['id', 'organizationId'])).organizationId;

/**
 * Makes a new token and expiry, and mails it; the old token is dead at once (INV-22). Whoever resends vouches for the
 * invitation from then on, so that he must be able to give its roles himself: he gets to see the token.
 * @param settings `send: false` mails nothing
 * @throws AppError `invalid_transition`, `rate_limited`, `cannot_grant`, `owner_required`, `already_member`,
 * `already_invited` when another one has become pending since
 */
export async function resendInvitation(
  ctx: Context,
  id: string,
  settings: Readonly<Record<string, unknown>>,
  ifMatch: IfMatch,
): Promise<Invitation> {
  return ctx.db.transaction(async (db) => {
    const inside = { ...ctx, db };
    const host = await lockHost(inside, await organizationIdOf(inside, id));
    const found = await updateRow(inside, invitationTable, id, {}, [...versionGuard(ifMatch), PENDING_OR_EXPIRED]);
    await checkPlace(inside, found);
    await checkPresets(inside, host, found);
    if (found.status === 'expired') await checkQuota(inside, host.id, 'invitations');
    const secret = makeSecret(ctx, found.redirectUrl);
    const isMailed = ctx.mailer !== null && found.kind === 'email' && settings.send !== false;
    const changes: Changes<Invitation> = {
      status: 'pending',
      hash: hashKey(secret.token),
      tokenStart: keyStart(secret.token),
      expiresAt: new Expression((bind) => `date_trunc('second', ${bind(usualEnd(ctx))}::timestamptz)`),
      invitedById: ctx.caller.userId,
      ...(isMailed
        ? { sendCount: new Expression(() => 'old.send_count + 1'), lastSentAt: new Expression(() => NOW) }
        : {}),
    };
    const told = { kind: 'invitation.resent', type: 'invitations' } as const;
    const sent = await updateRow(inside, invitationTable, id, changes, [], undefined, told);
    const { email, message, expiresAt } = sent;
    const mail = mailOf(ctx, host, { id, email, message, expires_at: expiresAt }, secret);
    if (isMailed) await queueMails(inside, [mail], { organizationId: host.id });
    return Object.assign(sent, secret);
  });
}

async function checkPlace(ctx: Context, { id, organizationId, email, lastSentAt }: Invitation): Promise<void> {
  const [place] = await placesOfAddresses(ctx, organizationId, [email]);
  if (place?.isMember) throw new AppError('already_member', 'Somebody with this e-mail address is a member.');
  if (place?.pendingId && place.pendingId !== id) throw alreadyInvited(place.pendingId);
  const [row] = await ctx.db.query('select extract(epoch from now() - $1::timestamptz)', [lastSentAt]);
  const pause = pauseFault(ctx, row?.[0] === null ? null : Number(row?.[0]));
  if (pause !== undefined) throw pause;
}

/** INV-13, for the roles that are left and the workspaces. */
async function checkPresets(ctx: Context, host: Host, { roleIds, workspaceIds, allWorkspaces }: Invitation) {
  const rows = await ctx.db.query(`select ${ROLE_TO_GIVE} from roles r where r.id = any($1::uuid[])`, [roleIds]);
  const roles = rows.length === 0 ? [host.defaultRole] : rows.map(readRoleToGive);
  for (const role of roles) {
    const refusal = refusalOf(host.standing, role);
    if (refusal !== null) throw new AppError(...refusal);
  }
  if (!coversWorkspaces(host.standing.workspaceIds, allWorkspaces ? null : workspaceIds)) {
    throw new AppError('cannot_grant', 'You have no access to all of its workspaces yourself.');
  }
}

/** Whether somebody limited to `own` workspaces may give `given` ones; null: all. */
export const coversWorkspaces = (own: readonly string[] | null, given: readonly string[] | null): boolean =>
  own === null || given?.every((id) => own.includes(id)) === true;

/**
 * Removes the pending invitations to an address, and the mails that wait, when its user is erased (domain sheet 9.10).
 * Those that are over tell whom an organization has invited, but not any more who that was. To be called in a
 * transaction, with the organizations locked.
 * @param standIn what they hold in the place of the address
 */
export async function removeInvitationsFor({ db }: Pick<Context, 'db'>, email: string, standIn: string): Promise<void> {
  const rows = await db.query(
    "delete from invitations where lower(email) = lower($1) and status = 'pending' returning id",
    [email],
  );
  await db.query(
    `update invitations set email = $2, name = null, message = null, locale = null, version = version + 1,
       updated_at = ${NOW} where lower(email) = lower($1)`,
    [email, standIn],
  );
  await unqueue(db, rows);
}

const unqueue = (db: Database, invitations: readonly Row[]): Promise<unknown> =>
  db.query('delete from jobs where key = any($1)', [invitations.map(([id]) => mailKey(id as string))]);

/** Revokes what is pending in an organization that is being deleted (domain sheet 6.1); it stays so after a restore. */
export async function revokeInvitationsOf(ctx: Context, organizationId: string): Promise<void> {
  const rows = await ctx.db.query(
    `update invitations t set status = 'revoked', revoked_at = ${NOW}, revoked_by_id = $2, version = version + 1,
       updated_at = ${NOW}
     from (select i.id, ${statusSql('i')} as status from invitations i
       where i.organization_id = $1 and i.status = 'pending' for no key update) old
     where t.id = old.id returning t.id, old.status`,
    [organizationId, ctx.caller.userId],
  );
  await unqueue(ctx.db, rows);
  const before = new Map(rows.map(([id, status]) => [id as string, beforeRevocation(status as string)]));
  await record(ctx, 'invitation.revoked', 'invitations', [...before.keys()], { before });
}

const beforeRevocation = (status: string): Snapshot =>
  JSON.stringify({ attributes: { status, revokedAt: null }, relationships: { revokedBy: { data: null } } });
