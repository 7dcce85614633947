import { Partner } from '../../entities';
import { NIL_UUID, Table } from '../db/table';
import { crud, type Update } from './crud';

/** Partners exist for platform callers only (domain sheet 2). */
export const partnerTable = new Table(Partner, {
  visible: (caller) => (caller.level === 'platform' ? 'true' : 'false'),
  counted: () => ({ relation: 'partners', scope: NIL_UUID }),
});

const plain = crud(partnerTable);
export const { list: listPartners, get: getPartner, rows: partnerRows, create: createPartner } = plain;

/** Changes a partner; suspending one stops its keys with the next request (`partner_suspended`). */
export const updatePartner: Update<Partner> = async (ctx, id, input, ifMatch) => {
  const partner = await plain.update(ctx, id, input, ifMatch);
  if ('status' in input.attributes) ctx.db.afterCommit(() => ctx.callers.forget());
  return partner;
};
