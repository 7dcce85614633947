import { Column, Entity, PrimaryColumn } from 'typeorm';
import { Versioned } from './versioned';

/** A right that roles and keys can have, for people to read; the list itself is in the code. */
@Entity('permissions')
export class Permission extends Versioned {
  /** Its code, such as `members:read`. */
  @PrimaryColumn('text', { primaryKeyConstraintName: 'permissions_pkey' })
  id!: string;

  @Column('text')
  description!: string;

  /** It moves money, grants rights, reveals or destroys. */
  @Column('boolean', { default: false })
  sensitive!: boolean;
}
