// The yardstick: what somebody would write by hand on node:http and pg alone for these few requests, prepared statements
// and all, without authentication, validation, log and metrics. Started by servers.ts, and ends with it.
import { createHash, randomBytes } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Pool, types } from 'pg';
import { v7 as uuidv7 } from 'uuid';
import { COLUMNS, createdDocument, PAGE_SIZE, PATH, pageDocument, resourceDocument } from './bareDocument';

const TIMESTAMPTZ = 1184;
const DEEP_OFFSET = 500;
const HEADERS = { 'Content-Type': 'application/vnd.api+json', 'Cache-Control': 'private, no-cache' };
const TOTAL = `(select coalesce(sum(rows), 0) from row_counts
  where relation = 'organizations' and scope = '00000000-0000-0000-0000-000000000000')`;
const LIVE = "t.status <> 'pending_deletion'";
const NEWEST = `order by t.created_at desc, t.id desc limit ${PAGE_SIZE}`;
const KEY_COLUMNS = 'id, level, name, hash, start, scopes, ceiling, is_organization_token, organization_id';

const STATEMENTS = {
  // Without a parameter in limit and offset: with one, PostgreSQL plans the statement again each time it runs.
  first: `select ${TOTAL}, null, ${COLUMNS} from organizations t where ${LIVE} ${NEWEST}`,
  list: `select ${TOTAL}, null, ${COLUMNS} from organizations t where ${LIVE} ${NEWEST} offset $1`,
  // The ids of the page first, from the index alone: half the time of the plain statement on page 2,000.
  deep: `select ${TOTAL}, null, ${COLUMNS}
    from (select t.id as page_id from organizations t where ${LIVE} ${NEWEST} offset $1) page
    join organizations t on t.id = page.page_id order by t.created_at desc, t.id desc`,
  filtered: `select ${TOTAL}, (select count(*) from organizations t where ${LIVE} and t.status = $2), ${COLUMNS}
    from organizations t where ${LIVE} and t.status = $2 order by t.name, t.id limit ${PAGE_SIZE} offset $1`,
  get: `select ${COLUMNS} from organizations t where t.id = $1 and ${LIVE}`,
  update: `update organizations t set name = $2, version = version + 1, updated_at = date_trunc('second', now())
    where t.id = $1 and ${LIVE} returning ${COLUMNS}`,
  create: `with created as (insert into organizations (id, name, slug) values ($1, $2, $3) returning *), key as (
      insert into api_keys (${KEY_COLUMNS})
      select $4, 'organization', 'Organization token', $5, $6, '{*}', '{*}', true, created.id from created)
    select ${COLUMNS} from created t`,
} as const;

const asTime = (text: string): string => `${text.slice(0, 10)}T${text.slice(11, 19)}+00:00`;

const pool = new Pool({
  connectionString: process.env.DATABASE_URL,
  max: Number(process.env.DATABASE_POOL_SIZE),
  types: {
    getTypeParser: ((oid: number, format?: 'text' | 'binary') =>
      oid === TIMESTAMPTZ ? asTime : types.getTypeParser(oid, format as 'text')) as typeof types.getTypeParser,
  },
});

async function query(name: keyof typeof STATEMENTS, values: unknown[]): Promise<unknown[][]> {
  return (await pool.query({ name, text: STATEMENTS[name], values, rowMode: 'array' })).rows;
}

function send(res: ServerResponse, status: number, document: object): void {
  const body = JSON.stringify(document);
  res.writeHead(status, { ...HEADERS, 'Content-Length': Buffer.byteLength(body) });
  res.end(body);
}

function readJson(req: IncomingMessage): Promise<{ data: { attributes: { name: string } } }> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    req.on('data', (chunk: Buffer) => chunks.push(chunk));
    req.on('end', () => resolve(JSON.parse(Buffer.concat(chunks).toString('utf8'))));
    req.on('error', reject);
  });
}

async function list(res: ServerResponse, search: string): Promise<void> {
  const parameters = new URLSearchParams(search);
  const page = Number(parameters.get('page[number]') ?? 1);
  const status = parameters.get('filter[status]');
  const offset = (page - 1) * PAGE_SIZE;
  const rows = status === null ? await newest(offset) : await query('filtered', [offset, status]);
  send(res, 200, pageDocument(rows, page, search, status === null ? '' : `filter[status]=${status}&sort=name`));
}

function newest(offset: number): Promise<unknown[][]> {
  if (offset === 0) return query('first', []);
  return query(offset < DEEP_OFFSET ? 'list' : 'deep', [offset]);
}

async function create(req: IncomingMessage, res: ServerResponse): Promise<void> {
  const { name } = (await readJson(req)).data.attributes;
  // As long as the token of the service: eight characters of prefix and 36 of the rest.
  const token = `sk_live_${randomBytes(27).toString('base64url')}`;
  const plain = name.normalize('NFKD').replace(/\p{Mark}/gu, '');
  const slug = plain.toLowerCase().replace(/[^a-z0-9]+/g, '-');
  const hash = createHash('sha256').update(token).digest();
  const [row = []] = await query('create', [uuidv7(), name, slug, uuidv7(), hash, token.slice(0, 12)]);
  send(res, 201, createdDocument(row, token));
}

async function update(req: IncomingMessage, res: ServerResponse, id: string): Promise<void> {
  const { name } = (await readJson(req)).data.attributes;
  const [row] = await query('update', [id, name]);
  if (row === undefined) send(res, 404, {});
  else send(res, 200, resourceDocument(row));
}

async function get(res: ServerResponse, id: string): Promise<void> {
  const [row] = await query('get', [id]);
  if (row === undefined) send(res, 404, {});
  else send(res, 200, resourceDocument(row));
}

function answer(req: IncomingMessage, res: ServerResponse): Promise<void> {
  const { url = '', method } = req;
  if (url.startsWith(`${PATH}/`)) {
    const id = url.slice(PATH.length + 1);
    return method === 'PATCH' ? update(req, res, id) : get(res, id);
  }
  return method === 'POST' ? create(req, res) : list(res, url.slice(PATH.length + 1));
}

const server = createServer((req, res) => {
  answer(req, res).catch((error: Error) => {
    process.stderr.write(`${error.message}\n`);
    send(res, 500, {});
  });
});
server.listen(0, '127.0.0.1', () => process.send?.({ port: (server.address() as AddressInfo).port }));
process.on('disconnect', () => process.exit(0));
