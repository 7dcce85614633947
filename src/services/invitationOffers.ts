import { domainToASCII } from 'node:url';
import { v7 as uuidv7 } from 'uuid';
import type { Context } from '../context';
import { AppError, type Fault, notFound } from '../errors';
import { hashKey, keyStart, makeKey } from '../secrets';
import { type Standing, standingNow } from './access';
import { type Input, lockOrganization } from './crud';
import { DEFAULT_ROLE, ROLE_TO_GIVE, type RoleToGive, readRoleToGive, refusalOf } from './granting';
import { queueMails } from './mail';
import { checkQuota } from './quotas';

/** Days for which an invitation can be accepted unless it says otherwise (domain sheet 11). */
const USUAL_DAYS = 7;
const [SHORTEST_MS, LONGEST_MS] = [3_600_000, 30 * 86_400_000];
/** Clocks of clients may differ by so much, and requests take their time. */
const TOLERANCE_MS = 30_000;
/** Seconds between two mails of one invitation (domain sheet 11). */
const PAUSE_SECONDS = 60;

/** The organization that invites, locked, and what the caller may do in it. */
export interface Host {
  readonly id: string;
  readonly name: string;
  readonly allowedDomains: readonly string[];
  readonly defaultRole: RoleToGive;
  readonly standing: Standing;
}

/** What came of one invitation that was asked for (domain sheet 9.4). */
export type Invited =
  | ({ readonly outcome: 'created' | 'resent'; readonly id: string; readonly isMailed: boolean } & Secret)
  | { readonly outcome: 'already_member' }
  | { readonly outcome: 'already_invited'; readonly id: string }
  | { readonly outcome: 'refused'; readonly error: AppError };

/** Shown once. */
export interface Secret {
  readonly token: string;
  readonly acceptUrl: string;
}

/** One invitation that may be made. */
interface Offer {
  /** Its place among those that were asked for. */
  readonly index: number;
  /** Of the invitation, unless one is made anew. */
  readonly id: string;
  readonly attributes: Record<string, unknown>;
  readonly roleIds: readonly string[];
  /** null: all. */
  readonly workspaceIds: readonly string[] | null;
}

const attribute = (name: string) => ({ pointer: `/data/attributes/${name}` });
const linkage = (name: string, index: number) => ({ pointer: `/data/relationships/${name}/data/${index}` });

/**
 * Locks the organization in which the caller invites.
 * @throws AppError `not_found` for one that he can't see, `organization_suspended`
 */
export async function lockHost(ctx: Context, organizationId: string): Promise<Host> {
  await lockOrganization(ctx, organizationId);
  const [row] = await ctx.db.query(
    `select o.name, o.status, coalesce(o.settings->'allowedInviteDomains', '[]'), ${ROLE_TO_GIVE}
     from organizations o cross join lateral (${DEFAULT_ROLE}) r where o.id = $1`,
    [organizationId],
  );
  const [name, status, domains, ...role] = row ?? [];
  if (status === 'suspended') throw new AppError('organization_suspended', 'The organization is suspended.');
  return {
    id: organizationId,
    name: name as string,
    allowedDomains: (domains as string[]).map((each) => each.toLowerCase()),
    defaultRole: readRoleToGive(role),
    standing: await standingNow(ctx, organizationId),
  };
}

/**
 * Makes invitations, and mails those that are to be mailed: some ten statements, however many there are. To be called
 * in a transaction, with the host locked in it.
 * @param resends whether a pending invitation to the same address is made anew, with a new token (INV-19)
 * @returns what came of each, in the same order
 */
export async function inviteAll(
  ctx: Context,
  host: Host,
  inputs: readonly Input[],
  resends: boolean,
): Promise<Invited[]> {
  const results: Invited[] = [];
  const offers = await judge(ctx, host, inputs, results);
  const places = await placesOf(ctx, host.id, offers);
  const made = new Map<string, string>();
  const [fresh, renewed]: Offer[][] = [[], []];
  for (const [i, offer] of offers.entries()) {
    const { key, isMember, pendingId, secondsSinceMail } = places[i] as Place;
    const twin = key === null ? undefined : made.get(key);
    const pause = resends ? pauseFault(ctx, secondsSinceMail) : undefined;
    if (isMember) results[offer.index] = { outcome: 'already_member' };
    else if (twin !== undefined) results[offer.index] = { outcome: 'already_invited', id: twin };
    else if (pendingId !== null && !resends) results[offer.index] = { outcome: 'already_invited', id: pendingId };
    else if (pendingId !== null && pause !== undefined) results[offer.index] = { outcome: 'refused', error: pause };
    else {
      if (pendingId === null) fresh?.push(offer);
      else renewed?.push({ ...offer, id: pendingId });
      if (key !== null) made.set(key, pendingId ?? offer.id);
    }
  }
  await write(ctx, host, await withinQuota(ctx, host, fresh ?? [], results), renewed ?? [], results);
  return results;
}

/** Those that there is room for; the last ones are refused. */
async function withinQuota(ctx: Context, host: Host, offers: Offer[], results: Invited[]): Promise<Offer[]> {
  if (offers.length === 0) return offers;
  try {
    await checkQuota(ctx, host.id, 'invitations', offers.length);
    return offers;
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    const { limit = 0, used = 0 } = (error.faults[0]?.meta ?? {}) as { limit?: number; used?: number };
    const room = Math.max(0, limit - used);
    for (const { index } of offers.slice(room)) results[index] = { outcome: 'refused', error };
    return offers.slice(0, room);
  }
}

/** Those that may be made, as far as that does not depend on who is there already; the others are refused. */
async function judge(ctx: Context, host: Host, inputs: readonly Input[], results: Invited[]): Promise<Offer[]> {
  const named = (relationship: string) => [...new Set(inputs.flatMap((each) => listOf(each, relationship)))];
  const roles = await ctx.db.query(
    `select ${ROLE_TO_GIVE} from roles r where r.id = any($1::uuid[]) and (r.organization_id is null or r.organization_id = $2)`,
    [named('roles'), host.id],
  );
  const workspaces = await ctx.db.query(
    'select id, status from workspaces where id = any($1::uuid[]) and organization_id = $2',
    [named('workspaces'), host.id],
  );
  const known = {
    roles: new Map(roles.map((row) => [row[0] as string, readRoleToGive(row)])),
    workspaces: new Map(workspaces.map(([id, status]) => [id as string, status as string])),
  };
  return inputs.flatMap((input, index) => {
    const faults = [...formFaults(ctx, host, input), ...presetFaults(host, input, known)];
    if (faults.length > 0) {
      results[index] = { outcome: 'refused', error: AppError.of(faults) };
      return [];
    }
    const asked = listOf(input, 'roles');
    const roleIds = asked.length === 0 ? [host.defaultRole.id] : asked;
    const limits = listOf(input, 'workspaces');
    // Whoever is limited himself can't open the rest to others.
    const workspaceIds = limits.length === 0 ? host.standing.workspaceIds : limits;
    return [{ index, id: uuidv7(), attributes: input.attributes, roleIds, workspaceIds }];
  });
}

/** Ids that a relationship names, each once. */
const listOf = ({ relationships }: Input, name: string): string[] => [
  ...new Set((relationships[name] ?? []) as readonly string[]),
];

/** What is wrong with the attributes, beyond what their schemas say. */
function formFaults(ctx: Context, { allowedDomains }: Host, { attributes }: Input): Fault[] {
  const { kind = 'email', email = null, send, maxUses = 1, expiresAt, redirectUrl } = attributes;
  const isMail = kind === 'email';
  const faults: Fault[] = [];
  const refuse = (name: string, detail: string) =>
    faults.push({ code: 'not_allowed', detail, source: attribute(name), meta: { attribute: name, message: detail } });
  if (isMail && email === null) {
    const detail = 'email is required for this kind of invitation.';
    const pointer = Object.keys(attributes).length === 0 ? '/data' : '/data/attributes';
    faults.push({ code: 'required', detail, source: { pointer }, meta: { attribute: 'email', message: detail } });
  }
  if (!isMail && email !== null) refuse('email', 'A link is for nobody’s e-mail address.');
  if (!isMail && send === true) refuse('send', 'A link is not mailed.');
  if (isMail && maxUses !== 1) refuse('maxUses', 'Only a link can be used more than once.');
  if (email !== null && allowedDomains.length > 0 && !allowedDomains.includes(domainOf(email as string))) {
    refuse('email', 'The organization does not invite to addresses of this domain.');
  }
  const life = expiresAt === undefined ? SHORTEST_MS : Date.parse(expiresAt as string) - ctx.now().getTime();
  if (life < SHORTEST_MS - TOLERANCE_MS || life > LONGEST_MS + TOLERANCE_MS) {
    refuse('expiresAt', 'expiresAt must be between 1 hour and 30 days ahead.');
  }
  if (typeof redirectUrl === 'string' && !isAllowedRedirect(ctx, redirectUrl)) {
    refuse('redirectUrl', 'redirectUrl is not of an origin that INVITATION_REDIRECT_ORIGINS allows.');
  }
  return faults;
}

/** In ASCII and lower case, as domains are compared. */
const domainOf = (email: string): string => domainToASCII(email.slice(email.lastIndexOf('@') + 1)).toLowerCase();

function isAllowedRedirect({ config, publicUrl }: Context, url: string): boolean {
  const { origin } = new URL(url);
  return origin === new URL(publicUrl()).origin || config.invitationRedirectOrigins.includes(origin);
}

interface Known {
  readonly roles: ReadonlyMap<string, RoleToGive>;
  /** Id → status. */
  readonly workspaces: ReadonlyMap<string, string>;
}

/** Roles and workspaces that are not there, or that the caller may not give (INV-13). */
function presetFaults({ defaultRole, standing }: Host, input: Input, known: Known): Fault[] {
  const asked = (name: string) => (input.relationships[name] ?? []) as readonly string[];
  const ofRole = (id: string, i: number): Fault[] => {
    const role = known.roles.get(id);
    if (role === undefined) return [...notFound('There is no such role.', linkage('roles', i)).faults];
    return refusal(standing, role, linkage('roles', i));
  };
  const ofWorkspace = (id: string, i: number): Fault[] => {
    const source = linkage('workspaces', i);
    const status = known.workspaces.get(id);
    if (status === undefined) return [...notFound('There is no such workspace.', source).faults];
    if (standing.workspaceIds?.includes(id) === false) {
      return [{ code: 'cannot_grant', detail: 'You can’t give a workspace that you are not in.', source }];
    }
    if (status !== 'archived') return [];
    return [{ code: 'not_allowed', detail: 'An archived workspace is given to nobody.', source }];
  };
  const roles = asked('roles');
  return [
    ...(roles.length === 0 ? refusal(standing, defaultRole, { pointer: '/data' }) : []),
    ...roles.flatMap(ofRole),
    ...asked('workspaces').flatMap(ofWorkspace),
  ];
}

function refusal(standing: Standing, role: RoleToGive, source: Fault['source']): Fault[] {
  const found = refusalOf(standing, role);
  return found === null ? [] : [{ code: found[0], detail: found[1], source }];
}

/** What stands in the way of an invitation to an address. */
interface Place {
  /** The address as it is compared; null for a link. */
  readonly key: string | null;
  readonly isMember: boolean;
  readonly pendingId: string | null;
  /** Since the pending one was last mailed; null: never. */
  readonly secondsSinceMail: number | null;
}

/** Marks those whose time is over first: they are in nobody's way (INV-19, INV-20, INV-21). */
async function placesOf(ctx: Context, organizationId: string, offers: readonly Offer[]): Promise<Place[]> {
  return placesOfAddresses(
    ctx,
    organizationId,
    offers.map(({ attributes }) => (attributes.email ?? null) as string | null),
  );
}

/** @param emails null: a link, which nothing stands in the way of */
export async function placesOfAddresses(
  { db }: Pick<Context, 'db'>,
  organizationId: string,
  emails: readonly (string | null)[],
): Promise<Place[]> {
  await db.query(
    `update invitations i set status = 'expired' from (select distinct lower(e) from unnest($2::text[]) e) e (email)
     where i.organization_id = $1 and i.status = 'pending' and i.expires_at <= now() and lower(i.email) = e.email`,
    [organizationId, emails],
  );
  const rows = await db.query(
    `select e.email, exists (select 1 from users u join members m on m.user_id = u.id
         where lower(u.email) = e.email and m.organization_id = $1),
       i.id, extract(epoch from now() - i.last_sent_at)
     from (select lower(e), n from unnest($2::text[]) with ordinality e (e, n)) e (email, n)
     left join invitations i on i.organization_id = $1 and i.status = 'pending' and lower(i.email) = e.email
     order by e.n`,
    [organizationId, emails],
  );
  return rows.map(
    ([key, isMember, pendingId, seconds]): Place => ({
      key: key as string | null,
      isMember: isMember === true,
      pendingId: pendingId as string | null,
      secondsSinceMail: seconds === null ? null : Number(seconds),
    }),
  );
}

/** INV-22: mails to one person keep their distance, unless nothing is limited here. */
export function pauseFault({ config }: Context, secondsSinceMail: number | null): AppError | undefined {
  if (config.rateLimit === null || secondsSinceMail === null || secondsSinceMail >= PAUSE_SECONDS) return undefined;
  const seconds = Math.ceil(PAUSE_SECONDS - secondsSinceMail);
  return new AppError('rate_limited', `This invitation was sent just now: try again in ${seconds} s.`, undefined, {
    headers: { 'Retry-After': String(seconds) },
  });
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

async function write(
  ctx: Context,
  host: Host,
  fresh: readonly Offer[],
  renewed: readonly Offer[],
  results: Invited[],
): Promise<void> {
  const records = [...fresh, ...renewed].map((offer) => recordOf(ctx, offer));
  if (records.length === 0) return;
  const made = JSON.stringify(records.slice(0, fresh.length).map(({ row }) => row));
  const { userId } = ctx.caller;
  await ctx.db.query(
    `insert into invitations (id, organization_id, kind, email, name, expires_at, message, locale, redirect_url, hash,
       token_start, send_count, last_sent_at, max_uses, all_workspaces, invited_by_id)
     select x.id, $1, x.kind, x.email, x.name, date_trunc('second', x.expires_at), x.message, x.locale, x.redirect_url,
       decode(x.hash, 'hex'), x.token_start, x.sent, ${SENT}, x.max_uses, x.all_workspaces, $3
     from jsonb_to_recordset($2::jsonb) ${RECORD}`,
    [host.id, made, userId],
  );
  if (renewed.length > 0) {
    const changed = records.slice(fresh.length).map(({ row }) => row);
    await renew(
      ctx,
      JSON.stringify(changed),
      changed.map(({ id }) => id),
    );
  }
  await writePresets(ctx, [...fresh, ...renewed]);
  await queueMails(
    ctx,
    records.filter(({ row }) => row.sent === 1).map(({ row, secret }) => mailOf(ctx, host, row, secret)),
    { organizationId: host.id },
  );
  for (const [i, { index, row, secret }] of records.entries()) {
    const outcome = i < fresh.length ? 'created' : 'resent';
    results[index] = { outcome, id: row.id, isMailed: row.sent === 1, ...secret };
  }
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
