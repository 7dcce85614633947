import { request } from 'node:http';
import { Client as PgClient } from 'pg';
import { registry } from '../../src/resources';
import { keyed, moved, reverse, walletOf } from '../routes/money';
import {
  type Answer,
  type Body,
  type Client,
  createUser,
  document,
  link,
  M,
  S,
  stopTellingReads,
  type TestApp,
} from '../support/app';
import { addDelivery, type Delivered } from '../support/deliveries';

/** Rows of every type, and a caller of every level. */
export interface World {
  partner: Client & { id: string };
  /** The organization's own token. */
  key: Client;
  /** The partner's organization: it has an owner, a partner and three members. */
  organization: Body;
  /** The platform's organization, which the partner can't see: no owner, no partner, no members. */
  other: Body;
  owner: Body;
  user: Body;
  /** The owner's membership first. */
  members: Body[];
  roles: Record<string, Body>;
  /** A role and a workspace of the partner's organization. */
  customRole: Body;
  workspace: Body;
  apiKey: Body;
  invitation: Body;
  webhookEndpoint: Body;
  /** Made from the platform's key, which alone has it in its list. */
  accessToken: Body;
  /** Made from the organization's own token; the platform sees it by its id. */
  keyToken: Body;
  /** An event of the partner's organization on its way. */
  delivered: Delivered;
  /** The wallet of the partner's organization; of a hold in it a part was captured, which is the transaction, and reversed. */
  wallet: Body;
  transaction: Body;
  entry: Body;
  /** Captured in part; with the limit and the alert it is of the same wallet. */
  hold: Body;
  overageLimit: Body;
  walletAlert: Body;
  /** Id of the first row of the audit trail of the partner's organization. */
  auditEvent: string;
}

export const TYPES = [...registry.keys()];
export const pathOf = (type: string): string => registry.get(type)?.path ?? '';
export const firstAttribute = (type: string): string => Object.keys(registry.get(type)?.attributes ?? {})[0] ?? '';
/** What no token that the platform's key made has, and no capture; `test/routes` has tests of it. */
const NOT_OF_THE_SAMPLES = ['accessTokens.user', 'accessTokens.organization', 'walletTransactions.reverses'];

/** Every relationship of every type. */
export const RELATIONSHIPS = [...registry.values()]
  .flatMap(({ type, relationships }) =>
    Object.entries(relationships).map(([name, relationship]) => [type, name, relationship] as const),
  )
  .filter(([type, name]) => !NOT_OF_THE_SAMPLES.includes(`${type}.${name}`));
export const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00$/;
/** Where the order within a second matters (domain sheet 1). */
export const TIME_MS = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+00:00$/;

const created = async (answer: Promise<Answer>): Promise<Body> => {
  const { status, body, text } = await answer;
  if (status !== 201) throw new Error(`not created: ${text}`);
  return body.data;
};

const ownedBy = (organization: string) => ({ relationships: { organization: link('organizations', organization) } });

/** A request document for a membership. */
export const membership = (organization: string, user: string, roles: string[] = []) =>
  document(
    'members',
    {},
    {
      relationships: {
        organization: link('organizations', organization),
        user: link('users', user),
        ...(roles.length > 0 ? { roles: { data: roles.map((id) => ({ type: 'roles', id })) } } : {}),
      },
    },
  );

export async function buildWorld(app: TestApp): Promise<World> {
  await stopTellingReads(app);
  const partner = await app.partner();
  const organization = await created(
    partner.post(`${M}/organizations`, document('organizations', { name: 'Acme', externalId: 'acme-1' })),
  );
  const other = await created(app.platform.post(`${M}/organizations`, document('organizations', { name: 'Other' })));
  const listed = await app.platform.get(`${S}/roles`);
  const roles = Object.fromEntries(listed.body.data.map((role: Body) => [role.attributes.code, role]));
  const [owner, user, third] = [
    await createUser(partner, { name: 'Olga' }),
    await createUser(partner, { name: 'Uwe' }),
    await createUser(partner),
  ];
  const members: Body[] = [];
  for (const [person, ...codes] of [[owner, 'owner'], [user, 'admin', 'member'], [third]]) {
    const ids = codes.map((code: string) => roles[code].id);
    members.push(await created(partner.post(`${S}/members`, membership(organization.id, person.id, ids))));
  }
  // As an acceptance leaves it.
  await app.source.query('update members set invited_by_id = $1 where id = $2', [owner.id, members[1].id]);
  const make = (type: string, attributes: object) =>
    created(partner.post(`${S}/${type}`, document(type, attributes, ownedBy(organization.id))));
  const customRole = await make('roles', { code: 'clerk', name: 'Clerk', rank: 5, permissions: ['members:read'] });
  const workspace = await make('workspaces', { name: 'North', metadata: { team: 'build' } });
  const apiKey = await make('apiKeys', { name: 'CI', metadata: { team: 'build' } });
  // Made by somebody, and in the place of the token, which is in its own: so that every relationship leads somewhere.
  await app.source.query(
    `update api_keys k set created_by_id = $3, replaces_id = other.id from api_keys other
     where k.organization_id = $1 and other.organization_id = $1 and other.id <> k.id and $2::uuid in (k.id, other.id)`,
    [organization.id, apiKey.id, owner.id],
  );
  const invitation = await make('invitations', { email: 'invitee@example.com', name: 'Ines' });
  // As of a link that people have used: it leads to somebody by each relationship.
  await app.source.query(
    'update invitations set invited_by_id = $2, accepted_by_id = $2, revoked_by_id = $2 where id = $1',
    [invitation.id, owner.id],
  );
  await app.source.query(
    "insert into invitation_roles select $1, r.id from roles r where r.code in ('clerk', 'auditor') on conflict do nothing",
    [invitation.id],
  );
  const webhookEndpoint = await make('webhookEndpoints', {
    url: 'https://hooks.example.com/world',
    metadata: { team: 'build' },
  });
  const key = app.as(organization.attributes.token);
  const tokens = (asker: Client) => created(asker.post(`${S}/accessTokens`, document('accessTokens')));
  await tokens(partner);
  const [audited] = await app.db.query(
    'select id from audit_events where organization_id = $1 order by sequence limit 1',
    [organization.id],
  );
  return {
    partner,
    key,
    organization,
    other,
    owner,
    user,
    members,
    roles,
    customRole,
    workspace,
    apiKey,
    invitation,
    webhookEndpoint,
    accessToken: await tokens(app.platform),
    keyToken: await tokens(key),
    auditEvent: audited?.[0] as string,
    delivered: await addDelivery(app, organization.id, webhookEndpoint.id),
    ...(await addMoney(partner, organization.id)),
  };
}

type Money = Pick<World, 'wallet' | 'transaction' | 'entry' | 'hold' | 'overageLimit' | 'walletAlert'>;

async function addMoney(asker: Client, organizationId: string): Promise<Money> {
  await moved(asker, organizationId, 'topup', { amount: 500 });
  const wallet = await walletOf(asker, organizationId);
  const owned = ownedBy(organizationId);
  const overageLimit = await created(
    asker.post(`${S}/overageLimits`, document('overageLimits', { maxOverage: 100 }, owned)),
  );
  const watched = { relationships: { wallet: link('wallets', wallet.id) } };
  const alert = document('walletAlerts', { direction: 'below', percentOfLimit: 80 }, watched);
  const walletAlert = await created(asker.post(`${S}/walletAlerts`, alert));
  const held = document('holds', { amount: 50, service: 'sms', reason: 'A stay' }, owned);
  const hold = await created(asker.post(`${S}/holds`, held, keyed()));
  await asker.post(`${hold.links.self}/capture`, { meta: { amount: 20 } }, keyed());
  const captures = `${S}/walletTransactions?filter[kind]=capture&filter[organizationId]=${organizationId}`;
  const [captured] = (await asker.get(captures)).body.data;
  await reverse(asker, organizationId, captured.id);
  const transaction = (await asker.get(captured.links.self)).body.data;
  const [entry] = (await asker.get(`${captured.links.self}/entries`)).body.data;
  return { wallet, transaction, entry, hold, overageLimit, walletAlert };
}

/** New users who are members of the organization, each with the role `member`, made in the database at once. */
export async function addMembers(app: TestApp, organizationId: string, count: number): Promise<void> {
  await app.source.query(
    `with people as (
       insert into users (id, email)
       select id, id || '@example.com' from (select gen_random_uuid() id from generate_series(1, $2::int)) ids returning id
     ), joined as (
       insert into members (id, organization_id, user_id, join_method)
       select gen_random_uuid(), $1, id, 'admin' from people returning id
     )
     insert into member_roles (member_id, role_id)
     select joined.id, roles.id from joined, roles where roles.code = 'member'`,
    [organizationId, count],
  );
}

/** More invitations of an organization. */
export async function addInvitations(app: TestApp, organizationId: string, count: number): Promise<void> {
  await app.source.query(
    `insert into invitations (id, organization_id, email, expires_at, hash, token_start)
     select id, $1, id || '@example.com', now() + interval '1 day', sha256(id::text::bytea), 'inv_live_more'
     from (select gen_random_uuid() id from generate_series(1, $2::int)) ids`,
    [organizationId, count],
  );
}

/** More webhook endpoints of an organization. */
export async function addWebhookEndpoints(app: TestApp, organizationId: string, count: number): Promise<void> {
  await app.source.query(
    `insert into webhook_endpoints (id, organization_id, url, event_types)
     select id, $1, 'https://hooks.example.com/' || id, '{role.deleted}' from (select gen_random_uuid() id from generate_series(1, $2::int)) ids`,
    [organizationId, count],
  );
}

/** More workspaces in the organization, and all of them with the samples that can be limited to some. */
export async function addWorkspaces(app: TestApp, world: World, count: number): Promise<void> {
  const { id } = world.organization;
  await app.source.query(
    `insert into workspaces (id, organization_id, name, slug)
     select gen_random_uuid(), $1, 'More ' || n, 'more-' || n from generate_series(1, $2::int) n`,
    [id, count],
  );
  for (const [type, table, column] of [
    ['members', 'member_workspaces', 'member_id'],
    ['apiKeys', 'api_key_workspaces', 'api_key_id'],
    ['invitations', 'invitation_workspaces', 'invitation_id'],
  ] as const) {
    await app.source.query(
      `insert into ${table} (${column}, workspace_id) select $2, w.id from workspaces w where w.organization_id = $1`,
      [id, sampleOf(world, type)],
    );
  }
}

/** Whether a caller of the level sees the sample of the type: tokens are seen by the key that they were made from. */
export const seesSample = (level: string, type: string): boolean => level === 'platform' || type !== 'accessTokens';

/** A resource of the type that the platform, the partner and (but for partners) the organization's key see. */
export function sampleOf(world: World, type: string): string {
  const samples: Record<string, string> = {
    organizations: world.organization.id,
    partners: world.partner.id,
    users: world.owner.id,
    members: world.members[1].id,
    roles: world.customRole.id,
    permissions: 'members:read',
    workspaces: world.workspace.id,
    apiKeys: world.apiKey.id,
    invitations: world.invitation.id,
    accessTokens: world.accessToken.id,
    events: world.delivered.eventId,
    webhookDeliveries: world.delivered.deliveryId,
    webhookAttempts: world.delivered.attemptId,
    webhookEndpoints: world.webhookEndpoint.id,
    wallets: world.wallet.id,
    walletTransactions: world.transaction.id,
    ledgerEntries: world.entry.id,
    holds: world.hold.id,
    overageLimits: world.overageLimit.id,
    walletAlerts: world.walletAlert.id,
    auditEvents: world.auditEvent,
  };
  const id = samples[type];
  if (id === undefined) throw new Error(`Give a sample of the type ${type} here.`);
  return id;
}

/** What a request that creates one of the type must have beside its document: whatever moves money takes a key. */
export const headersOf = (type: string): Record<string, string> =>
  registry.get(type)?.operations.create?.keyed === true ? keyed() : {};

/** The client, with a key for whatever needs one. */
export const withKeys = (client: Client): Client => ({
  ...client,
  post: (path, body, headers) => client.post(path, body, { ...headersOf(path.split(/[/?]/)[3] ?? ''), ...headers }),
});

/** A document that creates one of the type, for a platform caller; null when the type takes none. */
export async function creationOf(app: TestApp, world: World, type: string): Promise<Body | null> {
  if (registry.get(type)?.operations.create === undefined) return null;
  const unique = Math.random().toString(36).slice(2);
  if (type === 'users') return document(type, { email: `${unique}@example.com` });
  if (type === 'members') return membership(world.other.id, (await createUser(app.platform)).id);
  const owned = ownedBy(world.other.id);
  if (type === 'roles') return document(type, { code: unique, name: unique, permissions: ['members:read'] }, owned);
  if (type === 'workspaces') return document(type, { name: unique }, owned);
  if (type === 'invitations') return document(type, { email: `${unique}@example.com` }, owned);
  if (type === 'walletTransactions') return document(type, { kind: 'topup', amount: 1 }, owned);
  if (type === 'holds') {
    await moved(app.platform, world.other.id, 'topup', { amount: 1 });
    return document(type, { amount: 1 }, owned);
  }
  if (type === 'overageLimits') return document(type, { asset: `X${unique.toUpperCase().slice(0, 12)}` }, owned);
  if (type === 'walletAlerts') {
    const wallet = await walletOf(app.platform, world.other.id);
    return document(type, { direction: 'below', value: 1 }, { relationships: { wallet: link('wallets', wallet.id) } });
  }
  if (type === 'webhookEndpoints') return document(type, { url: 'https://hooks.example.com/made' }, owned);
  return document(type, { name: `Name ${unique}` });
}

/** The value at a JSON pointer (RFC 6901); undefined is what does not exist. */
export function valueAt(root: unknown, pointer: string): unknown {
  if (pointer !== '' && !pointer.startsWith('/')) return undefined;
  return pointer
    .split('/')
    .slice(1)
    .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'))
    .reduce<unknown>((value, part) => {
      if (typeof value !== 'object' || value === null || !Object.hasOwn(value, part)) return undefined;
      return (value as Record<string, unknown>)[part];
    }, root);
}

/** Throws when an error points at what the request does not have (ERR-9). */
function checkPointers(answer: Answer, body: unknown): Answer {
  const sent = typeof body === 'string' ? parsed(body) : JSON.parse(JSON.stringify(body ?? null));
  for (const { source, detail } of answer.body?.errors ?? []) {
    if (source?.pointer !== undefined && valueAt(sent, source.pointer) === undefined) {
      throw new Error(`${detail} points at ${JSON.stringify(source.pointer)}, which is not in the request`);
    }
  }
  return answer;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** The client, with every pointer of every error held against the body that was sent. */
export const pointed = (client: Client): Client => ({
  ...client,
  post: async (path, body, headers) => checkPointers(await client.post(path, body, headers), body),
  patch: async (path, body, headers) => checkPointers(await client.patch(path, body, headers), body),
  delete: async (path, headers, body) => checkPointers(await client.delete(path, headers, body), body),
});

const UUID = /[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/g;
const TIMES = /\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00/g;
const SECRETS = /(?:(?:sk|pk|inv)_live_[0-9A-Za-z]{36}|whsec_[\w+/=]{44})/g;

/** The document with ids, times and secrets replaced: known ids by their names, others by `ID`. */
export function masked(value: unknown, names: Record<string, string> = {}): Body {
  const text = JSON.stringify(value)
    .replace(UUID, (id) => names[id] ?? 'ID')
    .replace(TIMES, 'TIME')
    .replace(SECRETS, 'SECRET');
  return JSON.parse(text);
}

/** The errors of an answer, each as [status, code, where]. */
export const errorsOf = ({ body }: Answer): [string, string, string | undefined][] =>
  (body?.errors ?? []).map(({ status, code, source }: Body) => [
    status,
    code,
    source?.pointer ?? source?.parameter ?? source?.header,
  ]);

/** A request whose path, method and header fields go out as they are written here: supertest mends some, and parses a HEAD. */
export function ask(app: TestApp, method: string, path: string, headers: Record<string, string> = {}): Promise<Answer> {
  const { port } = app;
  const credential = app.platform.key === undefined ? {} : { Authorization: app.platform.key };
  return new Promise((resolve, reject) => {
    const sent = request({ host: '127.0.0.1', port, method, path, headers: { ...credential, ...headers } }, (res) => {
      let text = '';
      res.setEncoding('utf8').on('data', (chunk) => {
        text += chunk;
      });
      res.on('end', () => {
        const { statusCode: status = 0, headers: received } = res;
        resolve({ status, headers: received as Record<string, string>, text, body: text && JSON.parse(text) });
      });
    });
    sent.on('error', reject).end();
  });
}

const AUTHENTICATION = /from (?:api_keys k|access_tokens a)\n|update (?:api_keys|access_tokens) set last_used_at/;

/** The SQL that `work` sends to PostgreSQL, but for that of authentication. */
export async function statementsOf(work: () => Promise<unknown>): Promise<string[]> {
  const { query } = PgClient.prototype;
  const texts: string[] = [];
  PgClient.prototype.query = function (this: PgClient, ...given: unknown[]) {
    const [first] = given;
    texts.push(typeof first === 'string' ? first : (first as { text: string }).text);
    return (query as (...all: unknown[]) => unknown).apply(this, given);
  } as typeof query;
  try {
    await work();
  } finally {
    PgClient.prototype.query = query;
  }
  return texts.filter((text) => !AUTHENTICATION.test(text));
}

/** Rows of every table that requests write to. */
export async function rowCounts(app: TestApp): Promise<Record<string, number>> {
  const tables = ['organizations', 'partners', 'users', 'members', 'member_roles', 'api_keys'];
  const [row] = await app.source.query(
    `select ${tables.map((table) => `(select count(*)::int from ${table}) as ${table}`).join(', ')}`,
  );
  return row;
}
