import { Check, Column, Entity, Index, JoinColumn, ManyToOne, PrimaryColumn, type Relation, Unique } from 'typeorm';
import { ApiKey } from './apiKey';
import { Organization } from './organization';
import { User } from './user';
import { Versioned } from './versioned';

/**
 * A pair of access and refresh token (domain sheet 4.9), made from a key or by signing in; only hashes are stored. The
 * pairs that were made by refreshing one another are a family; its id is that of the first.
 */
@Entity('access_tokens')
@Unique('access_tokens_hash_key', ['hash'])
@Unique('access_tokens_refresh_hash_key', ['refreshHash'])
@Check('access_tokens_parent_check', '(api_key_id is null) <> (user_id is null)')
@Index('access_tokens_family_id_idx', ['familyId'])
@Index('access_tokens_api_key_id_idx', ['apiKeyId', 'createdAt', 'id'])
@Index('access_tokens_user_id_idx', ['userId', 'createdAt', 'id'])
@Index('access_tokens_family_ends_at_idx', ['familyEndsAt'])
export class AccessToken extends Versioned {
  @PrimaryColumn('uuid', { primaryKeyConstraintName: 'access_tokens_pkey' })
  id!: string;

  @Column('uuid')
  familyId!: string;

  /** The pair whose refresh token made this one. */
  @Column('uuid', { nullable: true })
  previousId!: string | null;

  /** The key it was made from. */
  @Column('uuid', { nullable: true })
  apiKeyId!: string | null;

  /** Who signed in. */
  @Column('uuid', { nullable: true })
  userId!: string | null;

  /** That of the key. */
  @Column('uuid', { nullable: true })
  organizationId!: string | null;

  @Column('bytea')
  hash!: Buffer;

  @Column('bytea')
  refreshHash!: Buffer;

  @Column('text', { array: true })
  scopes!: string[];

  @Column('timestamptz')
  expiresAt!: string;

  /** Idle end: pushed on by each refresh, never past `familyEndsAt`. */
  @Column('timestamptz')
  refreshExpiresAt!: string;

  @Column('timestamptz')
  familyEndsAt!: string;

  /** When the refresh token was first used; it works on for the overlap (INV-35). */
  @Column('timestamptz', { nullable: true })
  replacedAt!: string | null;

  @Column('timestamptz', { nullable: true })
  revokedAt!: string | null;

  @Column('timestamptz', { nullable: true })
  lastUsedAt!: string | null;

  @Column('inet', { nullable: true })
  lastUsedIp!: string | null;

  @Column('text', { nullable: true })
  userAgent!: string | null;

  @ManyToOne(() => ApiKey, { onDelete: 'CASCADE' })
  @JoinColumn({ name: 'api_key_id', foreignKeyConstraintName: 'access_tokens_api_key_id_fkey' })
  apiKey?: Relation<ApiKey> | null;

  @ManyToOne(() => User, { onDelete: 'CASCADE' })
  @JoinColumn({ name: 'user_id', foreignKeyConstraintName: 'access_tokens_user_id_fkey' })
  user?: Relation<User> | null;

  @ManyToOne(() => Organization, { onDelete: 'CASCADE' })
  @JoinColumn({ name: 'organization_id', foreignKeyConstraintName: 'access_tokens_organization_id_fkey' })
  organization?: Relation<Organization> | null;

  /** Computed. */
  tokenType!: string;

  /** Seconds of life that the access token has when it is made; computed. */
  expiresIn!: number;

  /** The person behind it: who signed in, or whose personal key it was made from; computed. */
  holderId!: string | null;

  /** Set only on the object that the call which made the pair gives back (INV-30). */
  accessToken?: string;
  refreshToken?: string;
}
