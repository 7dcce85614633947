import { randomInt } from 'node:crypto';
import { join } from 'node:path';
import { Webhook } from 'standardwebhooks';
import { type Body, S } from '../support/app';
import { cleanUp, get, type Started, serve, stop, temporaryFolder, until } from '../support/process';
import { type Behaviour, type ReceivedRequest, type Receiver, startReceiver } from '../support/receiver';
import { creation, MANAGED, namesOf, PLATFORM_KEY, Sent, send, sendChanges } from './changes';

const CHANGES = 2_000;
const KILLS = 10;
/** The leases of the last process that was killed are 30 s long; what has waited behind them goes out after that. */
const DRAIN_MS = 120_000;
const SECRET = `whsec_${Buffer.alloc(32, 7).toString('base64')}`;
/** Of ten requests to it, four fail, and are sent again after a second. */
const FLAKY: Behaviour[] = [{ status: 500 }, {}, 'reset', {}, {}];

let folder: string;
let receiver: Receiver;
/** The server that runs, or the one that is being started. */
let running: Promise<Started>;

/** An event as clients read it. */
interface Told {
  readonly id: string;
  readonly organizationId: string;
  readonly type: string;
  readonly sequence: number;
  /** Of what it is about. */
  readonly name: string;
  readonly previousName: string | undefined;
}

interface Endpoint {
  readonly path: string;
  readonly organizationId: string;
}

const sent = new Sent();
/** The organizations that there were at the beginning, and what was found at the end. */
let ids: string[];
let endpoints: Endpoint[];
let organizations: Body[];
/** By organization, in the order of the numbers. */
const feed = new Map<string, Told[]>();
let received: ReceivedRequest[];

beforeAll(async () => {
  folder = temporaryFolder('guildhall crash ');
  receiver = await startReceiver();
  running = start();
  await makeWorld();
  const origin = async () => (await running).url;
  const made = { webhookUrl: receiver.url('/made'), webhookSecret: SECRET };
  await Promise.all([sendChanges({ clients: 8, changes: CHANGES, ids, made, origin }, sent), killAgainAndAgain()]);
  expect(sent.refused).toEqual([]);
  const isDone = async () => (await countDeliveries('filter[status]=pending,sending,retrying')) === 0;
  await until(isDone, 'every delivery at its end', DRAIN_MS);
  organizations = await list(`${MANAGED}?page[size]=100`);
  for (const event of await list(`${S}/events?sort=sequence&page[size]=100`)) keep(event);
  received = await receiver.requests();
}, 400_000);
afterAll(async () => {
  await cleanUp(folder);
  await receiver.end();
});

const start = () =>
  serve({
    DATA_DIR: join(folder, 'data'),
    // On a busy machine a first connection takes its time.
    DATABASE_TIMEOUT_MS: '20000',
    RATE_LIMIT: 'off',
    PLATFORM_KEY,
    WEBHOOK_RETRY_SCHEDULE: '1,1,1,1,1,1,1,1,1,1,1,1,1,1,1',
  });

/** Six organizations with an endpoint each, and three endpoints more, each with something of its own. */
async function makeWorld(): Promise<void> {
  ids = await Promise.all(Array.from({ length: 6 }, (_, i) => make(creation(`First ${i}`))));
  endpoints = await Promise.all(ids.map((id, i) => addEndpoint(id, `/plain-${i}`)));
  const [one, two, three] = ids as [string, string, string];
  endpoints.push(await addEndpoint(one, '/strict', { ordering: 'strict', payload: 'thin' }));
  endpoints.push(await addEndpoint(two, '/flaky'));
  endpoints.push(await addEndpoint(three, '/hanging', { timeoutSeconds: 30 }));
  await receiver.program('/flaky', [...Array.from({ length: 40 }, () => FLAKY).flat(), {}]);
  await receiver.program('/hanging', ['hang', {}]);
}

/** @returns the id of what was made */
async function make(change: Parameters<typeof send>[1]): Promise<string> {
  const answer = await send((await running).url, change);
  if (answer?.status !== 201) throw new Error(JSON.stringify(answer));
  return answer.body.data.id;
}

async function addEndpoint(organizationId: string, path: string, attributes: object = {}): Promise<Endpoint> {
  const data = {
    type: 'webhookEndpoints',
    attributes: { url: receiver.url(path), secret: SECRET, eventTypes: ['organization.updated'], ...attributes },
    relationships: { organization: { data: { type: 'organizations', id: organizationId } } },
  };
  await make({ names: [], method: 'POST', path: `${S}/webhookEndpoints`, body: { data } });
  return { path, organizationId };
}

/** Kills the server once within each tenth of the changes. */
async function killAgainAndAgain(): Promise<void> {
  for (let kill = 0; kill < KILLS; kill++) {
    const moment = randomInt((kill * CHANGES) / KILLS, ((kill + 1) * CHANGES) / KILLS);
    const isDue = () => sent.acknowledged.length >= moment || sent.refused.length > 0;
    await until(isDue, `${moment} changes`, DRAIN_MS);
    if (kill === 0) await receiver.waitForCount('/hanging', 1);
    const victim = await running;
    victim.child.kill('SIGKILL');
    running = victim.ended.then(start);
    await running;
  }
}

async function read(path: string): Promise<Body> {
  const { status, text } = await get((await running).url + path, PLATFORM_KEY);
  if (status !== 200) throw new Error(`${path}: ${status} ${text}`);
  return JSON.parse(text);
}

/** All resources of a list. */
async function list(path: string): Promise<Body[]> {
  const found: Body[] = [];
  for (let next: string | null = path; next !== null; ) {
    const { data, links } = await read(next);
    found.push(...data);
    next = links.next;
  }
  return found;
}

const countDeliveries = async (filter: string): Promise<number> =>
  (await read(`${S}/webhookDeliveries?${filter}&page[size]=1`)).meta.total;

function keep({ id, attributes, relationships }: Body): void {
  const organizationId: string = relationships.organization.data.id;
  const { eventType: type, sequence, data, previous } = attributes;
  const previousName = previous?.attributes?.name;
  const told = { id, organizationId, type, sequence, name: data.attributes.name, previousName };
  feed.set(organizationId, [...(feed.get(organizationId) ?? []), told]);
}

const toldOf = (organizationId: string): Told[] => feed.get(organizationId) ?? [];
const isNaming = ({ type }: Told) => type === 'organization.created' || type === 'organization.updated';

test('the numbers of each organization have no gap', () => {
  expect(organizations.length).toBeGreaterThan(CHANGES / 10);
  expect([...feed.keys()].sort()).toEqual(organizations.map(({ id }) => id).sort());
  for (const told of feed.values()) expect(told.map(({ sequence }) => sequence)).toEqual(told.map((_, i) => i + 1));
});

test('from its first name to the one that it has now, an organization had none that was not told [INV-36]', () => {
  for (const { id, attributes } of organizations) {
    const told = toldOf(id).filter(isNaming);
    expect(told.map(({ previousName }) => previousName)).toEqual([
      undefined,
      ...told.slice(0, -1).map((each) => each.name),
    ]);
    expect(told.at(-1)?.name).toBe(attributes.name);
  }
});

test('each acknowledged change was told once, and nothing that nobody has sent [INV-36]', () => {
  const told = [...feed.values()].flat().filter(isNaming);
  const names = new Set(told.map(({ name }) => name));
  expect(names.size).toBe(told.length);
  expect(namesOf(sent.acknowledged).filter((name) => !names.has(name))).toEqual([]);
  const known = new Set([...namesOf(sent.acknowledged), ...namesOf(sent.unanswered)]);
  expect([...names].filter((name) => !known.has(name)).sort()).toEqual(ids.map((_, i) => `First ${i}`));
  // Two changes of one transaction were told both or neither.
  const isHalf = (written: readonly string[]) => new Set(written.map((name) => names.has(name))).size > 1;
  expect(sent.unanswered.filter((change) => isHalf(change.names))).toEqual([]);
});

test('the audit trail of each organization is whole, and has a row for each event [INV-36, INV-53]', async () => {
  for (const [id, told] of feed) {
    const { ok, checked } = (await read(`${S}/auditEvents/verify?filter[organizationId]=${id}`)).meta;
    expect([id, ok, checked]).toEqual([id, true, told.length]);
  }
}, 120_000);

test('every delivery has succeeded [INV-38]', async () => {
  expect(await countDeliveries('filter[status][ne]=succeeded')).toBe(0);
});

/** What an endpoint was to get; what was made with it asks for everything but news of itself (INV-43). */
function wantedAt(path: string): Told[] {
  const endpoint = endpoints.find((each) => each.path === path);
  if (endpoint !== undefined)
    return toldOf(endpoint.organizationId).filter(({ type }) => type === 'organization.updated');
  const made = organizations.filter(({ id }) => !ids.includes(id));
  return made.flatMap(({ id }) => toldOf(id)).filter(({ type }) => type !== 'webhook_endpoint.created');
}

const requestsAt = (path: string) => received.filter((each) => each.path === path);
const eventOf = ({ body }: ReceivedRequest) => JSON.parse(body.toString()) as Told;

test('each endpoint got every event that it asks for, nothing else, and the same bytes each time [INV-38, INV-40]', () => {
  const paths = [...endpoints.map(({ path }) => path), '/made'];
  expect([...new Set(received.map(({ path }) => path))].sort()).toEqual([...paths].sort());
  const webhook = new Webhook(SECRET);
  for (const path of paths) {
    const first = new Map<string, ReceivedRequest>();
    for (const request of requestsAt(path)) {
      const id = request.headers['webhook-id'] as string;
      const before = first.get(id);
      if (before === undefined) first.set(id, request);
      else expect(request.body.equals(before.body)).toBe(true);
      webhook.verify(request.body, request.headers);
      expect(eventOf(request).id).toBe(id);
    }
    const wanted = wantedAt(path);
    expect([...first.keys()].sort()).toEqual(wanted.map(({ id }) => id).sort());
    for (const { id, type, sequence, organizationId } of wanted) {
      expect(eventOf(first.get(id) as ReceivedRequest)).toMatchObject({ type, sequence, organizationId });
    }
  }
});

test('what a killed process was sending was sent again [INV-38]', () => {
  const [first, ...others] = requestsAt('/hanging').map(({ headers }) => headers['webhook-id']);
  expect(others).toContain(first);
});

test('an endpoint with strict order got nothing before what it follows [INV-39]', () => {
  const sequences = requestsAt('/strict').map((request) => eventOf(request).sequence);
  expect(sequences).toEqual([...sequences].sort((a, b) => a - b));
});

test('the last process ends as it should', async () => {
  expect(await stop(await running)).toBe(0);
});
