import { Permission } from '../../entities';
import { Table } from '../db/table';
import { crud } from './crud';

/** What rights there are is no secret: everybody sees them all. */
export const permissionTable = new Table(Permission, { visible: () => 'true' });

export const { list: listPermissions, get: getPermission, rows: permissionRows } = crud(permissionTable);
