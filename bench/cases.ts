import { Passwords } from '../src/passwords';
import { PATH } from './bareDocument';
import { BareCursors, CURSOR_TYPE, PAGE_SIZE } from './barePage';
import { makeCredentials, signIn } from './credentials';
import type { BenchDatabase } from './database';
import { BIG_ORGANIZATION, BUSY_PASSWORD, BUSY_USER } from './fill';
import { OPERATIONS, type Plan } from './requests';

export interface Case {
  readonly name: string;
  readonly plan: Plan;
  /** Whether the bare server answers it too. */
  readonly bare: boolean;
  /** Without a credential. */
  readonly anonymous?: boolean;
  /** Requests per second of the service as a part of the yardstick's, at the least. */
  readonly aim?: number;
  /** The case that does the same in another way, and how many of its requests one of these stands for. */
  readonly instead?: { readonly of: string; readonly times: number };
}

const DEEP_PAGE = 2_000;
/** Different rows that are read and changed: more than any cache of a connection, few enough to be prepared ahead. */
const SAMPLE = 4_000;
/** Different values that are filtered by. */
const VALUES = 400;
const LIVE = "status <> 'pending_deletion'";
const USERS = '/public/v2/users';
const ACCESS_TOKENS = '/public/v2/accessTokens';
/** Credentials of each kind: so many that each has been forgotten before its turn comes again, at 5,000 requests/s too. */
const CREDENTIALS = 5_000;

/** Page 2,000, or the last one of a smaller table. */
export async function deepPage({ client }: BenchDatabase): Promise<number> {
  const { rows } = await client.query(`select count(*) as n from organizations where ${LIVE}`);
  return Math.min(DEEP_PAGE, Math.ceil(Number(rows[0].n) / PAGE_SIZE));
}

/** The place in front of the deep page, as the service writes it into a cursor. */
export async function deepPoint(database: BenchDatabase): Promise<string[]> {
  const { rows } = await database.client.query({
    text: `select created_at::text, id::text from organizations where ${LIVE}
      order by created_at desc, id desc limit 1 offset $1`,
    values: [((await deepPage(database)) - 1) * PAGE_SIZE - 1],
    rowMode: 'array',
  });
  return rows[0] ?? [];
}

const get = (...paths: string[]): Plan => ({ method: 'GET', paths });

const CREATE: Plan = { method: 'POST', paths: [PATH], body: 'organization' };

export const firstPage: Case = { name: 'list', bare: true, aim: 0.7, plan: get(PATH) };

/** One organization at a time, different ones in random order. */
export async function getCase({ client }: BenchDatabase): Promise<Case> {
  const { rows } = await client.query(`select id from organizations where ${LIVE} order by random() limit ${SAMPLE}`);
  return { name: 'get', bare: true, aim: 0.6, plan: get(...rows.map(({ id }) => `${PATH}/${id}`)) };
}

/** Changes of the rows that are read one at a time, and new ones: what each costs with all that is told of it. */
export const writeCases = (getOne: Case): Case[] => [
  { name: 'update', bare: true, aim: 0.6, plan: { method: 'PATCH', paths: getOne.plan.paths, body: 'rename' } },
  { name: 'create', bare: true, aim: 0.6, plan: CREATE },
];

/** A filter by values of rows that are there, each of which an index finds. */
async function filterCase(name: string, { client }: BenchDatabase, parameter: string, value: string): Promise<Case> {
  const { rows } = await client.query(
    `select ${value} as value from organizations o join users u on u.id = o.owner_id
     where o.${LIVE} order by random() limit ${VALUES}`,
  );
  const paths = rows.map((row) => `${PATH}?filter[${parameter}]=${encodeURIComponent(row.value)}`);
  return { name, bare: false, plan: get(...paths) };
}

/** What people ask for: one who owns an organization of very many members, and one who is in very many organizations. */
async function personCases({ client }: BenchDatabase): Promise<Case[]> {
  const { rows } = await client.query(
    `select o.id, o.owner_id, u.id as busy_id from organizations o, users u where o.number = $1 and u.email = $2`,
    [BIG_ORGANIZATION, BUSY_USER],
  );
  const { id, owner_id, busy_id } = rows[0];
  const members = get(`/public/v2/members?filter[organizationId]=${id}`);
  const owner = [await signIn(client, owner_id)];
  const busy = [await signIn(client, busy_id)];
  return [
    { name: 'members', bare: false, plan: members },
    { name: 'members, owner', bare: false, plan: { ...members, credentials: owner } },
    { name: 'me', bare: false, plan: { ...get('/public/v2/me'), credentials: busy } },
    { name: 'own organizations', bare: false, plan: { ...get(PATH), credentials: busy } },
  ];
}

/** Somebody signs in, again and again. */
async function signInCase({ client }: BenchDatabase): Promise<Case> {
  const hash = await new Passwords().hash(BUSY_PASSWORD);
  await client.query('update users set password_hash = $2 where email = $1', [BUSY_USER, hash]);
  return {
    name: 'sign in',
    bare: false,
    anonymous: true,
    plan: { method: 'POST', paths: [ACCESS_TOKENS], body: 'session' },
  };
}

/** The same small request with each kind of credential. */
export interface CredentialCase {
  readonly kind: string;
  /** One credential, which is believed for a while once it has been looked up. */
  readonly believed: Plan;
  /** Another credential for each request, so that each is looked up. */
  readonly lookedUp: Plan;
}

export async function credentialCases({ client }: BenchDatabase): Promise<CredentialCase[]> {
  const { rows } = await client.query('select id from organizations where number = $1', [BIG_ORGANIZATION]);
  const plan = get(`${PATH}/${rows[0].id}?fields[organizations]=name`);
  const credentials = await makeCredentials(client, CREDENTIALS);
  return [...credentials].map(([kind, secrets]) => ({
    kind,
    believed: { ...plan, credentials: secrets.slice(0, 1) },
    lookedUp: { ...plan, credentials: secrets },
  }));
}

/** Every case, those that write last, so that all reads see the table as it was filled. */
export async function allCases(database: BenchDatabase, secretKey: string): Promise<Case[]> {
  const getOne = await getCase(database);
  const deep = `${PATH}?page[number]=${await deepPage(database)}&page[size]=${PAGE_SIZE}`;
  const after = new BareCursors(secretKey).encode(await deepPoint(database));
  const { rows: big } = await database.client.query('select id from organizations where number = $1', [
    BIG_ORGANIZATION,
  ]);
  return [
    firstPage,
    getOne,
    { name: 'deep page', bare: true, plan: get(deep) },
    { name: 'filtered list', bare: true, plan: get(`${PATH}?filter[status]=active&sort=name`) },
    {
      name: 'sparse list',
      bare: true,
      plan: get(`${PATH}?fields[organizations]=name,slug`),
      instead: { of: 'list', times: 1 },
    },
    { name: 'include', bare: true, plan: get(`${PATH}?include=owner,members.user`) },
    {
      name: 'cursor list',
      bare: true,
      plan: { ...get(PATH), headers: { Accept: CURSOR_TYPE } },
      instead: { of: 'list', times: 1 },
    },
    {
      name: 'deep cursor',
      bare: true,
      plan: get(`${PATH}?page[after]=${after}`),
      instead: { of: 'deep page', times: 1 },
    },
    await filterCase('search', database, 'q', 'lower(o.name)'),
    await filterCase('metadata filter', database, 'metadata.billing.account', "o.metadata #>> '{billing,account}'"),
    await filterCase('owner filter', database, 'owner.email', 'u.email'),
    { name: 'linkage', bare: false, plan: get(`${PATH}/${big[0].id}/relationships/members`) },
    ...(await personCases(database)),
    ...writeCases(getOne),
    { name: 'keyed create', bare: false, plan: { ...CREATE, keyed: true }, instead: { of: 'create', times: 1 } },
    await signInCase(database),
    { name: 'create user', bare: false, plan: { method: 'POST', paths: [USERS], body: 'user' } },
    {
      name: 'atomic',
      bare: false,
      plan: { method: 'POST', paths: ['/public/v2/operations'], body: 'users' },
      instead: { of: 'create user', times: OPERATIONS },
    },
  ];
}
