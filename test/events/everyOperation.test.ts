import { EVENT_TYPES } from '../../src/eventTypes';
import { perform, update } from '../jsonapi/operations';
import { patch } from '../routes/crew';
import { invitationDocument } from '../routes/invitations/inviting';
import { type Answer, createOrganization, document, S } from '../support/app';
import { operations } from '../support/openapi';
import { auditedSince, auditFaults, brokenLinks } from './audited';
import { type Call, callsOf, openWorld, type World } from './calls';
import { told } from './feed';
import { holdCallsOf } from './holdCalls';
import { moneyCallsOf } from './moneyCalls';
import { quietCallsOf, quietDoingsOf, webhookCallsOf } from './quietCalls';

/**
 * Whatever writes something tells of it, the organizations and the audit trail (INV-36), by every way that the OpenAPI
 * document names.
 */

const w = {} as World;
beforeAll(async () => {
  await openWorld(w);
  const { callers } = w.app.services;
  const find = callers.find.bind(callers);
  jest.spyOn(callers, 'find').mockImplementation((credential, ip) => {
    lastCredential = credential;
    return find(credential, ip);
  });
});
afterAll(() => w.app.close());
beforeEach(async () => {
  w.clock = Date.now();
  w.crew = await w.crews.make();
});

/** Of the last request that came with one. */
let lastCredential: string | undefined;
const { calls, others } = callsOf(w);
const [quiet, quietDoings, webhooks] = [quietCallsOf(w), quietDoingsOf(w), webhookCallsOf(w)];
const [money, holds] = [moneyCallsOf(w), holdCallsOf(w)];

const seen = new Set<string>();

interface Told {
  /** Types of the events, of whatever organization. */
  readonly types: readonly string[];
  /** Actions of the audit rows. */
  readonly actions: readonly string[];
}

/** What a call has written; each event has its audit row, and all rows say who did what from where. */
async function toldBy(call: Call, operation?: string): Promise<Told> {
  const request = await call();
  const [now] = await w.app.db.query('select clock_timestamp()::text');
  const since = now?.[0] as string;
  lastCredential = undefined;
  const answer = await request();
  if (answer !== undefined && answer.status >= 300 && ![401, 402].includes(answer.status)) throw new Error(answer.text);
  const events = await w.app.db.query(
    'select event_type, organization_id, xmin::text from events where occurred_at > $1::timestamptz order by sequence, id',
    [since],
  );
  const rows = await auditedSince(w.app, since);
  expect(await auditFaults(w.app, { since, answer, credential: lastCredential, operation }, rows)).toEqual([]);
  const audited = new Set(rows.map(({ action, chain, transaction }) => [action, chain, transaction].join(' ')));
  const untold = events.filter((event) => event[0] !== 'webhook.test' && !audited.has(event.join(' ')));
  expect(untold).toEqual([]);
  const types = events.map(([type]) => type as string);
  for (const type of types) seen.add(type);
  return { types, actions: rows.map(({ action }) => action) };
}

/** Of these others, with tests of their own, each writes only what it is for. */
const OTHERS = [
  `POST ${S}/webhookEndpoints/{id}/test`,
  `POST ${S}/webhookEndpoints/{id}/replay`,
  `POST ${S}/webhookDeliveries/{id}/replay`,
];
const writing = operations
  .filter(({ method }) => method !== 'get')
  .map(({ method, path }) => `${method.toUpperCase()} ${path}`)
  .filter((operation) => !OTHERS.includes(operation));

test('every operation that writes is looked at here, or named with the reason why it tells nothing', () => {
  const known = [calls, quiet, webhooks, money.calls, holds.calls].flatMap((each) => Object.keys(each));
  expect(writing.toSorted()).toEqual(known.toSorted());
});

test.each(Object.entries({ ...calls, ...webhooks, ...money.calls, ...holds.calls }))(
  '%s is told and audited (INV-36)',
  async (name, call) => {
    const { types, actions } = await toldBy(call, name);
    expect(types).not.toEqual([]);
    const besides = name.endsWith('/passwordResets/confirm') ? ['password_reset.confirmed'] : [];
    expect(actions.toSorted()).toEqual([...types, ...besides].toSorted());
  },
);

test.each(Object.entries(others))('%s is told and audited (INV-36)', async (_name, call) => {
  const { types, actions } = await toldBy(call);
  expect(types).toHaveLength(1);
  expect(actions).toEqual(types);
});

test.each(Object.entries({ ...money.doings, ...holds.doings }))(
  '%s is told and audited (INV-36)',
  async (_name, [call, types]) => {
    expect(await toldBy(call)).toEqual({ types, actions: types });
  },
);

const named = Object.entries(quiet).flatMap(([name, { actions, call }]) =>
  call ? [[name, actions, call] as const] : [],
);

test.each(named)('%s is audited (INV-36)', async (name, actions, call) => {
  expect(await toldBy(call, name)).toEqual({ types: [], actions });
});

test.each(Object.entries(quietDoings))('%s: audited (INV-36)', async (_name, [actions, call]) => {
  const { types, actions: audited } = await toldBy(call);
  expect([types.filter((type) => type !== 'webhook.test'), audited]).toEqual([[], actions]);
});

test('every type of event was among them', () => {
  const expected = EVENT_TYPES.filter((type) => !/^webhook|^organization\.purged$/.test(type));
  expect(expected.filter((type) => !seen.has(type))).toEqual([]);
});

test('all chains are whole (INV-53)', async () => {
  expect(await brokenLinks(w.app)).toEqual([]);
});

describe('what is undone after a part was done is told nobody, and takes no number (INV-36)', () => {
  const other = () => createOrganization(w.app.platform, { name: 'Other' });
  const REFUSED: [string, number, () => Promise<() => Promise<Answer>>][] = [
    [
      'many operations, the last of which is refused',
      409,
      async () => () =>
        perform(
          w.crew.owner,
          update('organizations', w.crew.id, { name: 'Other' }),
          update('members', w.crew.member.member, { externalId: 'x' }),
          { op: 'remove', ref: { type: 'members', id: w.crew.owner.member } },
        ),
    ],
    [
      'the suspension of the last owner',
      409,
      async () => () => patch(w.crew.owner, 'members', w.crew.owner.self, { status: 'suspended' }),
    ],
    [
      'the deletion of a role, in whose place one of nowhere is named',
      404,
      async () => {
        const self = `${S}/roles/${await w.crews.role(w.crew.id, ['members:read'])}`;
        return () => w.crew.owner.delete(`${self}?replaceWith=${w.crew.member.id}`);
      },
    ],
    [
      'a slug that is taken, with a new token',
      409,
      async () => {
        const { slug } = (await other()).attributes;
        return () => patch(w.crew.owner, 'organizations', w.crew.self, { slug, token: 'y'.repeat(30) });
      },
    ],
    [
      'a token that is in use, with a new name',
      422,
      async () => {
        const { token } = (await other()).attributes;
        return () => patch(w.crew.owner, 'organizations', w.crew.self, { name: 'Third', token });
      },
    ],
    [
      'a change of an old version',
      412,
      async () => () =>
        w.crew.owner.patch(w.crew.member.self, document('members', { externalId: 'x' }, { id: w.crew.member.member }), {
          'If-Match': '"99.x"',
        }),
    ],
  ];

  test.each(REFUSED)('%s', async (_title, status, call) => {
    const request = await call();
    const { answer, events } = await told(w.app, w.crew.id, request);
    expect([answer.status, events]).toEqual([status, []]);
    expect(
      (await told(w.app, w.crew.id, () => w.crew.owner.post(`${S}/invitations`, invitationDocument(w.crew.id)))).types,
    ).toEqual(['invitation.created']);
  });
});
