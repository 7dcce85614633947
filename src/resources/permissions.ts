import { Permission } from '../../entities';
import { permissions as serializer } from '../../serializers/permissions';
import { defineResource, FILTERS } from '../jsonapi/define';
import { boolean, text } from '../jsonapi/schemas';
import { getPermission, listPermissions, permissionRows } from '../services/permissions';

export const permissions = defineResource(Permission, {
  type: 'permissions',
  path: '/public/v2/permissions',
  summary: 'Rights that roles and keys can have; the id is the code.',
  defaultSort: 'id',
  textIds: true,
  serializer,
  rows: permissionRows,
  attributes: {
    description: { schema: text(1, 255), filter: FILTERS.text },
    sensitive: { schema: boolean, filter: FILTERS.boolean },
  },
  operations: {
    list: { run: listPermissions, summary: 'List permissions' },
    get: { run: getPermission, summary: 'Get a permission' },
  },
});
