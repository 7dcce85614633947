import type { Caller, Context } from './context';

/**
 * Every error code the service can answer with: code → HTTP status and title. Closed: a code that is not here can't be
 * thrown. A title never varies; what was wrong this time is in `detail`.
 */
export const ERRORS = {
  malformed_request: [400, 'Malformed request'],
  malformed_document: [400, 'Malformed document'],
  invalid_parameter: [400, 'Invalid query parameter'],
  idempotency_key_required: [400, 'Idempotency key required'],
  page_size_too_large: [400, 'Page size too large'],
  missing_credential: [401, 'Credential missing'],
  invalid_credential: [401, 'Credential not valid'],
  expired_credential: [401, 'Credential expired'],
  authentication_required: [401, 'Authentication required'],
  revoked_credential: [401, 'Credential revoked'],
  insufficient_funds: [402, 'Insufficient funds'],
  overage_limit_exceeded: [402, 'Overage limit exceeded'],
  permission_denied: [403, 'Permission denied'],
  organization_suspended: [403, 'Organization suspended'],
  partner_suspended: [403, 'Partner suspended'],
  ip_not_allowed: [403, 'Address not allowed'],
  client_id_not_allowed: [403, 'Client-generated id not allowed'],
  owner_required: [403, 'Owner required'],
  rank_too_low: [403, 'Rank too low'],
  cannot_grant: [403, 'Cannot grant what the caller lacks'],
  update_not_offered: [403, 'Update not offered'],
  not_found: [404, 'Not found'],
  method_not_allowed: [405, 'Method not allowed'],
  not_acceptable: [406, 'Not acceptable'],
  request_timeout: [408, 'Request timed out'],
  id_taken: [409, 'Id taken'],
  id_mismatch: [409, 'Id does not match'],
  type_mismatch: [409, 'Type does not match'],
  slug_taken: [409, 'Slug taken'],
  external_id_taken: [409, 'External id taken'],
  email_taken: [409, 'E-mail address taken'],
  already_member: [409, 'Already a member'],
  last_owner: [409, 'Last owner'],
  members_present: [409, 'Other members present'],
  role_in_use: [409, 'Role in use'],
  already_invited: [409, 'Already invited'],
  only_organization: [409, 'Only organization'],
  quota_exceeded: [409, 'Quota exceeded'],
  code_taken: [409, 'Code taken'],
  delete_protected: [409, 'Protected from deletion'],
  legal_hold: [409, 'Under legal hold'],
  invalid_transition: [409, 'Transition not possible'],
  limit_exists: [409, 'Limit exists'],
  wallet_frozen: [409, 'Wallet frozen'],
  hold_closed: [409, 'Hold has ended'],
  already_reversed: [409, 'Already reversed'],
  request_in_progress: [409, 'Request in progress'],
  conflict: [409, 'Conflict'],
  invitation_expired: [410, 'Invitation expired'],
  invitation_revoked: [410, 'Invitation revoked'],
  invitation_used: [410, 'Invitation used'],
  inviter_not_allowed: [410, 'Inviter not allowed'],
  version_mismatch: [412, 'Version does not match'],
  too_large: [413, 'Too large'],
  uri_too_long: [414, 'URI too long'],
  unsupported_media_type: [415, 'Unsupported media type'],
  required: [422, 'Required'],
  too_short: [422, 'Too short'],
  too_long: [422, 'Too long'],
  invalid_format: [422, 'Invalid format'],
  not_allowed: [422, 'Not allowed'],
  unknown_attribute: [422, 'Unknown attribute'],
  unknown_relationship: [422, 'Unknown relationship'],
  confirmation_mismatch: [422, 'Confirmation does not match'],
  weak_password: [422, 'Weak password'],
  unknown_event_type: [422, 'Unknown event type'],
  blocked_address: [422, 'Address blocked'],
  idempotency_key_reused: [422, 'Idempotency key reused'],
  rate_limited: [429, 'Too many requests'],
  headers_too_large: [431, 'Header fields too large'],
  internal_error: [500, 'Internal error'],
  unavailable: [503, 'Service unavailable'],
} as const satisfies Record<string, readonly [status: number, title: string]>;

export type ErrorCode = keyof typeof ERRORS;

/** Where in the request the fault is; at most one of the three (JSON:API "error objects"). */
export interface ErrorSource {
  pointer?: string;
  parameter?: string;
  header?: string;
}

/** One thing that is wrong with a request. */
export interface Fault {
  code: ErrorCode;
  detail: string;
  source?: ErrorSource;
  meta?: Record<string, unknown>;
  /** `type`: a page about this kind of problem. */
  links?: { type: string };
}

/** What every layer throws when a request can't be served; each surface words it for its own clients. */
export class AppError extends Error {
  readonly faults: readonly Fault[];
  /** Header fields that belong to the answer, `Allow` for instance. */
  readonly headers: Readonly<Record<string, string>>;
  /**
   * What stays of it although all else that was done is rolled back: run in a transaction of its own, or in that of the
   * `Idempotency-Key` that the answer is stored under.
   */
  aftermath?: (ctx: Context) => Promise<void>;
  /** Row in `permissions.ts` that the caller was refused, which may be another one than what he tried. */
  operation?: string;
  /** Who was refused, where he was known and was refused whatever he wants. */
  caller?: Caller;

  constructor(
    code: ErrorCode,
    detail: string,
    source?: ErrorSource,
    more: { meta?: Record<string, unknown>; headers?: Record<string, string> } = {},
  ) {
    super(`${code}: ${detail}`);
    this.faults = [{ code, detail, source, meta: more.meta }];
    this.headers = more.headers ?? {};
  }

  /** An error of several faults, for bodies: all of them are reported at once. `faults` must not be empty. */
  static of(faults: readonly Fault[]): AppError {
    const [first] = faults;
    const error = new AppError(first?.code ?? 'internal_error', first?.detail ?? 'No fault was given.');
    (error as { faults: readonly Fault[] }).faults = faults;
    return error;
  }

  /** The same error with its faults put in other words. */
  map(reword: (fault: Fault) => Fault): AppError {
    const error = AppError.of(this.faults.map(reword));
    (error as { headers: AppError['headers'] }).headers = this.headers;
    error.cause = this.cause;
    error.aftermath = this.aftermath;
    error.operation = this.operation;
    error.caller = this.caller;
    return error;
  }

  /** The status of the answer. Faults of several statuses share the most general one, 400 or 500 (JSON:API "errors"). */
  get status(): number {
    const statuses = new Set(this.faults.map((fault) => ERRORS[fault.code][0]));
    const [only] = statuses;
    if (statuses.size === 1 && only !== undefined) return only;
    return [...statuses].some((status) => status >= 500) ? 500 : 400;
  }
}

/** The one answer for rows that do not exist and rows the caller can't see (INV-18). */
export function notFound(detail = 'There is no such resource.', source?: ErrorSource): AppError {
  return new AppError('not_found', detail, source);
}
