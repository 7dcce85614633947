import type { Caller, Level } from './context';
import { AppError } from './errors';

/** Every right there is (domain sheet 4.5). A key's scopes are taken from this list. */
export const PERMISSIONS = [
  'organizations:read',
  'organizations:update',
  'organizations:delete',
  'organizations:suspend',
  'organizations:restore',
  'organizations:transfer',
  'domains:read',
  'domains:manage',
  'members:read',
  'members:update',
  'members:remove',
  'roles:read',
  'roles:manage',
  'workspaces:read',
  'workspaces:manage',
  'invitations:read',
  'invitations:create',
  'invitations:revoke',
  'apiKeys:read',
  'apiKeys:create',
  'apiKeys:update',
  'apiKeys:rotate',
  'apiKeys:revoke',
  'tokens:issue',
  'webhooks:read',
  'webhooks:manage',
  'webhooks:rotate',
  'webhooks:replay',
  'events:read',
  'wallets:read',
  'wallets:charge',
  'wallets:topup',
  'wallets:hold',
  'wallets:adjust',
  'overages:read',
  'overages:update',
  'audit:read',
  'audit:export',
  'data:export',
  'data:import',
  'data:erase',
  'platform:admin',
] as const;

export type Permission = (typeof PERMISSIONS)[number];

/** Those that move money, grant rights, reveal or destroy: whoever is refused them leaves a trace (INV-54). */
export const SENSITIVE: ReadonlySet<Permission> = new Set([
  'organizations:delete',
  'organizations:suspend',
  'organizations:transfer',
  'members:update',
  'members:remove',
  'roles:manage',
  'apiKeys:create',
  'apiKeys:rotate',
  'apiKeys:revoke',
  'tokens:issue',
  'webhooks:rotate',
  'wallets:read',
  'wallets:charge',
  'wallets:topup',
  'wallets:hold',
  'wallets:adjust',
  'overages:update',
  'audit:export',
  'data:export',
  'data:import',
  'data:erase',
  'platform:admin',
]);

const MANAGEMENT: readonly Level[] = ['platform', 'partner'];
const EVERY_LEVEL: readonly Level[] = ['platform', 'partner', 'organization', 'user'];

export interface Rule {
  /** null: none; whoever is of one of the levels may. */
  readonly permission: Permission | null;
  /** Instead of one: which of them is told by what is asked, and judged by its own row. */
  readonly anyOf?: readonly Permission[];
  /** Levels of caller that may ever do it. */
  readonly levels: readonly Level[];
  /** Property of the row with the id of a user, who may do it to the row whatever his roles. */
  readonly self?: string;
  /** A user must be an owner of the organization, whatever else his roles let him do (INV-5). */
  readonly byOwner?: true;
}

const rule = (permission: Permission | null, levels: readonly Level[] = EVERY_LEVEL, self?: string): Rule => ({
  permission,
  levels,
  self,
});

/**
 * The one table of who may do what: `type.operation` → the permission it needs and the levels that may hold it. What a
 * user may is told by his roles in the organization that the row belongs to; what a key may, by its scopes.
 * Start-up refuses an operation of the registry that has no row here.
 */
export const OPERATIONS: Readonly<Record<string, Rule>> = {
  'organizations.list': rule('organizations:read'),
  'organizations.get': rule('organizations:read'),
  'organizations.create': rule('organizations:update', ['platform', 'partner', 'user']),
  'organizations.update': rule('organizations:update'),
  'organizations.avatar': rule('organizations:update'),
  'organizations.suspend': rule('organizations:suspend', MANAGEMENT),
  'organizations.hold': rule('platform:admin', ['platform']),
  'organizations.quotas': rule('platform:admin', ['platform']),
  'organizations.owner': rule('organizations:transfer'),
  'organizations.transferOwnership': rule('organizations:transfer'),
  'organizations.remove': { ...rule('organizations:delete'), byOwner: true },
  'organizations.purge': rule('platform:admin', ['platform']),
  'organizations.restore': { ...rule('organizations:restore', ['platform', 'partner', 'user']), byOwner: true },
  'organizations.token/rotate': rule('apiKeys:rotate'),
  'organizations.token': rule('apiKeys:revoke'),
  'organizations.webhookSecret/rotate': rule('webhooks:rotate'),
  'partners.list': rule('platform:admin', ['platform']),
  'partners.get': rule('platform:admin', ['platform']),
  'partners.create': rule('platform:admin', ['platform']),
  'partners.update': rule('platform:admin', ['platform']),
  'users.list': rule('members:read'),
  'users.get': rule('members:read'),
  'users.create': rule('members:update', MANAGEMENT),
  'users.update': rule('members:update', ['platform', 'partner', 'user'], 'id'),
  'users.email': rule('platform:admin', ['platform']),
  'users.externalId': rule('members:update', MANAGEMENT),
  'users.password': rule(null, ['user'], 'id'),
  'users.erase': rule('data:erase', ['platform', 'partner', 'user'], 'id'),
  'users.export': rule('data:export', ['platform', 'partner', 'user'], 'id'),
  'members.list': rule('members:read'),
  'members.get': rule('members:read'),
  'members.create': rule('members:update', MANAGEMENT),
  'members.update': rule('members:update'),
  'members.roles': rule('members:update'),
  'members.workspaces': rule('members:update'),
  // Whoever is a member may leave.
  'members.remove': rule('members:remove', EVERY_LEVEL, 'userId'),
  'roles.list': rule('roles:read'),
  'roles.get': rule('roles:read'),
  'roles.create': rule('roles:manage'),
  'roles.update': rule('roles:manage'),
  'roles.remove': rule('roles:manage'),
  'permissions.list': rule(null),
  'permissions.get': rule(null),
  'workspaces.list': rule('workspaces:read'),
  'workspaces.get': rule('workspaces:read'),
  'workspaces.create': rule('workspaces:manage'),
  'workspaces.update': rule('workspaces:manage'),
  'workspaces.remove': rule('workspaces:manage'),
  'invitations.list': rule('invitations:read'),
  'invitations.get': rule('invitations:read'),
  'invitations.create': rule('invitations:create'),
  'invitations.bulk': rule('invitations:create'),
  'invitations.resend': rule('invitations:create'),
  'invitations.remove': rule('invitations:revoke'),
  // Beside those who have no account yet.
  'invitations.accept': rule(null, ['user']),
  'apiKeys.list': rule('apiKeys:read', EVERY_LEVEL, 'userId'),
  'apiKeys.get': rule('apiKeys:read', EVERY_LEVEL, 'userId'),
  'apiKeys.create': rule('apiKeys:create', EVERY_LEVEL, 'userId'),
  'apiKeys.update': rule('apiKeys:update', EVERY_LEVEL, 'userId'),
  'apiKeys.workspaces': rule('apiKeys:update', EVERY_LEVEL, 'userId'),
  'apiKeys.rotate': rule('apiKeys:rotate', EVERY_LEVEL, 'userId'),
  'apiKeys.remove': rule('apiKeys:revoke', EVERY_LEVEL, 'userId'),
  'apiKeys.verify': rule('apiKeys:read'),
  'accessTokens.list': rule(null, EVERY_LEVEL, 'holderId'),
  'accessTokens.get': rule(null, EVERY_LEVEL, 'holderId'),
  'accessTokens.create': rule('tokens:issue'),
  'accessTokens.remove': rule(null, EVERY_LEVEL, 'holderId'),
  'events.list': rule('events:read'),
  'events.get': rule('events:read'),
  'webhookEndpoints.list': rule('webhooks:read'),
  'webhookEndpoints.get': rule('webhooks:read'),
  'webhookEndpoints.create': rule('webhooks:manage'),
  'webhookEndpoints.update': rule('webhooks:manage'),
  'webhookEndpoints.remove': rule('webhooks:manage'),
  'webhookEndpoints.secret/rotate': rule('webhooks:rotate'),
  'webhookEndpoints.secret/expireOld': rule('webhooks:rotate'),
  'webhookEndpoints.test': rule('webhooks:manage'),
  'webhookEndpoints.replay': rule('webhooks:replay'),
  'webhookDeliveries.list': rule('webhooks:read'),
  'webhookDeliveries.get': rule('webhooks:read'),
  'webhookDeliveries.replay': rule('webhooks:replay'),
  'webhookAttempts.list': rule('webhooks:read'),
  'webhookAttempts.get': rule('webhooks:read'),
  'wallets.list': rule('wallets:read'),
  'wallets.get': rule('wallets:read'),
  'wallets.update': rule('wallets:adjust'),
  'wallets.verify': rule('wallets:read'),
  'walletTransactions.list': rule('wallets:read'),
  'walletTransactions.get': rule('wallets:read'),
  // By its kind, in the rows below.
  'walletTransactions.create': { ...rule(null), anyOf: ['wallets:topup', 'wallets:charge', 'wallets:adjust'] },
  'walletTransactions.topup': rule('wallets:topup'),
  'walletTransactions.charge': rule('wallets:charge'),
  'walletTransactions.adjustment': rule('wallets:adjust'),
  'walletTransactions.reversal': rule('wallets:adjust'),
  // On another surface.
  'organizations.charge': rule('wallets:charge', MANAGEMENT),
  'ledgerEntries.list': rule('wallets:read'),
  'ledgerEntries.get': rule('wallets:read'),
  'organizations.maxOverages': rule('overages:update'),
  'holds.list': rule('wallets:read'),
  'holds.get': rule('wallets:read'),
  'holds.create': rule('wallets:hold'),
  'holds.capture': rule('wallets:hold'),
  'holds.void': rule('wallets:hold'),
  'overageLimits.list': rule('overages:read'),
  'overageLimits.get': rule('overages:read'),
  'overageLimits.create': rule('overages:update'),
  'overageLimits.update': rule('overages:update'),
  'overageLimits.remove': rule('overages:update'),
  // Whoever sets how far a wallet may go says when he is to be told of it.
  'walletAlerts.list': rule('wallets:read'),
  'walletAlerts.get': rule('wallets:read'),
  'walletAlerts.create': rule('overages:update'),
  'walletAlerts.update': rule('overages:update'),
  'walletAlerts.remove': rule('overages:update'),
  'auditEvents.list': rule('audit:read'),
  'auditEvents.get': rule('audit:read'),
  'auditEvents.verify': rule('audit:read'),
  'auditEvents.export': rule('audit:export'),
};

/** Operations that are open to strangers: they need no credential. Those that take one if it is sent have a row above, too. */
export const OPEN_OPERATIONS: ReadonlySet<string> = new Set([
  'invitations.preview',
  'invitations.accept',
  'invitations.decline',
  'accessTokens.create',
  'accessTokens.refresh',
  'passwordResets.create',
  'passwordResets.confirm',
]);

/** What a level may hold at the most; keys are cut to it whatever their scopes say (INV-32). */
const LEVEL_LACKS: Readonly<Record<Level, readonly Permission[]>> = {
  platform: [],
  partner: ['platform:admin'],
  organization: ['platform:admin', 'organizations:suspend'],
  user: ['platform:admin', 'organizations:suspend'],
};

interface SystemRole {
  readonly rank: number;
  readonly permissions: readonly Permission[];
}

/** What a role of an organization can hold. */
export const ROLE_PERMISSIONS = PERMISSIONS.filter((each) => !LEVEL_LACKS.organization.includes(each));
const but = (...lacking: Permission[]) => ROLE_PERMISSIONS.filter((each) => !lacking.includes(each));

/** The roles that every organization has (domain sheet 4.5); the rows of the migrations are the same. */
export const SYSTEM_ROLES: Readonly<Record<string, SystemRole>> = {
  owner: { rank: 100, permissions: ROLE_PERMISSIONS },
  admin: {
    rank: 80,
    permissions: but(
      'organizations:delete',
      'organizations:transfer',
      'overages:update',
      'wallets:adjust',
      'data:erase',
    ),
  },
  billing: {
    rank: 50,
    permissions: [
      'organizations:read',
      'members:read',
      'wallets:read',
      'wallets:charge',
      'wallets:topup',
      'wallets:hold',
      'overages:read',
      'overages:update',
    ],
  },
  auditor: {
    rank: 40,
    permissions: ROLE_PERMISSIONS.filter((each) => each.endsWith(':read') || each === 'audit:export'),
  },
  member: { rank: 10, permissions: ['organizations:read', 'members:read', 'roles:read', 'workspaces:read'] },
};

/**
 * The rank of a key: that of the highest system role whose permissions its maker had. Its scopes say what it may do, and
 * this to whom (INV-14).
 */
export function rankOf(permissions: readonly string[]): number {
  if (permissions.includes('*')) return 100;
  const held = new Set(permissions);
  const roles = Object.values(SYSTEM_ROLES).filter((role) => role.permissions.every((each) => held.has(each)));
  return Math.max(0, ...roles.map(({ rank }) => rank));
}

/** Scopes cut to those above them; `*` is all of what is above it (INV-32). */
export function scopesWithin(scopes: readonly string[], ceiling: readonly string[]): readonly string[] {
  if (scopes.includes('*')) return ceiling;
  return ceiling.includes('*') ? scopes : scopes.filter((each) => ceiling.includes(each));
}

/** The permissions that a credential of `level` with these scopes has; `*` stands for all of the level's. */
export function effectivePermissions(level: Level, scopes: readonly string[]): ReadonlySet<Permission> {
  const all = scopes.includes('*');
  return new Set(PERMISSIONS.filter((each) => !LEVEL_LACKS[level].includes(each) && (all || scopes.includes(each))));
}

/** Whether the caller may do `operation` at all, whatever the row. For a user: whether his credential is meant for it. */
export function may(caller: Caller, operation: string): boolean {
  const needed = OPERATIONS[operation];
  if (needed?.levels.includes(caller.level) !== true) return false;
  if (needed.anyOf !== undefined) return needed.anyOf.some((each) => caller.permissions.has(each));
  return needed.permission === null || caller.permissions.has(needed.permission);
}

/** Whether callers of this level can ever read the type: relationships to other types are not shown to them. */
export function levelReads(level: Level, type: string): boolean {
  return OPERATIONS[`${type}.get`]?.levels.includes(level) === true;
}

/**
 * Throws `permission_denied`, naming the missing permission, unless the caller may do `operation`.
 * Call it only for rows that the caller can see: what he can't see is `not_found`.
 */
export function allow(caller: Caller, operation: string): void {
  if (!may(caller, operation)) throw denial(caller, operation);
}

/** The permissions that an operation takes, one or any of them. */
const permissionsOf = ({ permission, anyOf }: Rule): readonly Permission[] =>
  anyOf ?? (permission === null ? [] : [permission]);

/** What leaves a trace when it is refused: the sensitive permission that an operation takes, or those it takes any of; else null. */
export function sensitiveRightOf(operation: string): string | null {
  const rule = OPERATIONS[operation];
  const needed = rule === undefined ? [] : permissionsOf(rule);
  return needed.some((each) => SENSITIVE.has(each)) ? needed.join(', ') : null;
}

/** The error for a caller who may not do `operation`. */
export function denial(caller: Caller, operation: string): AppError {
  const needed = OPERATIONS[operation];
  const required = (needed && permissionsOf(needed).join(', ')) || operation;
  const byLevel = needed !== undefined && !needed.levels.includes(caller.level);
  const who = caller.level === 'user' ? 'Your roles here lack' : 'This credential lacks';
  const error = new AppError(
    'permission_denied',
    byLevel ? `Only ${needed.levels.join(' and ')} credentials may do this.` : `${who} the permission ${required}.`,
    undefined,
    { meta: { required } },
  );
  error.operation = operation;
  return error;
}
