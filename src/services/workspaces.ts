import { v7 as uuidv7 } from 'uuid';
import { Workspace } from '../../entities';
import type { Caller, Context } from '../context';
import { callerScope, ownedBy } from '../db/select';
import { type Bind, Table } from '../db/table';
import { type Changes, insertSql, updateRow, versionGuard } from '../db/write';
import { AppError } from '../errors';
import { standingNow } from './access';
import { type Create, crud, lockOrganization, ownerOf, type Remove, type Update } from './crud';
import { changeInParts, record, recordGone, snapshot, snapshots } from './events';
import { organizationTable } from './organizations';
import { checkQuota } from './quotas';
import { slugFrom, withSuffix } from './slugs';

const owned = ownedBy('workspaces:read');

/** Whoever is limited to workspaces sees those of them that are not archived (INV-16). */
function withinLimits(caller: Caller, bind: Bind): string {
  if (caller.level === 'user') {
    return `t.status = 'active' and exists (select 1 from member_workspaces lw join members lm on lm.id = lw.member_id
        where lw.workspace_id = t.id and lm.user_id = ${bind(caller.userId)})
      or exists (select 1 from members lm where lm.user_id = ${bind(caller.userId)}
        and lm.organization_id = t.organization_id and lm.all_workspaces)`;
  }
  if (caller.workspaceIds === null) return 'true';
  return `t.status = 'active' and t.id = any(${bind(caller.workspaceIds)}::uuid[])`;
}

export const workspaceTable = new Table(Workspace, {
  visible: (caller, bind, isFew, reads) =>
    `${owned.visible(caller, bind, isFew, reads)} and (${withinLimits(caller, bind)})`,
  links: {
    apiKeyId: (id) => `t.id in (select kw.workspace_id from api_key_workspaces kw where kw.api_key_id = ${id})`,
    invitationId: (id) =>
      `t.id in (select iw.workspace_id from invitation_workspaces iw where iw.invitation_id = ${id})`,
    memberId: (id) => `t.id in (select mw.workspace_id from member_workspaces mw where mw.member_id = ${id})`,
  },
  references: { organizationId: () => organizationTable as unknown as Table },
  counted: callerScope('workspaces'),
});

const plain = crud(workspaceTable);
export const { list: listWorkspaces, get: getWorkspace, rows: workspaceRows } = plain;

/** The workspace that every organization begins with (domain sheet 6.1). */
export const defaultWorkspace = (): Partial<Workspace> => ({
  id: uuidv7(),
  name: 'Default',
  slug: 'default',
  isDefault: true,
});

const IS_DEFAULT = { pointer: '/data/attributes/isDefault' };
/** Tries at a free slug: nobody else makes one meanwhile, so that only chance can take the second. */
const SLUG_TRIES = 5;
const TOUCH = "version = version + 1, updated_at = date_trunc('second', now())";

/**
 * Makes a workspace; with `isDefault` it takes the place of the default one. Whoever is limited to workspaces is in it.
 * @throws AppError `slug_taken`, `invalid_transition` for an archived default
 */
export const createWorkspace: Create<Workspace> = (ctx, input) =>
  ctx.db.transaction(async (db) => {
    const inside = { ...ctx, db };
    const organizationId = await ownerOf(inside, input);
    await checkQuota(inside, organizationId, 'workspaces');
    const given = input.attributes as Partial<Workspace>;
    if (given.isDefault === true) await dethrone(inside, organizationId);
    const workspace = await insertWorkspace(inside, { ...given, id: uuidv7(), organizationId });
    await admitMaker(inside, workspace);
    await record(inside, 'workspace.created', 'workspaces', [workspace.id]);
    return workspace;
  });

async function insertWorkspace(ctx: Context, values: Partial<Workspace>): Promise<Workspace> {
  const isGiven = values.slug !== undefined;
  const slug = values.slug ?? slugFrom(values.name as string, { fallback: 'workspace', reserved: [] });
  for (let attempt = 1; attempt <= SLUG_TRIES; attempt++) {
    const list: unknown[] = [];
    const bind: Bind = (value) => `$${list.push(value)}`;
    const insert = insertSql(workspaceTable, { ...values, slug: attempt === 1 ? slug : withSuffix(slug) }, bind);
    const yielding = isGiven ? '' : 'on conflict (organization_id, slug) do nothing';
    const columns = workspaceTable.selectList(workspaceTable.properties, ctx.caller, bind);
    const [row] = await ctx.db.query(`${insert} ${yielding} returning ${columns}`, list);
    if (row !== undefined) return workspaceTable.read(workspaceTable.properties, row);
  }
  throw new AppError('slug_taken', 'No free slug was found for this name: give one.');
}

/** Somebody who is limited to workspaces would not see what he has made. */
async function admitMaker(ctx: Context, { id, organizationId }: Workspace): Promise<void> {
  const { memberId, workspaceIds } = await standingNow(ctx, organizationId);
  if (workspaceIds === null) return;
  const [kind, type, table, column, owner] =
    memberId === null
      ? (['api_key.updated', 'apiKeys', 'api_key_workspaces', 'api_key_id', ctx.caller.apiKeyId as string] as const)
      : (['member.updated', 'members', 'member_workspaces', 'member_id', memberId] as const);
  const before = await snapshots(ctx, type, [owner]);
  await ctx.db.query(`insert into ${table} (${column}, workspace_id) values ($1, $2)`, [owner, id]);
  await record(ctx, kind, type, [owner], { before });
  ctx.db.afterCommit(() => ctx.callers.forget());
}

const UPDATED = { kind: 'workspace.updated', type: 'workspaces' } as const;
const anyRow = (): string => 'true';

/** The one before is unmarked first: the index allows one per organization. */
async function dethrone(ctx: Context, organizationId: string): Promise<void> {
  const [row] = await ctx.db.query('select id from workspaces where organization_id = $1 and is_default', [
    organizationId,
  ]);
  if (row === undefined) return;
  await updateRow(ctx, workspaceTable, row[0] as string, { isDefault: false }, [], anyRow, UPDATED);
}

/**
 * Changes a workspace, archives it or takes it back, makes it the default one. An archived one stays on members and keys
 * and gives no access (INV-16).
 * @throws AppError `slug_taken`; `invalid_transition` for archiving the default one, or for an archived default;
 *   `not_allowed` for no default at all
 */
export const updateWorkspace: Update<Workspace> = (ctx, id, input, ifMatch) =>
  ctx.db.transaction(async (db) => {
    const inside = { ...ctx, db };
    const { organizationId } = await plain.get(inside, id, ['organizationId']);
    await lockOrganization(inside, organizationId);
    const before = await updateRow(inside, workspaceTable, id, {}, versionGuard(ifMatch));
    const changes = input.attributes as Partial<Workspace>;
    if (before.isDefault && changes.isDefault === false) {
      throw new AppError('not_allowed', 'Make another workspace the default one.', IS_DEFAULT);
    }
    if (changes.isDefault === true && !before.isDefault) {
      if ((changes.status ?? before.status) === 'archived') throw archivedDefault(IS_DEFAULT);
      await dethrone(inside, organizationId);
    }
    db.afterCommit(() => ctx.callers.forget());
    const isArchived = changes.status === 'archived' && before.status !== 'archived';
    const told = isArchived ? ({ ...UPDATED, kind: 'workspace.archived' } as const) : UPDATED;
    return updateRow(inside, workspaceTable, id, changes as Changes<Workspace>, [], anyRow, told);
  });

const archivedDefault = (source?: { pointer: string }): AppError =>
  new AppError('invalid_transition', 'The default workspace is not archived.', source);

/**
 * Deletes a workspace; members and keys that were limited to it alone have access to none from now on.
 * @throws AppError `invalid_transition` for the default one
 */
export const deleteWorkspace: Remove = (ctx, id, ifMatch) =>
  ctx.db.transaction(async (db) => {
    const inside = { ...ctx, db };
    const { organizationId } = await plain.get(inside, id, ['organizationId']);
    await lockOrganization(inside, organizationId);
    const { isDefault } = await updateRow(inside, workspaceTable, id, {}, versionGuard(ifMatch));
    if (isDefault) {
      throw new AppError(
        'invalid_transition',
        'The default workspace can’t be deleted: make another one the default first.',
      );
    }
    const gone = await snapshot(inside, 'workspaces', id);
    await releaseHolders(inside, id);
    await db.query('delete from workspaces where id = $1', [id]);
    db.afterCommit(() => ctx.callers.forget());
    await recordGone(inside, 'workspace.deleted', organizationId, [gone]);
  });

/** What is limited to the workspace is another one without it: whoever read it before holds an old version (INV-59). */
async function releaseHolders(ctx: Context, id: string): Promise<void> {
  const { db } = ctx;
  for (const [kind, type, table, links, holder] of [
    ['member.updated', 'members', 'members', 'member_workspaces', 'member_id'],
    ['api_key.updated', 'apiKeys', 'api_keys', 'api_key_workspaces', 'api_key_id'],
  ] as const) {
    const next = (limit: number) =>
      db.query(`select ${holder} from ${links} where workspace_id = $1 limit ${limit}`, [id]);
    await changeInParts(ctx, kind, type, next, async (ids) => {
      await db.query(`update ${table} set ${TOUCH} where id = any($1::uuid[])`, [ids]);
      await db.query(`delete from ${links} where workspace_id = $1 and ${holder} = any($2::uuid[])`, [id, ids]);
    });
  }
  await db.query(
    `update invitations set ${TOUCH} where id in (select invitation_id from invitation_workspaces where workspace_id = $1)`,
    [id],
  );
}
