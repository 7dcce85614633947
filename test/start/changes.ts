import { ATOMIC, documentOf, OPERATIONS, update } from '../jsonapi/operations';
import { type Body, M, MEDIA_TYPE } from '../support/app';

export const PLATFORM_KEY = 'operator-chosen-key-of-more-than-32-characters';
export const MANAGED = `${M}/organizations`;

/** One request that changes something, and the names that it writes: nobody else writes them. */
export interface Change {
  readonly names: readonly string[];
  readonly method: 'POST' | 'PATCH';
  readonly path: string;
  readonly body: object;
  readonly headers?: Record<string, string>;
}

/** What was sent, by what the clients know of it. */
export class Sent {
  readonly acknowledged: Change[] = [];
  readonly unanswered: Change[] = [];
  /** Answers that should not have come. */
  readonly refused: unknown[] = [];
}

export const creation = (name: string, attributes: object = {}): Change => ({
  names: [name],
  method: 'POST',
  path: MANAGED,
  body: { data: { type: 'organizations', attributes: { name, ...attributes } } },
});

const rename = (id: string, name: string): Change => ({
  names: [name],
  method: 'PATCH',
  path: `${MANAGED}/${id}`,
  body: { data: { type: 'organizations', id, attributes: { name } } },
});

const renameAll = (ids: readonly string[], names: readonly string[]): Change => ({
  names,
  method: 'POST',
  path: OPERATIONS,
  body: documentOf(...ids.map((id, i) => update('organizations', id, { name: names[i] }))),
  headers: ATOMIC,
});

/**
 * Of ten changes one makes an organization, one renames two in one transaction, and the others rename one.
 * @param made attributes of organizations that are made
 */
function changeOf(n: number, ids: readonly string[], made: object): Change {
  const [one, two] = [ids[n % ids.length] as string, ids[(n + 1) % ids.length] as string];
  if (n % 10 === 0) return creation(`Made ${n}`, made);
  if (n % 10 === 1) return renameAll([one, two], [`Both ${n} a`, `Both ${n} b`]);
  return rename(one, `Name ${n}`);
}

/** @returns undefined when the connection ended without an answer */
export async function send(origin: string, { method, path, body, headers }: Change) {
  try {
    const answer = await fetch(origin + path, {
      method,
      headers: { Authorization: PLATFORM_KEY, 'Content-Type': MEDIA_TYPE, ...headers },
      body: JSON.stringify(body),
    });
    return { status: answer.status, body: (await answer.json()) as Body };
  } catch {
    return undefined;
  }
}

interface Traffic {
  readonly clients: number;
  /** Changes that are to be acknowledged. */
  readonly changes: number;
  /** Organizations that are renamed. */
  readonly ids: readonly string[];
  /** Attributes of those that are made. */
  readonly made: object;
  /** Where the server is, once there is one. */
  origin(): Promise<string>;
}

/** Sends changes from several clients at once. One without an answer is not sent again: another one takes its place. */
export async function sendChanges({ clients, changes, ids, made, origin }: Traffic, sent: Sent): Promise<void> {
  let next = 0;
  const client = async () => {
    while (sent.acknowledged.length < changes && sent.refused.length === 0) {
      const change = changeOf(next++, ids, made);
      const answer = await send(await origin(), change);
      if (answer === undefined) sent.unanswered.push(change);
      else if (answer.status < 300) sent.acknowledged.push(change);
      else sent.refused.push(answer);
    }
  };
  await Promise.all(Array.from({ length: clients }, client));
}

export const namesOf = (changes: readonly Change[]): string[] => changes.flatMap(({ names }) => names);
