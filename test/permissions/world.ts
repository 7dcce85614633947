import { SYSTEM_ROLES } from '../../src/permissions';
import { keyed, moved, walletOf } from '../routes/money';
import {
  type Body,
  type Client,
  createOrganization,
  createUser,
  document,
  link,
  NIL,
  type Person,
  S,
  startApp,
  type TestApp,
} from '../support/app';
import { addDelivery } from '../support/deliveries';
import { Trail } from './trail';

/** In every text of the other tenant, and nowhere else. */
export const FOREIGN_WORD = 'zebrafish';

/** What a caller is in one of the two organizations: what he may do there; null where he is nobody. */
export type Rights = ReadonlySet<string> | 'all' | null;

/** One kind of caller. */
export interface Caller {
  readonly name: string;
  readonly client: Client;
  readonly level: 'platform' | 'partner' | 'organization' | 'user' | null;
  /** Code of the error when the credential opens nothing. */
  readonly refusal?: string;
  readonly own: Rights;
  readonly foreign: Rights;
  /** His id as a user. */
  readonly userId?: string;
  /** What his credential is meant for, when that is less than his roles allow. */
  readonly scopes?: ReadonlySet<string>;
}

/** Ids of one tenant's rows, by type. */
export type Rows = Readonly<Record<string, string>>;

export interface World {
  readonly app: TestApp;
  readonly callers: readonly Caller[];
  readonly own: Rows;
  readonly foreign: Rows;
  /** Ids of the two owners, whose sessions are among the rows. */
  readonly owners: { readonly own: string; readonly foreign: string };
  /** People who are members of nothing, one for whoever needs one. */
  stranger(asker: Client): Promise<string>;
  /** What the refusals of its callers leave behind. */
  readonly trail: Trail;
  close(): Promise<void>;
}

const rightsOf = (...roles: string[]): Rights =>
  new Set(roles.flatMap((code) => SYSTEM_ROLES[code]?.permissions ?? []));

/** Whether the operation is for the caller's level and credential at all, whatever the row. */
export function admits(
  caller: Caller,
  {
    'x-permission': permission,
    'x-any-permission': some,
    'x-levels': levels,
  }: { 'x-permission': string | null; 'x-any-permission'?: readonly string[]; 'x-levels': readonly string[] },
): boolean {
  if (!levels.includes(caller.level ?? '')) return false;
  const asked = some ?? (permission === null ? [] : [permission]);
  if (asked.length === 0) return true;
  // What a person may is told by his roles, later.
  if (caller.level === 'user') return caller.scopes === undefined || asked.some((each) => caller.scopes?.has(each));
  const rights = caller.own ?? caller.foreign;
  return rights === 'all' || asked.some((each) => rights?.has(each) === true);
}

interface Tenant {
  readonly partner: Client & { id: string };
  readonly organization: string;
  readonly owner: Person;
  readonly rows: Rows;
}

/** An organization of a partner with one row of each type, its texts made of `word`. */
async function tenant(app: TestApp, roles: Record<string, string>, word: string): Promise<Tenant> {
  const partner = await app.partner(`${word} partner`);
  const owner = await app.user({ email: `${word}-owner@example.com`, name: `${word} owner` });
  // Seen by the partner only when it is a member of something of the partner's: the platform names him.
  const { id } = await createOrganization(
    app.platform,
    { name: `${word} organization`, slug: word },
    {
      owner: link('users', owner.id),
      partner: link('partners', partner.id),
    },
  );
  const organization = { organization: link('organizations', id) };
  const made = async (type: string, attributes: object, relationships: object = organization): Promise<string> => {
    const { status, body, text } = await partner.post(`${S}/${type}`, document(type, attributes, { relationships }));
    if (status !== 201) throw new Error(`${type}: ${text}`);
    return body.data.id;
  };
  const { id: subject } = await createUser(partner, { email: `${word}-subject@example.com`, name: `${word} subject` });
  const delivered = await addDelivery(app, id);
  const [session] = (await app.db.query('select id from access_tokens where user_id = $1', [owner.id])) as [[string]];
  const [audited] = (await app.db.query('select id from audit_events where organization_id = $1 limit 1', [id])) as [
    [string],
  ];
  return {
    partner,
    organization: id,
    owner,
    rows: {
      organizations: id,
      partners: partner.id,
      users: subject,
      members: await made('members', { externalId: word }, { ...organization, user: link('users', subject) }),
      roles: await made('roles', { code: `${word}_role`, name: word, rank: 5, permissions: ['members:read'] }),
      workspaces: await made('workspaces', { name: `${word} workspace` }),
      invitations: await made('invitations', { email: `${word}-invited@example.com` }),
      apiKeys: await made('apiKeys', { name: `${word} key` }),
      webhookEndpoints: await made('webhookEndpoints', { url: `https://hooks.example.com/${word}` }),
      accessTokens: session[0],
      events: delivered.eventId,
      webhookDeliveries: delivered.deliveryId,
      webhookAttempts: delivered.attemptId,
      ...(await money(partner, id, word)),
      auditEvents: audited[0],
      permissions: 'members:read',
      ownerRole: roles.owner ?? '',
    },
  };
}

/** A charge that units came with. */
async function money(partner: Client, organization: string, word: string): Promise<Rows> {
  await moved(partner, organization, 'topup', { amount: 1_000 });
  const charge = await moved(partner, organization, 'charge', {
    amount: 10,
    service: 'sms',
    quantity: 3,
    reason: word,
  });
  const [entry] = (await partner.get(`${S}/walletTransactions/${charge.id}/entries?sort=id`)).body.data;
  const wallet = await walletOf(partner, organization);
  const made = async (type: string, attributes: object, relationships: object): Promise<string> => {
    const { status, body, text } = await partner.post(
      `${S}/${type}`,
      document(type, attributes, { relationships }),
      keyed(),
    );
    if (status !== 201) throw new Error(`${type}: ${text}`);
    return body.data.id;
  };
  const owned = { organization: link('organizations', organization) };
  const watched = { wallet: link('wallets', wallet.id) };
  return {
    wallets: wallet.id,
    walletTransactions: charge.id,
    ledgerEntries: entry.id,
    holds: await made('holds', { amount: 10, reason: word }, owned),
    overageLimits: await made('overageLimits', { asset: 'EUR' }, owned),
    walletAlerts: await made('walletAlerts', { direction: 'below', value: 1 }, watched),
  };
}

async function keyOf(
  asker: Client,
  attributes: object,
  relationships: object = {},
): Promise<{ id: string; secret: string }> {
  const answer = await asker.post(
    `${S}/apiKeys`,
    document('apiKeys', { name: 'Key', ...attributes }, { relationships }),
  );
  if (answer.status !== 201) throw new Error(`apiKeys: ${answer.text}`);
  return { id: answer.body.data.id, secret: answer.body.data.attributes.secret };
}

/** Two tenants that have nothing to do with each other, and every kind of caller, seen from the first of them. */
export async function makeWorld(): Promise<World> {
  const app = await startApp();
  const { body } = await app.platform.get(`${S}/roles`);
  const roles = Object.fromEntries(body.data.map((each: Body) => [each.attributes.code, each.id]));
  const mine = await tenant(app, roles, 'amber');
  const other = await tenant(app, roles, FOREIGN_WORD);
  const inMine = { organization: link('organizations', mine.organization) };

  const join = async (organization: string, person: { id: string }, code: string): Promise<string> => {
    const relationships = {
      organization: link('organizations', organization),
      user: link('users', person.id),
      roles: { data: [{ type: 'roles', id: roles[code] }] },
    };
    return (await app.platform.post(`${S}/members`, document('members', {}, { relationships }))).body.data.id;
  };
  const teammate = async (code: string): Promise<Caller> => {
    const client = await app.user({ name: `amber ${code}` });
    await join(mine.organization, client, code);
    return { name: code, client, level: 'user', own: rightsOf(code), foreign: null, userId: client.id };
  };

  const suspended = await app.user();
  const membership = await join(mine.organization, suspended, 'admin');
  const former = await app.user();
  const left = await join(mine.organization, former, 'owner');
  const both = await app.user();
  await join(mine.organization, both, 'member');
  await join(other.organization, both, 'member');
  await app.platform.patch(
    `${S}/members/${membership}`,
    document('members', { status: 'suspended' }, { id: membership }),
  );
  await app.platform.delete(`${S}/members/${left}`);

  const narrow = ['organizations:read', 'members:read', 'workspaces:read'];
  const revoked = await keyOf(mine.partner, {}, inMine);
  await mine.partner.delete(`${S}/apiKeys/${revoked.id}`);
  const expired = await keyOf(mine.partner, { expiresAt: new Date(Date.now() + 86_400_000).toISOString() }, inMine);
  await app.db.query("update api_keys set expires_at = now() - interval '1 minute' where id = $1", [expired.id]);
  app.services.callers.forget();
  const narrowKey = await keyOf(mine.partner, { scopes: narrow }, inMine);
  const wholeKey = await keyOf(mine.partner, {}, inMine);
  const personalKey = await keyOf(mine.owner, { scopes: narrow });
  const made = await app.as(wholeKey.secret).post(`${S}/accessTokens`, document('accessTokens', { scopes: narrow }));

  const outsider = { own: null, foreign: null };
  const callers: Caller[] = [
    { name: 'anonymous', client: app.anonymous, level: null, refusal: 'missing_credential', ...outsider },
    { name: 'garbage', client: app.as('garbage'), level: null, refusal: 'invalid_credential', ...outsider },
    { name: 'revoked key', client: app.as(revoked.secret), level: null, refusal: 'revoked_credential', ...outsider },
    { name: 'expired key', client: app.as(expired.secret), level: null, refusal: 'expired_credential', ...outsider },
    { name: 'owner', client: mine.owner, level: 'user', own: rightsOf('owner'), foreign: null, userId: mine.owner.id },
    await teammate('admin'),
    await teammate('billing'),
    await teammate('auditor'),
    await teammate('member'),
    { name: 'suspended member', client: suspended, level: 'user', ...outsider, userId: suspended.id },
    { name: 'former member', client: former, level: 'user', ...outsider, userId: former.id },
    {
      name: 'foreign owner',
      client: other.owner,
      level: 'user',
      own: null,
      foreign: rightsOf('owner'),
      userId: other.owner.id,
    },
    {
      name: 'member of both',
      client: both,
      level: 'user',
      own: rightsOf('member'),
      foreign: rightsOf('member'),
      userId: both.id,
    },
    {
      name: 'key with narrow scopes',
      client: app.as(narrowKey.secret),
      level: 'organization',
      own: new Set(narrow),
      foreign: null,
    },
    {
      name: 'key with all scopes',
      client: app.as(wholeKey.secret),
      level: 'organization',
      own: rightsOf('owner'),
      foreign: null,
    },
    {
      name: 'narrow personal key of the owner',
      client: app.as(personalKey.secret),
      level: 'user',
      own: new Set(narrow),
      foreign: null,
      userId: mine.owner.id,
      scopes: new Set(narrow),
    },
    {
      name: 'narrow token of a key',
      client: app.as(made.body.data.attributes.accessToken),
      level: 'organization',
      own: new Set(narrow),
      foreign: null,
    },
    { name: 'partner', client: mine.partner, level: 'partner', own: 'all', foreign: null },
    { name: 'foreign partner', client: other.partner, level: 'partner', own: null, foreign: 'all' },
    { name: 'platform', client: app.platform, level: 'platform', own: 'all', foreign: 'all' },
  ];
  const trail = new Trail(app, (name) => {
    const { own = null, foreign = null } = callers.find((each) => each.name === name) ?? {};
    return [...(own === null ? [] : [mine.organization]), ...(foreign === null ? [] : [other.organization])];
  });
  return {
    app,
    callers: callers.map((each) => ({ ...each, client: trail.watch(each.name, each.client) })),
    trail,
    own: mine.rows,
    foreign: other.rows,
    owners: { own: mine.owner.id, foreign: other.owner.id },
    stranger: async (asker) => (await createUser(asker).catch(() => ({ id: NIL }))).id,
    close: () => app.close(),
  };
}

/** All rows of the other tenant, as text: what nobody but its own callers may have changed. */
export async function foreignState({ app, foreign }: World): Promise<string> {
  const parts: string[] = [];
  for (const table of [
    'members',
    'roles',
    'workspaces',
    'invitations',
    'api_keys',
    'webhook_endpoints',
    'events',
    'webhook_deliveries',
    'wallets',
    'wallet_transactions',
    'holds',
    'overage_limits',
    'wallet_alerts',
  ]) {
    const rows = await app.db.query(
      `select (to_jsonb(t) - 'last_used_at' - 'last_used_ip')::text from ${table} t where organization_id = $1 order by id`,
      [foreign.organizations],
    );
    parts.push(table, ...rows.map(([row]) => String(row)));
  }
  const own = await app.db.query('select to_jsonb(t)::text from organizations t where id = $1', [
    foreign.organizations,
  ]);
  return [...parts, String(own[0]?.[0])].join('\n');
}
