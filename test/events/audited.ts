import { hashKey } from '../../src/secrets';
import type { Answer, Body, TestApp } from '../support/app';

/** A request that was sent, and the credential that came with it; without both it was the service itself. */
export interface Doing {
  readonly since: string;
  readonly answer: Answer | undefined;
  readonly credential: string | undefined;
  /** `POST /path/{id}`, where it is known. */
  readonly operation?: string;
}

interface Row {
  readonly chain: string;
  readonly action: string;
  readonly outcome: string;
  readonly actor: readonly [string, string | null];
  readonly credential: string | null;
  readonly request: string | null;
  readonly method: string | null;
  readonly path: string | null;
  readonly targetType: string;
  readonly personal: Body;
  readonly changes: { readonly field: string; readonly from: unknown; readonly to: unknown }[];
  readonly metadata: Body;
  /** The whole of it. */
  readonly text: string;
  readonly transaction: string;
}

/** What actions are about, by what they begin with. */
const SUBJECTS: Record<string, string | string[]> = {
  organization: 'organizations',
  partner: 'partners',
  member: 'members',
  role: 'roles',
  workspace: 'workspaces',
  invitation: 'invitations',
  user: 'users',
  password_reset: 'users',
  api_key: 'apiKeys',
  access_token: 'accessTokens',
  webhook_endpoint: 'webhookEndpoints',
  wallet: ['wallets', 'walletTransactions', 'holds', 'walletAlerts'],
  wallet_alert: 'walletAlerts',
  overage_limit: 'overageLimits',
};

const SECRET =
  /\b(?:sk|pk|pat|at|rt|inv|pwr)_(?:live|test)_[0-9A-Za-z]{20,}|whsec_[0-9A-Za-z+/=]{20,}|hidden-of-|correct horse|plum-Velvet/;

/** The rows that were written since, in the order of their chains. */
export async function auditedSince(app: TestApp, since: string): Promise<Row[]> {
  const rows = await app.db.query(
    `select a.organization_id, a.action, a.outcome, a.actor_type, a.actor_id, a.credential_id, a.request_id, a.method, a.path,
       a.target_type, a.actor_personal, a.changes, a.metadata, a::text, a.xmin::text, a.subject_personal
     from audit_events a where a.occurred_at > $1::timestamptz order by a.organization_id, a.sequence`,
    [since],
  );
  return rows.map((row) => {
    const [chain, action, outcome, type, id, credential, request, method, path, targetType] = row as string[];
    const [actor, changes, metadata, text, transaction, subject] = row.slice(10) as [
      string,
      Row['changes'],
      Body,
      string,
      string,
      string,
    ];
    const own = JSON.parse(subject ?? '{}').changes ?? [];
    return {
      ...{
        chain,
        action,
        outcome,
        actor: [type, id],
        credential,
        request,
        method,
        path,
        targetType,
        metadata,
        text,
        transaction,
      },
      personal: JSON.parse(actor ?? 'null'),
      changes: [...changes, ...own],
    } as Row;
  });
}

/** What is wrong with the rows of something that was done. */
export async function auditFaults(app: TestApp, doing: Doing, rows: readonly Row[]): Promise<string[]> {
  const who = await holderOf(app, doing.credential);
  return rows.flatMap((row) =>
    checksOf(doing, who, row)
      .filter(([, isRight]) => !isRight)
      .map(([name]) => `${row.action}: ${name}: ${row.text}`),
  );
}

interface Holder {
  readonly credential: string;
  readonly actor: Row['actor'];
}

/** null: nobody; undefined: somebody who has gone with what he has done. */
async function holderOf(app: TestApp, credential: string | undefined): Promise<Holder | null | undefined> {
  if (credential === undefined) return null;
  const [row] = await app.db.query(
    `select k.id, k.user_id, k.id from api_keys k where k.hash = $1
     union all select t.family_id, coalesce(t.user_id, k.user_id), k.id from access_tokens t
       left join api_keys k on k.id = t.api_key_id where t.hash = $1`,
    [hashKey(credential)],
  );
  if (row === undefined) return undefined;
  const [id, user, key] = row as (string | null)[];
  return { credential: id as string, actor: user ? ['user', user] : ['apiKey', key as string] };
}

function checksOf({ answer, operation }: Doing, who: Holder | null | undefined, row: Row): [string, boolean][] {
  const [method, template = ''] = operation?.split(' ') ?? [];
  const pattern = new RegExp(`^${template.replaceAll('.', '\\.').replace(/\{\w+\}/g, '[^/]+')}$`);
  const subject =
    row.action === 'webhook_delivery.replayed' ? row.targetType : SUBJECTS[row.action.split('.')[0] as string];
  const isRequest = answer !== undefined;
  return [
    ['outcome', row.outcome === (answer?.status === 402 ? 'failed' : 'success')],
    ['target', [subject].flat().includes(row.targetType)],
    ['request id', row.request === (isRequest ? answer.headers['x-request-id'] : null)],
    ['method', isRequest ? (method ?? row.method) === row.method && row.method !== null : row.method === null],
    ['path', isRequest ? pattern.test(row.path ?? '') || operation === undefined : row.path === null],
    // Whoever has erased himself leaves nothing but his id.
    [
      'address',
      row.action === 'user.erased' || (isRequest ? /127\.0\.0\.1$/.test(row.personal?.ip) : row.personal === null),
    ],
    // A refresh token is one, too, but stands elsewhere.
    [
      'credential',
      who === undefined || row.action === 'access_token.refreshed' || row.credential === (who?.credential ?? null),
    ],
    ['actor', who ? JSON.stringify(row.actor) === JSON.stringify(who.actor) : isRequest || row.actor[0] === 'system'],
    ['name', !who || row.action === 'user.erased' || typeof row.personal?.name === 'string'],
    ['level', !who || typeof row.metadata.level === 'string'],
    ['secret', !SECRET.test(row.text)],
  ];
}

/** Rows of chains that are not what was written: a hash that does not fit, a gap, a digest of something else, another head. */
export const brokenLinks = (app: TestApp): Promise<unknown[][]> =>
  app.db.query(`
    select a.organization_id, a.sequence from (
      select e, lag(e.hash) over w as before, lag(e.sequence) over w as last
      from audit_events e window w as (partition by e.organization_id order by e.sequence)) l, lateral (select (l.e).*) a
    where a.hash <> sha256(convert_to(encode(a.prev_hash, 'hex') || audit_record(l.e), 'UTF8'))
      or a.prev_hash <> coalesce(l.before, decode(repeat('00', 32), 'hex')) or a.sequence <> coalesce(l.last, 0) + 1
      or a.actor_digest <> sha256(a.actor_salt || convert_to(a.actor_personal, 'UTF8'))
      or a.subject_digest <> sha256(a.subject_salt || convert_to(a.subject_personal, 'UTF8'))
    union all
    select s.organization_id, s.audit_last from event_sequences s left join audit_events h
      on h.organization_id = s.organization_id and h.sequence = s.audit_last and h.hash = s.audit_hash
    where s.audit_last > 0 and (h.id is null or exists (
      select 1 from audit_events n where n.organization_id = s.organization_id and n.sequence > s.audit_last))
    union all select '00000000-0000-0000-0000-000000000000', count(*) from audit_pending having count(*) > 0`);
