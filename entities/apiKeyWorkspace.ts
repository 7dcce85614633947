import { Entity, Index, JoinColumn, ManyToOne, PrimaryColumn, type Relation } from 'typeorm';
import { ApiKey } from './apiKey';
import { Workspace } from './workspace';

/** One workspace that a key is limited to. */
@Entity('api_key_workspaces')
@Index('api_key_workspaces_workspace_id_idx', ['workspaceId'])
export class ApiKeyWorkspace {
  @PrimaryColumn('uuid', { primaryKeyConstraintName: 'api_key_workspaces_pkey' })
  apiKeyId!: string;

  @PrimaryColumn('uuid', { primaryKeyConstraintName: 'api_key_workspaces_pkey' })
  workspaceId!: string;

  @ManyToOne(() => ApiKey, { nullable: false, onDelete: 'CASCADE' })
  @JoinColumn({ name: 'api_key_id', foreignKeyConstraintName: 'api_key_workspaces_api_key_id_fkey' })
  apiKey?: Relation<ApiKey>;

  @ManyToOne(() => Workspace, { nullable: false, onDelete: 'CASCADE' })
  @JoinColumn({ name: 'workspace_id', foreignKeyConstraintName: 'api_key_workspaces_workspace_id_fkey' })
  workspace?: Relation<Workspace>;
}
