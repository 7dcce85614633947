import { domainToASCII } from 'node:url';
import { v7 as uuidv7 } from 'uuid';
import type { Context } from '../context';
import { AppError, type Fault, notFound } from '../errors';
import { type Standing, standingNow } from './access';
import { type Input, lockOrganization } from './crud';
import { DEFAULT_ROLE, ROLE_TO_GIVE, type RoleToGive, readRoleToGive, refusalOf } from './granting';

/** What of the invitations that somebody asks for may be made, whoever is there already. */

const [SHORTEST_MS, LONGEST_MS] = [3_600_000, 30 * 86_400_000];
/** Clocks of clients may differ by so much, and requests take their time. */
const TOLERANCE_MS = 30_000;

/** The organization that invites, locked, and what the caller may do in it. */
export interface Host {
  readonly id: string;
  readonly name: string;
  readonly allowedDomains: readonly string[];
  readonly defaultRole: RoleToGive;
  readonly standing: Standing;
}

/** One invitation that may be made. */
export interface Offer {
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

/** Each as it may be made, or why it may not. */
export async function judgeOffers(
  ctx: Context,
  host: Host,
  inputs: readonly Input[],
): Promise<readonly (Offer | AppError)[]> {
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
  return inputs.map((input, index) => {
    const faults = [...formFaults(ctx, host, input), ...presetFaults(host, input, known)];
    if (faults.length > 0) return AppError.of(faults);
    const asked = listOf(input, 'roles');
    const roleIds = asked.length === 0 ? [host.defaultRole.id] : asked;
    const limits = listOf(input, 'workspaces');
    // Whoever is limited himself can't open the rest to others.
    const workspaceIds = limits.length === 0 ? host.standing.workspaceIds : limits;
    return { index, id: uuidv7(), attributes: input.attributes, roleIds, workspaceIds };
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
