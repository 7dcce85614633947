import { Check, Column, Entity, PrimaryColumn, Unique } from 'typeorm';
import { Versioned } from './versioned';

/** A named set of permissions. System roles are rows of the installation and belong to no organization. */
@Entity('roles')
@Unique('roles_number_key', ['number'])
@Unique('roles_code_key', ['code'])
@Check('roles_kind_check', "kind in ('system', 'custom')")
export class Role extends Versioned {
  @PrimaryColumn('uuid', { primaryKeyConstraintName: 'roles_pkey' })
  id!: string;

  @Column({ type: 'integer', generated: 'identity', generatedIdentity: 'ALWAYS' })
  number!: number;

  @Column('text')
  code!: string;

  @Column('text')
  name!: string;

  @Column('text', { nullable: true })
  description!: string | null;

  @Column('text')
  kind!: 'system' | 'custom';

  /** 0–100; nobody changes a member whose highest rank is above his own (INV-14). */
  @Column('integer')
  rank!: number;

  @Column('text', { array: true })
  permissions!: string[];
}
