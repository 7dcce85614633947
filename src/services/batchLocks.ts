import type { Context } from '../context';
import { Values } from '../db/conditions';
import { lockOrganizations } from './organizations';
import { userTable } from './users';

/**
 * Locks what a batch of changes names, before any of it is changed: organizations, then people, then the numbers of the
 * events of all who will be told, which their audit chains go with, each in the order of their ids. A lone change takes its
 * locks in this order, too; a batch that took those of one change after those of another would wait for somebody who waits
 * for it. The chain of the installation is none of them: it is taken by the commit itself, behind all others
 * (`audit_pending`), so that it is wanted by nobody whom somebody else waits for.
 * @param ids of anything; those that are of neither, or that the caller can't see, are left out
 */
export async function lockBatch(ctx: Context, ids: readonly string[]): Promise<void> {
  const organizations = await lockOrganizations(ctx, ids);
  const { list, bind } = new Values();
  const visible = userTable.options.visible(ctx.caller, bind, true, false);
  const users = await ctx.db.query(
    `select t.id from users t where t.id = any(${bind(ids)}::uuid[]) and (${visible}) order by t.id for no key update`,
    list,
  );
  await ctx.db.query(
    `select 1 from event_sequences s where s.organization_id = any($1::uuid[])
       or s.organization_id in (select m.organization_id from members m where m.user_id = any($2::uuid[]))
     order by s.organization_id for update`,
    [organizations, users.map(([id]) => id)],
  );
}
