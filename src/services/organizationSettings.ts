import { Expression, type Guard } from '../db/write';
import { AppError } from '../errors';

/**
 * What an organization's settings are until it changes them (domain sheet 4.1); only what differs is stored. In the order
 * of PostgreSQL's jsonb, which has those that were changed.
 */
export const DEFAULT_SETTINGS = {
  /** Code of the role that a member gets who is given none. */
  defaultRole: 'member',
  /** Members may invite whatever their roles say, with roles that do not exceed their own. */
  membersMayInvite: false,
  /** null: for ever. */
  auditRetentionDays: null as number | null,
  /** Domains of the addresses that can be invited; empty: all. */
  allowedInviteDomains: [] as readonly string[],
  /** Writes of its members and keys need an `Idempotency-Key`. */
  requireIdempotencyKey: false,
};
export type Settings = typeof DEFAULT_SETTINGS;

const DEFAULTS_SQL = `'${JSON.stringify(DEFAULT_SETTINGS)}'::jsonb`;

/** SQL of the settings as they are read; null where none was changed, which most lists are full of. */
export const settingsSql = (column: string): string =>
  `case when ${column} <> '{}' then ${DEFAULTS_SQL} || ${column} end`;

/** What is stored when the settings of `old`, or with null of nobody, are changed by those that were given; null is the default. */
export const settingsChange = (given: object, old: string | null): Expression =>
  new Expression(
    (bind) => `(select coalesce(jsonb_object_agg(s.key, s.value), '{}')
      from jsonb_each(${old === null ? '' : `${old}.settings || `}${bind(given)}::jsonb) s
      where s.value <> 'null' and s.value <> ${DEFAULTS_SQL}->s.key)`,
  );

/** The role that members get by default is one that the organization has, and not the owner's. Judged on the locked row. */
export function settingsGuards({ defaultRole }: Partial<Settings>): Guard[] {
  if (typeof defaultRole !== 'string') return [];
  return [
    {
      sql: (bind) => `exists (select 1 from roles r where r.code = ${bind(defaultRole)} and r.code <> 'owner'
        and (r.organization_id is null or r.organization_id = old.id))`,
      error: noDefault,
    },
  ];
}

export const noDefault = (): AppError =>
  new AppError('not_allowed', 'defaultRole must be the code of a role of the organization, and not owner.', {
    pointer: '/data/attributes/settings/defaultRole',
  });
