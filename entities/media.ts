import { Check, Column, Entity, Index, PrimaryColumn } from 'typeorm';

/** An uploaded image, whose bytes are in the store under its name. Several organizations may show the same one. */
@Entity('media')
@Check('media_name_check', "name ~ '^[0-9a-f]{64}[.](png|jpg|webp|gif)$'")
@Check('media_size_check', 'size > 0')
@Index('media_unused_since_idx', ['unusedSince'], { where: 'unused_since is not null' })
export class Media {
  /** SHA-256 of the bytes, with an extension. */
  @PrimaryColumn('text', { primaryKeyConstraintName: 'media_pkey' })
  name!: string;

  /** Bytes. */
  @Column('integer')
  size!: number;

  @Column('timestamptz', { default: () => "date_trunc('second', now())" })
  createdAt!: string;

  /** Since when nobody may need it any more; null: somebody did when that was looked at last. */
  @Column('timestamptz', { nullable: true, default: () => 'now()' })
  unusedSince!: string | null;
}
