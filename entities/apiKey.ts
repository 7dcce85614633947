import { Check, Column, Entity, Index, JoinColumn, ManyToOne, PrimaryColumn, type Relation, Unique } from 'typeorm';
import { Organization } from './organization';
import { Partner } from './partner';
import { Versioned } from './versioned';

/** Long-lived credential of a program (domain sheet 4.8); only its hash is stored (INV-29). */
@Entity('api_keys')
@Unique('api_keys_hash_key', ['hash'])
@Check('api_keys_level_check', "level in ('platform', 'partner', 'organization')")
@Check('api_keys_environment_check', "environment in ('live', 'test')")
@Check(
  'api_keys_binding_check',
  "(level = 'organization') = (organization_id is not null) and (level = 'partner') = (partner_id is not null)",
)
@Index('api_keys_organization_token_key', ['organizationId'], {
  unique: true,
  where: 'is_organization_token and revoked_at is null',
})
@Index('api_keys_organization_id_idx', ['organizationId', 'createdAt', 'id'])
@Index('api_keys_partner_id_idx', ['partnerId', 'createdAt', 'id'])
@Index('api_keys_created_at_idx', ['createdAt', 'id'])
@Index('api_keys_metadata_idx', { synchronize: false })
export class ApiKey extends Versioned {
  @PrimaryColumn('uuid', { primaryKeyConstraintName: 'api_keys_pkey' })
  id!: string;

  @Column('text')
  level!: 'platform' | 'partner' | 'organization';

  @Column('text', { default: 'live' })
  environment!: 'live' | 'test';

  @Column('uuid', { nullable: true })
  organizationId!: string | null;

  @Column('uuid', { nullable: true })
  partnerId!: string | null;

  @Column('text')
  name!: string;

  /** SHA-256 of the whole key. */
  @Column('bytea')
  hash!: Buffer;

  @Column('text')
  start!: string;

  @Column('text', { array: true })
  scopes!: string[];

  /** What the maker might do when he made the key; it never grows (INV-32). */
  @Column('text', { array: true })
  ceiling!: string[];

  @Column('boolean', { default: false })
  isOrganizationToken!: boolean;

  @Column('jsonb', { default: {} })
  metadata!: Record<string, unknown>;

  @Column('timestamptz', { nullable: true })
  expiresAt!: string | null;

  @Column('timestamptz', { nullable: true })
  lastUsedAt!: string | null;

  @Column('inet', { nullable: true })
  lastUsedIp!: string | null;

  @Column('timestamptz', { nullable: true })
  revokedAt!: string | null;

  @ManyToOne(() => Organization, { onDelete: 'CASCADE' })
  @JoinColumn({ name: 'organization_id', foreignKeyConstraintName: 'api_keys_organization_id_fkey' })
  organization?: Relation<Organization> | null;

  @ManyToOne(() => Partner, { onDelete: 'RESTRICT' })
  @JoinColumn({ name: 'partner_id', foreignKeyConstraintName: 'api_keys_partner_id_fkey' })
  partner?: Relation<Partner> | null;

  /** From the times above, never stored, so that it is right the moment a key expires (domain sheet 6.3). */
  status!: 'active' | 'expired' | 'revoked';

  /** Set only on the object that the call which made the key gives back (INV-30). */
  secret?: string;
}
