import { Column, Entity, Index, PrimaryColumn } from 'typeorm';

/** How much of a rate limit the processes have taken in the window that runs. */
@Entity('rate_limits')
@Index('rate_limits_window_ends_at_idx', ['windowEndsAt'])
export class RateLimit {
  /** The policy, a blank, and who is counted: the id of a credential or an address. */
  @PrimaryColumn('text', { primaryKeyConstraintName: 'rate_limits_pkey' })
  key!: string;

  /** A window that has ended is as good as none: the next request begins another. */
  @Column('timestamptz')
  windowEndsAt!: string;

  /** More than the limit when some asked for more than was left. */
  @Column('integer')
  used!: number;
}
