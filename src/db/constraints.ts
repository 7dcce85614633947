import { AppError, type ErrorCode, type ErrorSource } from '../errors';

const attribute = (name: string): ErrorSource => ({ pointer: `/data/attributes/${name}` });
const relationship = (name: string): ErrorSource => ({ pointer: `/data/relationships/${name}/data` });

const TOO_LARGE = [
  'not_allowed',
  'The balance would be more than 9007199254740991, which is kept exactly.',
  attribute('amount'),
] as const;

/** Violated constraint → what the client is told. The database decides, so no race slips between a check and a write. */
const CONSTRAINTS: Readonly<Record<string, readonly [ErrorCode, string, ErrorSource?]>> = {
  organizations_pkey: ['id_taken', 'An organization with this id exists.', { pointer: '/data/id' }],
  organizations_slug_key: ['slug_taken', 'Another organization has this slug.', attribute('slug')],
  organizations_partner_external_id_key: [
    'external_id_taken',
    'Another organization has this externalId.',
    attribute('externalId'),
  ],
  partners_external_id_key: ['external_id_taken', 'Another partner has this externalId.', attribute('externalId')],
  users_email_key: ['email_taken', 'A user with this e-mail address exists.', attribute('email')],
  members_organization_id_user_id_key: [
    'already_member',
    'The user is a member of this organization.',
    relationship('user'),
  ],
  members_user_id_fkey: ['not_found', 'There is no such user.', relationship('user')],
  members_user_check: ['not_found', 'There is no such user.', relationship('user')],
  members_organization_id_fkey: ['not_found', 'There is no such organization.', relationship('organization')],
  organizations_partner_id_fkey: ['not_found', 'There is no such partner.', relationship('partner')],
  api_keys_partner_id_fkey: ['not_found', 'There is no such partner.', relationship('partner')],
  api_keys_organization_id_fkey: ['not_found', 'There is no such organization.', relationship('organization')],
  organizations_avatar_media_fkey: ['conflict', 'The image has just been removed: try again.'],
  organizations_keep_owner: [
    'last_owner',
    'An organization keeps at least one owner: make another member owner first.',
  ],
  members_keep_role: ['too_short', 'A member has at least one role.', relationship('roles')],
  roles_organization_id_code_key: ['code_taken', 'Another role of the organization has this code.', attribute('code')],
  roles_code_check: ['code_taken', 'A system role has this code.', attribute('code')],
  member_roles_role_id_fkey: ['role_in_use', 'Members have this role: name another one in replaceWith.'],
  workspaces_organization_id_slug_key: ['slug_taken', 'Another workspace has this slug.', attribute('slug')],
  workspaces_default_check: ['invalid_transition', 'The default workspace can’t be archived.', attribute('status')],
  invitations_organization_id_fkey: ['not_found', 'There is no such organization.', relationship('organization')],
  workspaces_organization_id_fkey: ['not_found', 'There is no such organization.', relationship('organization')],
  roles_organization_id_fkey: ['not_found', 'There is no such organization.', relationship('organization')],
  api_keys_replaces_id_key: ['invalid_transition', 'The key has been replaced already.'],
  access_tokens_api_key_id_fkey: ['revoked_credential', 'This credential is gone.', { header: 'Authorization' }],
  wallet_transactions_reverses_id_key: ['already_reversed', 'The transaction has been reversed.'],
  overage_limits_asset_key: ['limit_exists', 'There is a limit of this asset: change that one.', attribute('asset')],
  overage_limits_service_key: [
    'limit_exists',
    'There is a limit of this asset for this service: change that one.',
    attribute('service'),
  ],
  wallets_balance_check: TOO_LARGE,
  ledger_accounts_balance_check: TOO_LARGE,
  // Only a token given by the client can be known already: those made here have 178 random bits.
  api_keys_hash_key: ['not_allowed', 'This token is in use: give another one.', attribute('token')],
};

/** PostgreSQL's own codes for "not now": shutting down, starting, out of connections, time-out of a statement. */
const AWAY = new Set(['57P01', '57P02', '57P03', '53300', '57014', '57P05', '25P03']);
const AWAY_NETWORK = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'ENOENT',
  'EPIPE',
  'ETIMEDOUT',
  'EHOSTUNREACH',
  'ENOTFOUND',
  'EAI_AGAIN',
]);
const AWAY_TEXT =
  /Connection terminated|timeout exceeded when trying to connect|Query read timeout|Client has encountered a connection error|Client was closed|Cannot use a pool after calling end/;

/** Whether the error says that the database can't be reached or does not answer. */
export function isAway(error: unknown): boolean {
  const { code = '', message = '' } = error as { code?: string; message?: string };
  return AWAY.has(code) || AWAY_NETWORK.has(code) || code.startsWith('08') || AWAY_TEXT.test(message);
}

/** What PostgreSQL calls a transaction that was a victim of others: it can be run again. */
export const RETRIED: ReadonlySet<string> = new Set(['40001', '40P01']);

/** Whether it failed for what the moment was like, and may succeed when it is tried again. */
export const isPassing = (error: unknown): boolean =>
  error instanceof AppError
    ? error.faults.every(({ code }) => code === 'unavailable' || code === 'conflict')
    : isAway(error) || RETRIED.has((error as { code?: string }).code ?? '');

/** A driver's error as an AppError where a client can do something about it; any other comes back unchanged. */
export function translate(error: unknown): unknown {
  if (error instanceof AppError) return error;
  const { constraint } = error as { constraint?: string };
  const known = constraint === undefined ? undefined : CONSTRAINTS[constraint];
  if (known !== undefined) return new AppError(...known);
  if (isAway(error)) {
    const unavailable = new AppError('unavailable', 'The database does not answer; try again in a moment.');
    unavailable.cause = error;
    return unavailable;
  }
  return error;
}
