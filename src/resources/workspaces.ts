import { Workspace } from '../../entities';
import { workspaces as serializer } from '../../serializers/workspaces';
import { defineResource, FILTERS } from '../jsonapi/define';
import { boolean, choice, metadata, nullable, text, time } from '../jsonapi/schemas';
import {
  createWorkspace,
  deleteWorkspace,
  getWorkspace,
  listWorkspaces,
  updateWorkspace,
  workspaceRows,
} from '../services/workspaces';

const slug = { ...text(2, 63), pattern: '^[a-z0-9](?:[a-z0-9-]*[a-z0-9])?$' };

export const workspaces = defineResource(Workspace, {
  type: 'workspaces',
  path: '/public/v2/workspaces',
  summary: 'Parts of organizations, to which members and keys can be limited.',
  defaultSort: '-createdAt',
  serializer,
  rows: workspaceRows,
  attributes: {
    createdAt: { schema: time, filter: FILTERS.time, sort: true },
    updatedAt: { schema: time, filter: FILTERS.time, sort: true },
    name: { schema: text(1, 120), write: 'both', required: true, filter: FILTERS.text, sort: true },
    slug: { schema: slug, write: 'both', filter: FILTERS.text, sort: true },
    description: { schema: nullable(text(0, 255)), write: 'both' },
    status: { schema: choice('active', 'archived'), write: 'both', filter: FILTERS.enum, sort: true },
    isDefault: { schema: boolean, write: 'both', filter: FILTERS.boolean },
    externalId: { schema: nullable(text(1, 255)), write: 'both', filter: FILTERS.text },
    metadata: { schema: metadata, write: 'both', filter: FILTERS.json },
  },
  relationships: {
    organization: {
      one: true,
      type: 'organizations',
      key: 'organizationId',
      include: true,
      write: 'create',
      summary: 'The organization whose part it is.',
    },
  },
  operations: {
    list: { run: listWorkspaces, summary: 'List workspaces' },
    get: { run: getWorkspace, summary: 'Get a workspace' },
    create: {
      run: createWorkspace,
      summary: 'Make a workspace',
      errors: ['required', 'quota_exceeded', 'slug_taken', 'invalid_transition'],
    },
    update: {
      run: updateWorkspace,
      summary: 'Change a workspace, archive it, make it the default one',
      errors: ['slug_taken', 'invalid_transition', 'not_allowed'],
    },
    remove: {
      run: deleteWorkspace,
      summary: 'Delete a workspace',
      errors: ['invalid_transition'],
      possible: ({ isDefault }) => !isDefault,
    },
  },
});
