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

const MANAGEMENT: readonly Level[] = ['platform', 'partner'];
const EVERY_LEVEL: readonly Level[] = ['platform', 'partner', 'organization'];

interface Rule {
  readonly permission: Permission;
  /** Levels of caller that may ever do it. */
  readonly levels: readonly Level[];
}

const rule = (permission: Permission, levels: readonly Level[] = EVERY_LEVEL): Rule => ({ permission, levels });

/**
 * The one table of who may do what: `type.operation` → the permission it needs and the levels that may hold it.
 * Start-up refuses an operation of the registry that has no row here.
 */
export const OPERATIONS: Readonly<Record<string, Rule>> = {
  'organizations.list': rule('organizations:read'),
  'organizations.get': rule('organizations:read'),
  'organizations.create': rule('organizations:update', MANAGEMENT),
  'organizations.update': rule('organizations:update'),
  'organizations.suspend': rule('organizations:suspend', MANAGEMENT),
  'organizations.hold': rule('platform:admin', ['platform']),
  'organizations.owner': rule('organizations:transfer'),
  'organizations.remove': rule('organizations:delete'),
  'organizations.purge': rule('platform:admin', ['platform']),
  'organizations.restore': rule('organizations:restore', MANAGEMENT),
  'partners.list': rule('platform:admin', ['platform']),
  'partners.get': rule('platform:admin', ['platform']),
  'partners.create': rule('platform:admin', ['platform']),
  'partners.update': rule('platform:admin', ['platform']),
  'users.list': rule('members:read'),
  'users.get': rule('members:read'),
  'users.create': rule('members:update', MANAGEMENT),
  'members.list': rule('members:read'),
  'members.get': rule('members:read'),
  'members.create': rule('members:update', MANAGEMENT),
  'members.update': rule('members:update'),
  'members.roles': rule('members:update'),
  'members.remove': rule('members:remove'),
  'roles.list': rule('roles:read'),
  'roles.get': rule('roles:read'),
  'apiKeys.list': rule('apiKeys:read'),
  'apiKeys.get': rule('apiKeys:read'),
  'apiKeys.create': rule('apiKeys:create'),
  'apiKeys.remove': rule('apiKeys:revoke'),
  'apiKeys.verify': rule('apiKeys:read'),
};

/** Operations that are open to strangers: they need no credential. Those that take one if it is sent have a row above, too. */
export const OPEN_OPERATIONS: ReadonlySet<string> = new Set<string>();

/** What a level may hold at the most; keys are cut to it whatever their scopes say (INV-32). */
const LEVEL_LACKS: Readonly<Record<Level, readonly Permission[]>> = {
  platform: [],
  partner: ['platform:admin'],
  organization: ['platform:admin', 'organizations:suspend'],
};

/** The permissions that a credential of `level` with these scopes has; `*` stands for all of the level's. */
export function effectivePermissions(
  level: Level,
  scopes: readonly string[],
  ceiling: readonly string[],
): ReadonlySet<Permission> {
  const lacks = new Set<string>(LEVEL_LACKS[level]);
  const within = (list: readonly string[], permission: string) => list.includes('*') || list.includes(permission);
  return new Set(PERMISSIONS.filter((p) => !lacks.has(p) && within(ceiling, p) && within(scopes, p)));
}

/** Whether the caller may do `operation` at all, whatever the row. */
export function may(caller: Caller, operation: string): boolean {
  const needed = OPERATIONS[operation];
  return needed?.levels.includes(caller.level) === true && caller.permissions.has(needed.permission);
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
  if (may(caller, operation)) return;
  const needed = OPERATIONS[operation];
  const required = needed?.permission ?? operation;
  const byLevel = needed !== undefined && !needed.levels.includes(caller.level);
  throw new AppError(
    'permission_denied',
    byLevel
      ? `Only ${needed.levels.join(' and ')} credentials may do this.`
      : `This credential lacks the permission ${required}.`,
    undefined,
    { meta: { required } },
  );
}
