import { Column } from 'typeorm';

/** What every row that clients see has beside its own columns. */
export abstract class Versioned {
  @Column('timestamptz', { default: () => "date_trunc('second', now())" })
  createdAt!: string;

  @Column('timestamptz', { default: () => "date_trunc('second', now())" })
  updatedAt!: string;

  /** Goes up by one with each change; `If-Match` compares it (INV-59). */
  @Column('integer', { default: 1 })
  version!: number;
}
