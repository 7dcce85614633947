import { Column, Entity, Index, PrimaryColumn } from 'typeorm';

const key = () => ({ primaryKeyConstraintName: 'idempotency_records_pkey' });

/** The answer to a request that carried an `Idempotency-Key` (domain sheet 4.16), written with the effect of the request. */
@Entity('idempotency_records')
@Index('idempotency_records_expires_at_idx', ['expiresAt'])
export class IdempotencyRecord {
  @PrimaryColumn('uuid', key())
  credentialId!: string;

  @PrimaryColumn('text', key())
  method!: string;

  @PrimaryColumn('text', key())
  path!: string;

  @PrimaryColumn('text', key())
  key!: string;

  /** SHA-256 of all that must be the same in a repetition. */
  @Column('bytea')
  fingerprint!: Buffer;

  @Column('integer')
  status!: number;

  @Column('jsonb')
  headers!: Record<string, string>;

  /** Secrets are not in it (INV-30). */
  @Column('text', { nullable: true })
  body!: string | null;

  @Column('timestamptz', { default: () => 'now()' })
  createdAt!: string;

  @Column('timestamptz')
  expiresAt!: string;
}
