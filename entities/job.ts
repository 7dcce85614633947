import { Column, Entity, Index, JoinColumn, ManyToOne, PrimaryColumn, type Relation } from 'typeorm';
import { Organization } from './organization';

/** Work that is done after the transaction that caused it. A job that was done has no row any more. */
@Entity('jobs')
@Index('jobs_key_key', ['key'], { unique: true, where: 'key is not null' })
@Index('jobs_run_at_idx', ['runAt'], { where: 'failed_at is null' })
@Index('jobs_failed_at_idx', ['failedAt'], { where: 'failed_at is not null' })
@Index('jobs_organization_id_idx', ['organizationId'], { where: 'organization_id is not null' })
export class Job {
  @PrimaryColumn('uuid', { primaryKeyConstraintName: 'jobs_pkey' })
  id!: string;

  @Column('text')
  kind!: string;

  /** JSON, encrypted: mails hold invitation tokens. */
  @Column('bytea')
  payload!: Buffer;

  /** The job goes with the organization. */
  @Column('uuid', { nullable: true })
  organizationId!: string | null;

  /** There is one job with this key at the most; another takes its place. */
  @Column('text', { nullable: true })
  key!: string | null;

  @Column('timestamptz')
  runAt!: string;

  /** Runs that were begun; also the fence against a worker that comes late. */
  @Column('integer', { default: 0 })
  attempts!: number;

  /** Until then it belongs to the worker that runs it. */
  @Column('timestamptz', { nullable: true })
  leaseUntil!: string | null;

  /** It failed for the last time. */
  @Column('timestamptz', { nullable: true })
  failedAt!: string | null;

  @Column('text', { nullable: true })
  lastError!: string | null;

  @Column('timestamptz', { default: () => 'now()' })
  createdAt!: string;

  @ManyToOne(() => Organization, { onDelete: 'CASCADE' })
  @JoinColumn({ name: 'organization_id', foreignKeyConstraintName: 'jobs_organization_id_fkey' })
  organization?: Relation<Organization> | null;
}
