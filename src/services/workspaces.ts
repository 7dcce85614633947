import { v7 as uuidv7 } from 'uuid';
import { Workspace } from '../../entities';
import { callerScope, ownedBy } from '../db/select';
import { Table } from '../db/table';
import { crud } from './crud';
import { organizationTable } from './organizations';

export const workspaceTable = new Table(Workspace, {
  ...ownedBy('workspaces:read'),
  references: { organizationId: () => organizationTable as unknown as Table },
  counted: callerScope('workspaces'),
});

export const { rows: workspaceRows } = crud(workspaceTable);

/** The workspace that every organization begins with (domain sheet 6.1). */
export const defaultWorkspace = (): Partial<Workspace> => ({
  id: uuidv7(),
  name: 'Default',
  slug: 'default',
  isDefault: true,
});
