import { registry } from '../../src/resources';
import type { Answer, Body, Client, TestApp } from '../support/app';

const UUID = expect.stringMatching(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
const TIME = expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+00:00$/);

/** What was written into an organization's feed, and what came of the request that did it. */
export interface Told<Result = Answer> {
  readonly answer: Result;
  /** Bodies, by their numbers. */
  readonly events: Body[];
  readonly types: string[];
}

const lastOf = async (app: TestApp, organizationId: string): Promise<number> => {
  const [row] = await app.db.query('select last from event_sequences where organization_id = $1', [organizationId]);
  return (row?.[0] ?? 0) as number;
};

/** The events that `work` writes; their numbers go on from those before without a gap. */
export async function told<Result>(
  app: TestApp,
  organizationId: string,
  work: () => Promise<Result>,
): Promise<Told<Result>> {
  const before = await lastOf(app, organizationId);
  const answer = await work();
  const rows = await app.db.query(
    'select sequence, body from events where organization_id = $1 and sequence > $2 order by sequence',
    [organizationId, before],
  );
  expect(rows.map(([sequence]) => sequence)).toEqual(rows.map((_row, i) => before + i + 1));
  expect(await lastOf(app, organizationId)).toBe(before + rows.length);
  const events = rows.map(([, body]) => JSON.parse(body as string));
  return { answer, events, types: events.map(({ type }) => type) };
}

interface Expected {
  readonly actor: Body;
  /** The request that did it; null: none. */
  readonly answer: Answer | null;
  readonly data: Body;
  readonly previous?: Body;
}

/** A whole body; ids and times of its own are not known. */
export const eventOf = (type: string, organizationId: string, { actor, answer, data, previous = null }: Expected) => ({
  type,
  timestamp: TIME,
  id: UUID,
  sequence: expect.any(Number),
  apiVersion: '2',
  organizationId,
  actor,
  requestId: answer === null ? null : answer.headers['x-request-id'],
  data,
  previous,
});

export const userActor = (user: { id: string }) => ({ type: 'user', id: user.id });
export const keyActor = (id: string) => ({ type: 'apiKey', id });
export const SYSTEM = { type: 'system', id: null };

/** Who a key is as an actor. */
export async function actorOf(client: Client): Promise<Body> {
  const { data } = (await client.get('/public/v2/me')).body;
  const user = data.relationships?.user?.data;
  return user ? userActor(user) : keyActor(data.id);
}

/** A resource of an answer as events have it: without links and secrets. */
export function inEvents({ type, id, attributes, relationships }: Body): Body {
  const declared = registry.get(type)?.attributes ?? {};
  const isShown = ([name]: [string, unknown]) =>
    declared[name]?.reveal === undefined && declared[name]?.schema.writeOnly !== true;
  const linked = Object.entries(relationships as Record<string, Body>)
    .filter(([, { data }]) => data !== undefined)
    .map(([name, { data }]) => [name, { data }]);
  return {
    type,
    id,
    attributes: Object.fromEntries(Object.entries(attributes).filter(isShown)),
    relationships: Object.fromEntries(linked),
  };
}

/** What a read shows now. */
export const shown = async (asker: Client, path: string): Promise<Body> => {
  const answer = await asker.get(path);
  if (answer.status !== 200) throw new Error(answer.text);
  return inEvents(answer.body.data);
};
