import { OPERATIONS, SENSITIVE } from '../../src/permissions';
import type { Answer, Client, TestApp } from '../support/app';
import { itemOf } from '../support/contract';

/** Answers to somebody who may do it, and could not as things were. */
const FAILED = [402, 409, 412, 422];
/** Said by the path alone, before anybody is asked who he is. */
const NOBODYS = ['update_not_offered'];
const INSTALLATION = '00000000-0000-0000-0000-000000000000';

interface Asked {
  readonly name: string;
  readonly key: string | undefined;
  readonly method: string;
  readonly path: string;
  readonly answer: Answer;
}

interface Row {
  readonly chain: string;
  readonly action: string;
  readonly outcome: string;
  readonly metadata: { readonly permission?: string; readonly code?: string };
  readonly method: string;
  readonly credential: string;
  readonly targets: string;
}

/** Looks at what refusals leave in the audit trail: one row where a sensitive permission was tried, and none else (INV-54). */
export class Trail {
  private asked: Asked[] = [];

  constructor(
    private readonly app: TestApp,
    /** By the name of a caller: the chains that he may leave something in, beside that of the installation. */
    private readonly chainsOf: (name: string) => readonly string[],
  ) {}

  /** The same client; all its answers are looked at. */
  watch(name: string, client: Client): Client {
    const note = async (method: string, path: string, answering: Promise<Answer>): Promise<Answer> => {
      const answer = await answering;
      this.asked.push({ name, key: client.key, method, path, answer });
      return answer;
    };
    return {
      ...client,
      get: (path, headers) => note('get', path, client.get(path, headers)),
      post: (path, body, headers) => note('post', path, client.post(path, body, headers)),
      patch: (path, body, headers) => note('patch', path, client.patch(path, body, headers)),
      put: (path, body, headers) => note('put', path, client.put(path, body, headers)),
      delete: (path, headers, body) => note('delete', path, client.delete(path, headers, body)),
    };
  }

  /** What is wrong with the rows of all answers since the last time. */
  async faults(): Promise<string[]> {
    const { asked } = this;
    this.asked = [];
    const rows = await this.rows(asked);
    return asked.flatMap((each) => {
      const id = each.answer.headers['x-request-id'] as string;
      const wrong = this.faultsOf(each, rows.get(id) ?? []);
      return wrong.map(
        (text) => `${each.name}: ${each.method} ${each.path} → ${each.answer.status} ${each.answer.text}: ${text}`,
      );
    });
  }

  private async rows(asked: readonly Asked[]): Promise<Map<string, Row[]>> {
    const found = await this.app.db.query(
      `select a.request_id, a.organization_id, a.action, a.outcome, a.metadata, a.method, a.targets::text,
         (select encode(c.hash, 'hex') from (select k.id, k.hash from api_keys k
            union all select t.family_id, t.hash from access_tokens t) c where c.id = a.credential_id limit 1)
       from audit_events a where a.request_id = any($1) and a.outcome <> 'success'`,
      [asked.map(({ answer }) => answer.headers['x-request-id'])],
    );
    const rows = new Map<string, Row[]>();
    for (const [id, chain, action, outcome, metadata, method, targets, credential] of found) {
      const row = { chain, action, outcome, metadata, method, targets, credential } as Row;
      rows.set(id as string, [...(rows.get(id as string) ?? []), row]);
    }
    return rows;
  }

  private faultsOf(each: Asked, rows: readonly Row[]): string[] {
    const outcome = outcomeOf(each);
    if (outcome === null) return rows.map((row) => `left ${JSON.stringify(row)}`);
    const [row] = rows;
    if (row === undefined || rows.length > 1) return [`left ${rows.length} rows`];
    const { status, body } = each.answer;
    const [error] = body.errors;
    const { permission = null, anyOf = [] } = OPERATIONS[row.action] ?? {};
    const needed = permission ?? anyOf.join(', ');
    const path = each.path.split('?', 1)[0] as string;
    const id = /[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/.exec(path)?.[0];
    const checks: [string, boolean][] = [
      ['outcome', row.outcome === outcome],
      ['code', row.metadata.code === error.code],
      ['permission', row.metadata.permission === needed && isSensitive(needed)],
      ['method', row.method === each.method.toUpperCase()],
      ['credential', row.credential !== null],
      ['target', id === undefined || row.targets.includes(id)],
      ['chain', [INSTALLATION, ...this.chainsOf(each.name)].includes(row.chain)],
    ];
    return checks.filter(([, isRight]) => !isRight).map(([name]) => `${status}, ${name}: ${JSON.stringify(row)}`);
  }
}

/** What should be there of it; null: nothing, as of all that a stranger does. */
function outcomeOf({ key, method, path, answer }: Asked): 'denied' | 'failed' | null {
  const { status, body } = answer;
  const [error] = body?.errors ?? [];
  if (key === undefined || (status !== 403 && !FAILED.includes(status)) || NOBODYS.includes(error.code)) return null;
  const operation = itemOf(path.split('?', 1)[0] as string)?.[method];
  const { 'x-permission': permission, 'x-any-permission': any = [] } = operation ?? {};
  const needed = error.code === 'permission_denied' ? error.meta.required : (permission ?? any.join(', '));
  if (!isSensitive(needed)) return null;
  return status === 403 ? 'denied' : 'failed';
}

const isSensitive = (needed: string): boolean => needed.split(', ').some((each) => SENSITIVE.has(each as never));
