// The yardstick: what somebody would write by hand on node:http and pg alone for these few requests, prepared statements
// and all, without authentication, validation, log and metrics. Started by servers.ts, and ends with it.
import { createHash, randomBytes } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { v7 as uuidv7 } from 'uuid';
import { organization, PATH, type Row, sparseOrganization } from './bareDocument';
import {
  BareCursors,
  CURSOR_TYPE,
  createdDocument,
  cursorDocument,
  MEDIA_TYPE,
  PAGE_SIZE,
  pageDocument,
  resourceDocument,
} from './barePage';
import { includedWith, query } from './bareStatements';

const DEEP_OFFSET = 100;
const cursors = new BareCursors(process.env.SECRET_KEY ?? '');

function send(res: ServerResponse, status: number, document: object, type = MEDIA_TYPE): void {
  const body = JSON.stringify(document);
  res.writeHead(status, {
    'Content-Type': type,
    'Cache-Control': 'private, no-cache',
    'Content-Length': Buffer.byteLength(body),
  });
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

async function list(req: IncomingMessage, res: ServerResponse, whole: string): Promise<void> {
  const parameters = new URLSearchParams(whole);
  const after = parameters.get('page[after]');
  if (after !== null || req.headers.accept === CURSOR_TYPE) return cursorPage(res, after);
  const status = parameters.get('filter[status]');
  if (parameters.has('include')) return withIncluded(res, whole);
  const page = Number(parameters.get('page[number]') ?? 1);
  const offset = (page - 1) * PAGE_SIZE;
  const isSparse = parameters.has('fields[organizations]');
  const rows =
    status !== null
      ? await query('filtered', [offset, status])
      : isSparse
        ? await query('sparse')
        : await newest(offset);
  const data = rows.map((row) => (isSparse ? sparseOrganization(row, 2) : organization(row, 2)));
  const rest = status !== null ? `filter[status]=${status}&sort=name` : isSparse ? whole : '';
  send(res, 200, pageDocument({ rows, data, page, whole, rest }));
}

function newest(offset: number): Promise<Row[]> {
  if (offset === 0) return query('first');
  return query(offset < DEEP_OFFSET ? 'list' : 'deep', [offset]);
}

async function cursorPage(res: ServerResponse, after: string | null): Promise<void> {
  const rows = after === null ? await query('begin') : await query('after', cursors.decode(after));
  send(res, 200, cursorDocument(rows, after, cursors), CURSOR_TYPE);
}

async function withIncluded(res: ServerResponse, whole: string): Promise<void> {
  const rows = await query('first');
  const { data, included } = await includedWith(rows);
  send(res, 200, pageDocument({ rows, data, included, page: 1, whole, rest: whole }));
}

async function create(req: IncomingMessage, res: ServerResponse): Promise<void> {
  const { name } = (await readJson(req)).data.attributes;
  // As long as the token of the service: eight characters of prefix and 36 of the rest.
  const token = `sk_live_${randomBytes(27).toString('base64url')}`;
  const plain = name.normalize('NFKD').replace(/\p{Mark}/gu, '');
  const slug = plain.toLowerCase().replace(/[^a-z0-9]+/g, '-');
  const hash = createHash('sha256').update(token).digest();
  const ids = [uuidv7(), uuidv7(), uuidv7(), uuidv7()] as const;
  const [row = []] = await query('create', [ids[0], name, slug, ids[1], hash, token.slice(0, 12), ids[2], ids[3]]);
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
  return method === 'POST' ? create(req, res) : list(req, res, url.slice(PATH.length + 1));
}

const server = createServer((req, res) => {
  answer(req, res).catch((error: Error) => {
    process.stderr.write(`${error.message}\n`);
    send(res, 500, {});
  });
});
server.listen(0, '127.0.0.1', () => process.send?.({ port: (server.address() as AddressInfo).port }));
process.on('disconnect', () => process.exit(0));
