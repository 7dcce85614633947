import type { Answer, Body, Client, TestApp } from '../support/app';
import { contentsOf } from '../support/contents';
import { at, perform, update } from './operations';
import { pointed, type World } from './world';

export type Method = 'POST' | 'PATCH' | 'DELETE';
export type Level = 'platform' | 'partner' | 'organization';
const OPS = { POST: 'add', PATCH: 'update', DELETE: 'remove' } as const;

function send(client: Client, method: Method, path: string, body: unknown): Promise<Answer> {
  if (method === 'DELETE') return client.delete(path, {}, body);
  return method === 'POST' ? client.post(path, body) : client.patch(path, body);
}

/** Errors less what differs between any two; without the part of their pointers that leads to the operation. */
const wordsOf = ({ body }: Answer, prefix = ''): Body[] =>
  body.errors.map(({ status, code, title, detail, source, meta }: Body) => ({
    ...{ status, code, title, detail, meta },
    where: source?.pointer?.replace(prefix, '') ?? '',
  }));

/**
 * Sends a request that must fail, then the same as an operation behind one that works: both fail in the same words, and
 * neither leaves anything behind (ATO-13, ATO-27).
 * @returns the errors, each as `status code pointer`
 */
export async function replay(
  app: TestApp,
  world: World,
  level: Level,
  method: Method,
  path: string,
  data?: unknown,
): Promise<string[]> {
  const client = { platform: app.platform, partner: world.partner, organization: world.key }[level];
  const before = await contentsOf(app);
  const plain = await send(client, method, path, data === undefined ? undefined : { data });
  const works = update('organizations', world.organization.id, { kind: 'undone' });
  const performed = await perform(pointed(client), works, { op: OPS[method], href: path, data });
  expect(await contentsOf(app)).toEqual(before);
  expect(performed.status).toBe(plain.status);
  expect(wordsOf(performed, at(1))).toEqual(wordsOf(plain));
  for (const { source } of performed.body.errors) expect(source.pointer.startsWith(at(1))).toBe(true);
  return wordsOf(plain)
    .map(({ status, code, where }) => `${status} ${code} ${where}`.trim())
    .sort();
}
