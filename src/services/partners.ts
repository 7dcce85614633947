import { v7 as uuidv7 } from 'uuid';
import { Partner } from '../../entities';
import { NIL_UUID, Table } from '../db/table';
import { type Changes, insertRow, updateRow, versionGuard } from '../db/write';
import { type Create, crud, type Update } from './crud';

/** Partners exist for platform callers only (domain sheet 2). */
export const partnerTable = new Table(Partner, {
  visible: (caller) => (caller.level === 'platform' ? 'true' : 'false'),
  counted: () => ({ relation: 'partners', scope: NIL_UUID }),
});

export const { list: listPartners, get: getPartner, rows: partnerRows } = crud(partnerTable);

export const createPartner: Create<Partner> = (ctx, { attributes, id = uuidv7() }) =>
  insertRow(ctx, partnerTable, { ...attributes, id }, { kind: 'partner.created', type: 'partners' });

/** Changes a partner; suspending one stops its keys with the next request (`partner_suspended`). */
export const updatePartner: Update<Partner> = async (ctx, id, { attributes }, ifMatch) => {
  const told = { kind: 'partner.updated', type: 'partners' } as const;
  const changes = attributes as Changes<Partner>;
  const partner = await updateRow(ctx, partnerTable, id, changes, versionGuard(ifMatch), undefined, told);
  if ('status' in attributes) ctx.db.afterCommit(() => ctx.callers.forget());
  return partner;
};
