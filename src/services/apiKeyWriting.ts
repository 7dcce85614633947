import { isDeepStrictEqual } from 'node:util';
import { v7 as uuidv7 } from 'uuid';
import type { ApiKey } from '../../entities';
import type { Context } from '../context';
import type { Database } from '../db/database';
import { type Changes, insertRow, updateRow, versionGuard } from '../db/write';
import { AppError, notFound } from '../errors';
import { hashKey, keyStart, makeKey } from '../secrets';
import { type Binding, cannotGrant, checkPermissions, type Grants, grantsOf, keyPermissions } from './apiKeyGrants';
import { apiKeyTable, KEY_KINDS, lockKey } from './apiKeys';
import { type ChangeLinkage, type Create, type Input, ownerOf, type Update } from './crud';
import { record, snapshots } from './events';
import { linkageOf, workspacesToGive } from './granting';
import { planExpiryNotice } from './keyExpiry';
import { differenceOf } from './memberAccess';
import { checkQuota } from './quotas';

const attribute = (name: string) => ({ pointer: `/data/attributes/${name}` });
const relationship = (name: string) => ({ pointer: `/data/relationships/${name}/data` });
const NOBODY = { organizationId: null, partnerId: null, userId: null };

/** Whom the new key is for: told by its relationships, else by who makes it (rulings, "personal key"). */
async function bindingOf(ctx: Context, input: Input): Promise<Binding> {
  const { caller } = ctx;
  const { organization, partner } = input.relationships;
  if (typeof organization === 'string' && typeof partner === 'string') {
    throw new AppError('not_allowed', 'A key belongs to an organization or to a partner.', {
      pointer: '/data/relationships/partner',
    });
  }
  if (typeof partner === 'string') {
    if (caller.level !== 'platform') throw notFound('There is no such partner.', relationship('partner'));
    return { ...NOBODY, level: 'partner', partnerId: partner };
  }
  if (typeof organization !== 'string') {
    if (caller.level === 'platform') return { ...NOBODY, level: 'platform' };
    if (caller.level === 'user') return { ...NOBODY, level: 'user', userId: caller.userId };
  }
  return { ...NOBODY, level: 'organization', organizationId: await ownerOf(ctx, input) };
}

/**
 * Makes a key and gives it back with `secret`, once.
 * @throws AppError `cannot_grant` when it could do more than its maker (INV-13, INV-32), `quota_exceeded`
 */
export const createApiKey: Create<ApiKey> = (ctx, input) =>
  ctx.db.transaction(async (db) => {
    const inside = { ...ctx, db };
    const binding = await bindingOf(inside, input);
    const grants = await grantsOf(inside, binding);
    const { scopes = ['*'], environment = 'live', ...attributes } = input.attributes as Partial<ApiKey>;
    checkPermissions(
      grants,
      scopes.filter((each) => each !== '*'),
      attribute('scopes'),
    );
    checkSettings(ctx, attributes);
    if (environment !== 'live' && binding.level !== 'organization') {
      throw new AppError('not_allowed', 'Only keys of organizations are for tests.', attribute('environment'));
    }
    const workspaceIds = await workspacesOfNew(inside, binding, grants, input);
    if (binding.organizationId !== null) await checkQuota(inside, binding.organizationId, 'apiKeys');
    const secret = makeKey(KEY_KINDS[binding.level], environment);
    const key = await insertRow(inside, apiKeyTable, {
      ...attributes,
      ...binding,
      id: uuidv7(),
      environment,
      scopes,
      ceiling: [...grants.ceiling],
      allWorkspaces: workspaceIds === null,
      createdById: ctx.caller.userId,
      hash: hashKey(secret),
      start: keyStart(secret),
    });
    await addWorkspaces(db, key.id, workspaceIds ?? []);
    await planExpiryNotice(inside, key);
    await record(inside, 'api_key.created', 'apiKeys', [key.id]);
    return Object.assign(key, { secret, workspaceIds: workspaceIds ?? [] });
  });

/** What the JSON schema can't say, because it depends on the time and the installation. */
function checkSettings(ctx: Context, { expiresAt, rateLimit }: Partial<ApiKey>): void {
  if (typeof expiresAt === 'string' && Date.parse(expiresAt) <= ctx.now().getTime()) {
    throw new AppError('not_allowed', 'expiresAt must be in the future.', attribute('expiresAt'));
  }
  const installation = ctx.config.rateLimit;
  const isManagement = ctx.caller.level === 'platform' || ctx.caller.level === 'partner';
  if (isManagement || !rateLimit || installation === null) return;
  const isFaster = rateLimit.limit * installation.windowSeconds > installation.limit * rateLimit.windowSeconds;
  if (isFaster || rateLimit.limit > installation.limit) {
    const { limit, windowSeconds } = installation;
    const detail = `rateLimit may not be more than ${limit} requests, and on average ${limit} in ${windowSeconds} s.`;
    throw new AppError('not_allowed', detail, attribute('rateLimit'));
  }
}

/** Ids of the workspaces that a new key is limited to; null: none. A limited maker's keys are limited like himself. */
async function workspacesOfNew(
  ctx: Context,
  { organizationId }: Binding,
  grants: Grants,
  { attributes, relationships }: Input,
): Promise<readonly string[] | null> {
  const named = (relationships.workspaces ?? []) as readonly string[];
  const wanted = new Set(named);
  const { allWorkspaces } = attributes;
  if (organizationId === null) {
    if (wanted.size > 0) throw notOfOrganization(relationship('workspaces'));
    if (allWorkspaces === false) throw notOfOrganization(attribute('allWorkspaces'));
    return null;
  }
  if (allWorkspaces === true) {
    if (wanted.size > 0) throw new AppError('not_allowed', 'Workspaces are named.', attribute('allWorkspaces'));
    checkUnlimited(grants);
    return null;
  }
  await workspacesToGive(ctx, grants, organizationId, linkageOf('workspaces', named));
  if (wanted.size > 0 || allWorkspaces === false) return [...wanted].sort();
  return grants.workspaceIds === null ? null : [...grants.workspaceIds].sort();
}

const notOfOrganization = (source: { pointer: string }): AppError =>
  new AppError('not_allowed', 'Only keys of organizations are limited to workspaces.', source);

function checkUnlimited({ workspaceIds }: Grants): void {
  if (workspaceIds !== null) throw cannotGrant(['access to all workspaces'], attribute('allWorkspaces'));
}

async function addWorkspaces(db: Database, id: string, workspaceIds: readonly string[]): Promise<void> {
  if (workspaceIds.length === 0) return;
  await db.query('insert into api_key_workspaces (api_key_id, workspace_id) select $1, unnest($2::uuid[])', [
    id,
    workspaceIds,
  ]);
}

/**
 * Changes a key. What is sent back as it was read changes nothing.
 * @throws AppError `cannot_grant` for scopes that the key would gain and the caller lacks, or that its maker lacked
 * (INV-32); `invalid_transition` for a new end of a key that has expired
 */
export const updateApiKey: Update<ApiKey> = (ctx, id, input, ifMatch) =>
  ctx.db.transaction(async (db) => {
    const inside = { ...ctx, db };
    const key = await lockKey(inside, id, versionGuard(ifMatch));
    const changes = await changesOf(inside, key, input.attributes as Partial<ApiKey>);
    const before = await snapshots(inside, 'apiKeys', [id]);
    if (changes.allWorkspaces === true) await db.query('delete from api_key_workspaces where api_key_id = $1', [id]);
    const changed = await updateRow(inside, apiKeyTable, id, changes);
    if (changes.expiresAt !== undefined) await planExpiryNotice(inside, changed);
    db.afterCommit(() => ctx.callers.forget());
    await record(inside, 'api_key.updated', 'apiKeys', [id], { before });
    return changed;
  });

async function changesOf(ctx: Context, key: ApiKey, attributes: Partial<ApiKey>): Promise<Changes<ApiKey>> {
  const { scopes, expiresAt, rateLimit, allWorkspaces, ...others } = attributes;
  const changes: Changes<ApiKey> = others;
  if (rateLimit !== undefined && !isDeepStrictEqual(rateLimit, key.rateLimit)) {
    checkSettings(ctx, { rateLimit });
    changes.rateLimit = rateLimit;
  }
  if (expiresAt !== undefined && !isSameTime(expiresAt, key.expiresAt)) {
    if (key.status === 'expired') throw new AppError('invalid_transition', 'The key has expired: make another one.');
    checkSettings(ctx, { expiresAt });
    changes.expiresAt = expiresAt;
  }
  const gainsScopes = scopes !== undefined && !isSameSet(scopes, key.scopes);
  const isLimited = allWorkspaces !== undefined && allWorkspaces !== key.allWorkspaces;
  if (!gainsScopes && !isLimited) return changes;
  const grants = await grantsOf(ctx, key);
  if (gainsScopes) {
    checkScopes(key, scopes, grants);
    changes.scopes = scopes;
  }
  if (isLimited) {
    checkLimitable(key, attribute('allWorkspaces'));
    if (allWorkspaces) checkUnlimited(grants);
    changes.allWorkspaces = allWorkspaces;
  }
  return changes;
}

/** To the second, in which times are shown. */
const isSameTime = (a: string | null, b: string | null): boolean =>
  a === b || (a !== null && b !== null && Math.floor(Date.parse(a) / 1000) === Math.floor(Date.parse(b) / 1000));

const isSameSet = (a: readonly string[], b: readonly string[]): boolean =>
  a.length === b.length && a.every((each) => b.includes(each));

function checkScopes(
  { level, scopes: former, ceiling, isOrganizationToken }: ApiKey,
  scopes: string[],
  grants: Grants,
) {
  const source = attribute('scopes');
  if (isOrganizationToken) throw new AppError('not_allowed', 'The organization token has every scope.', source);
  const most = keyPermissions(level, ['*'], ceiling);
  const beyond = scopes.filter((each) => each !== '*' && !most.has(each as never));
  if (beyond.length > 0) throw cannotGrant(beyond, source);
  const had = keyPermissions(level, former, ceiling);
  const gained = [...keyPermissions(level, scopes, ceiling)].filter((each) => !had.has(each));
  checkPermissions(grants, gained, source);
}

function checkLimitable({ organizationId, isOrganizationToken }: ApiKey, source: { pointer: string }): void {
  if (organizationId === null) throw notOfOrganization(source);
  if (isOrganizationToken) throw new AppError('not_allowed', 'The organization token reaches all workspaces.', source);
}

/**
 * Changes the workspaces that a key is limited to; naming some limits it. One that is not limited has none to lose.
 * @throws AppError `cannot_grant`, `not_found`, `not_allowed`
 */
export const changeKeyWorkspaces: ChangeLinkage<ApiKey> = (ctx, id, change, ifMatch) =>
  ctx.db.transaction(async (db) => {
    const inside = { ...ctx, db };
    const key = await lockKey(inside, id, versionGuard(ifMatch));
    const { workspaceIds, organizationId } = key;
    const named = change.ids as readonly string[];
    const { gained, lost } = differenceOf(workspaceIds, change);
    if (gained.size === 0 && lost.length === 0) return key;
    checkLimitable(key, relationship('workspaces'));
    const grants = await grantsOf(inside, key);
    // To be limited to some is to gain nothing.
    const limits = key.allWorkspaces ? { ...grants, workspaceIds: null } : grants;
    await workspacesToGive(inside, limits, organizationId as string, linkageOf('workspaces', named, gained));
    const before = await snapshots(inside, 'apiKeys', [id]);
    await db.query('delete from api_key_workspaces where api_key_id = $1 and workspace_id = any($2::uuid[])', [
      id,
      lost,
    ]);
    await addWorkspaces(db, id, [...gained]);
    db.afterCommit(() => ctx.callers.forget());
    const changed = await updateRow(inside, apiKeyTable, id, { allWorkspaces: false });
    await record(inside, 'api_key.updated', 'apiKeys', [id], { before });
    return changed;
  });
