import type { Case } from './cases';
import type { BenchDatabase } from './database';
import { type Plan, requestOf } from './requests';
import { answerText, type ServerUnderTest } from './servers';

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
  for (const { name, plan, bare } of cases) {
    if (!bare) continue;
    const answers: string[] = [];
    for (const server of servers) answers.push(await answerOf(database, server, plan));
    const [first = '', second = ''] = answers;
    if (first !== second) throw new Error(`${name}: the answers differ.\n${difference(first, second)}`);
  }
}

async function answerOf(database: BenchDatabase, server: ServerUnderTest, plan: Plan): Promise<string> {
  const text = await answerText(server, requestOf(plan, 0, 'Harbour & Söhne GmbH'));
  if (plan.method === 'GET') return text;
  if (plan.method === 'PATCH') return text.replace(TIME, 'TIME');
  // Else its name would take the slug from the other server. As a purge removes it, so that the totals stay right.
  const id = JSON.parse(text).data.id;
  await database.client.query("update organizations set status = 'pending_deletion' where id = $1", [id]);
  await database.client.query('delete from organizations where id = $1', [id]);
  return text
    .replace(UUID, 'ID')
    .replace(TIME, 'TIME')
    .replace(TOKEN, 'TOKEN')
    .replace(/"number":\d+/, '"number":N');
}

function difference(first: string, second: string): string {
  let at = 0;
  while (at < first.length && first[at] === second[at]) at++;
  const around = (text: string) => text.slice(Math.max(0, at - 60), at + 60);
  return `  guildhall: …${around(first)}…\n  bare:      …${around(second)}…`;
}
