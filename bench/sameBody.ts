import { PATH } from './bareDocument';
import { bodyOf, type Case } from './cases';
import type { BenchDatabase } from './database';
import type { ServerUnderTest } from './servers';

const MEDIA_TYPE = 'application/vnd.api+json';
const UUID = /[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/g;
const TIME = /\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00/g;
const TOKEN = /sk_live_[\w-]{36}/g;

/**
 * Holds the answers of the two servers against each other, byte for byte; those to writes but for ids, times and secrets.
 * @throws Error when the yardstick does not do the same work
 */
export async function checkSameBodies(
  database: BenchDatabase,
  servers: readonly ServerUnderTest[],
  cases: readonly Case[],
): Promise<void> {
  for (const { name, plan } of cases) {
    const [target = ''] = plan.targets;
    const answers: string[] = [];
    for (const server of servers) answers.push(await answerOf(database, server, plan.method, target));
    const [first = '', second = ''] = answers;
    if (first !== second) throw new Error(`${name}: the answers differ.\n${difference(first, second)}`);
  }
}

async function answerOf(
  database: BenchDatabase,
  server: ServerUnderTest,
  method: Case['plan']['method'],
  target: string,
): Promise<string> {
  if (method === 'GET') return fetchText(server, method, target);
  if (method === 'PATCH') {
    const text = await fetchText(server, method, `${PATH}/${target}`, bodyOf('Same Name GmbH', target));
    return text.replace(TIME, 'TIME');
  }
  const text = await fetchText(server, method, PATH, bodyOf('Harbour & Söhne GmbH'));
  // Else its name would take the slug from the other server.
  await database.client.query('delete from organizations where id = $1', [JSON.parse(text).data.id]);
  return text
    .replace(UUID, 'ID')
    .replace(TIME, 'TIME')
    .replace(TOKEN, 'TOKEN')
    .replace(/"number":\d+/, '"number":N');
}

async function fetchText(server: ServerUnderTest, method: string, path: string, body?: string): Promise<string> {
  const headers = { ...server.headers, ...(body === undefined ? {} : { 'Content-Type': MEDIA_TYPE }) };
  const answer = await fetch(server.origin + path, { method, headers, body });
  const text = await answer.text();
  if (!answer.ok) throw new Error(`${method} ${path} on ${server.name}: ${answer.status} ${text}`);
  return text;
}

function difference(first: string, second: string): string {
  let at = 0;
  while (at < first.length && first[at] === second[at]) at++;
  const around = (text: string) => text.slice(Math.max(0, at - 60), at + 60);
  return `  guildhall: …${around(first)}…\n  bare:      …${around(second)}…`;
}
