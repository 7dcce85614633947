import { EVENT_TYPES } from '../../src/eventTypes';
import { hashKey, makeKey } from '../../src/secrets';
import { endGraces } from '../../src/services/apiKeyRotation';
import { expireHolds } from '../../src/services/holds';
import { expireInvitations } from '../../src/services/invitationExpiry';
import { tellExpiredKeys } from '../../src/services/keyExpiry';
import { perform, update } from '../jsonapi/operations';
import { PASSWORD, refresh, tokensOf } from '../routes/accessTokens/people';
import { type Key, Keys } from '../routes/apiKeys/keys';
import { type Crew, Crews, ownedDocument, patch, workspaceLinks } from '../routes/crew';
import { capture, expire as expireHold, hold, place } from '../routes/holds/holding';
import { accept, expire, freshEmail, invitationDocument, invited, tokenOf } from '../routes/invitations/inviting';
import { move, moved, walletOf } from '../routes/money';
import { limit, limited } from '../routes/overageLimits/limiting';
import { watch, watched } from '../routes/walletAlerts/watching';
import {
  type Answer,
  type Body,
  createOrganization,
  createUser,
  document,
  link,
  M,
  S,
  setPassword,
  signInWith,
  startApp,
  type TestApp,
} from '../support/app';
import { operations } from '../support/openapi';
import { told } from './feed';

/** Whatever writes something of an organization tells of it (INV-36), by every way that the OpenAPI document names. */

let app: TestApp;
let crews: Crews;
let keys: Keys;
let crew: Crew;
let clock = Date.now();
beforeAll(async () => {
  app = await startApp({}, () => new Date(clock));
  crews = await Crews.of(app);
  keys = new Keys(app);
});
afterAll(() => app.close());
beforeEach(async () => {
  clock = Date.now();
  crew = await crews.make();
});

/** Makes ready, and gives back the request that is looked at. */
type Call = () => Promise<() => Promise<Answer | undefined>>;

const inMine = () => ({ organization: link('organizations', crew.id) });
const keyOf = (attributes: object = {}): Promise<Key> => keys.make(crew.owner, attributes, crew.id);
const numberOf = async (table: string, id: string) =>
  (await app.db.query(`select number from ${table} where id = $1`, [id]))[0]?.[0];
const member = () => crew.member.self;
const role = async () => `${S}/roles/${await crews.role(crew.id, ['members:read'])}`;
const workspace = () => crews.workspace(crew.id);
const linkage = async (self: string) =>
  [`${self}/relationships/workspaces`, workspaceLinks(await workspace())] as const;

/** An organization that its owner is alone in. */
async function lonely(): Promise<{ asker: Awaited<ReturnType<TestApp['user']>>; id: string }> {
  const asker = await app.user();
  await createOrganization(asker);
  return { asker, id: (await createOrganization(asker)).id };
}

/** Somebody of the crew with a password. */
async function withPassword(): Promise<Crew['member']> {
  await setPassword(app, crew.member.id, PASSWORD);
  return crew.member;
}

/** URL of a hold. */
async function held(): Promise<string> {
  await moved(app.platform, crew.id, 'topup', { amount: 10 });
  return (await place(crew.owner, crew.id, { amount: 10 })).links.self;
}

const alert = async (attributes: object = {}): Promise<Body> =>
  watched(crew.owner, (await walletOf(app.platform, crew.id)).id, { direction: 'below', value: 5, ...attributes });

const CALLS: Record<string, Call> = {
  [`POST ${M}/organizations`]: async () => () =>
    crew.owner.post(`${M}/organizations`, document('organizations', { name: 'New' })),
  [`PATCH ${M}/organizations/{id}`]: async () => () => patch(crew.owner, 'organizations', crew.self, { name: 'Other' }),
  [`DELETE ${M}/organizations/{id}`]: async () => () => app.platform.delete(crew.self),
  [`POST ${M}/organizations/{id}/transferOwnership`]: async () => () =>
    crew.owner.post(`${crew.self}/transferOwnership`, { meta: { memberId: crew.admin.member } }),
  [`POST ${M}/organizations/{id}/token/rotate`]: async () => () => crew.owner.post(`${crew.self}/token/rotate`),
  [`DELETE ${M}/organizations/{id}/token`]: async () => () => crew.owner.delete(`${crew.self}/token`),
  [`POST ${M}/organizations/{id}/restore`]: async () => {
    await app.platform.delete(crew.self);
    return () => app.platform.post(`${crew.self}/restore`);
  },
  [`PATCH ${M}/organizations/{id}/relationships/owner`]: async () => () =>
    crew.owner.patch(`${crew.self}/relationships/owner`, link('users', crew.admin.id)),
  [`PATCH ${S}/users/{id}`]: async () => () =>
    patch(crew.member, 'users', `${S}/users/${crew.member.id}`, { name: 'New' }),
  [`POST ${S}/members`]: async () => {
    const user = await createUser(app.platform);
    const relationships = { ...inMine(), user: link('users', user.id) };
    return () => app.platform.post(`${S}/members`, document('members', {}, { relationships }));
  },
  [`PATCH ${S}/members/{id}`]: async () => () =>
    patch(crew.owner, 'members', member(), { status: 'suspended', externalId: 'x' }),
  [`DELETE ${S}/members/{id}`]: async () => () => crew.owner.delete(member()),
  [`PATCH ${S}/members/{id}/relationships/roles`]: async () => () =>
    crew.owner.patch(`${member()}/relationships/roles`, crews.linkage('billing')),
  [`POST ${S}/members/{id}/relationships/roles`]: async () => () =>
    crew.owner.post(`${member()}/relationships/roles`, crews.linkage('billing')),
  [`DELETE ${S}/members/{id}/relationships/roles`]: async () => {
    await crew.owner.post(`${member()}/relationships/roles`, crews.linkage('billing'));
    return () => crew.owner.delete(`${member()}/relationships/roles`, {}, crews.linkage('billing'));
  },
  [`PATCH ${S}/members/{id}/relationships/workspaces`]: async () => {
    const given = await linkage(member());
    return () => crew.owner.patch(...given);
  },
  [`POST ${S}/members/{id}/relationships/workspaces`]: async () => {
    const given = await linkage(member());
    return () => crew.owner.post(...given);
  },
  [`DELETE ${S}/members/{id}/relationships/workspaces`]: async () => {
    const [path, body] = await linkage(member());
    await crew.owner.post(path, body);
    return () => crew.owner.delete(path, {}, body);
  },
  [`POST ${S}/roles`]: async () => () =>
    crew.owner.post(
      `${S}/roles`,
      ownedDocument('roles', crew.id, { code: 'x', name: 'X', permissions: ['roles:read'] }),
    ),
  [`PATCH ${S}/roles/{id}`]: async () => {
    const self = await role();
    return () => patch(crew.owner, 'roles', self, { name: 'Other' });
  },
  [`DELETE ${S}/roles/{id}`]: async () => {
    const self = await role();
    return () => crew.owner.delete(self);
  },
  [`POST ${S}/workspaces`]: async () => () =>
    crew.owner.post(`${S}/workspaces`, ownedDocument('workspaces', crew.id, { name: 'W' })),
  [`PATCH ${S}/workspaces/{id}`]: async () => {
    const self = `${S}/workspaces/${await workspace()}`;
    await patch(crew.owner, 'workspaces', self, { name: 'Other' });
    return () => patch(crew.owner, 'workspaces', self, { status: 'archived' });
  },
  [`DELETE ${S}/workspaces/{id}`]: async () => {
    const self = `${S}/workspaces/${await workspace()}`;
    return () => crew.owner.delete(self);
  },
  [`POST ${S}/invitations`]: async () => () => crew.owner.post(`${S}/invitations`, invitationDocument(crew.id)),
  [`DELETE ${S}/invitations/{id}`]: async () => {
    const { id } = await invited(crew.owner, crew.id);
    return () => crew.owner.delete(`${S}/invitations/${id}`);
  },
  [`POST ${S}/invitations/{id}/resend`]: async () => {
    const { id } = await invited(crew.owner, crew.id);
    return () => crew.owner.post(`${S}/invitations/${id}/resend`);
  },
  [`POST ${S}/invitations/bulk`]: async () => () =>
    crew.owner.post(`${S}/invitations/bulk`, { data: [invitationDocument(crew.id).data] }),
  [`POST ${S}/invitations/{token}/accept`]: async () => {
    const token = tokenOf(await invited(crew.owner, crew.id));
    return () => accept(app.anonymous, token);
  },
  [`POST ${S}/invitations/{token}/decline`]: async () => {
    const token = tokenOf(await invited(crew.owner, crew.id));
    return () => app.anonymous.post(`${S}/invitations/${token}/decline`);
  },
  [`POST ${S}/apiKeys`]: async () => () =>
    crew.owner.post(`${S}/apiKeys`, document('apiKeys', { name: 'K' }, { relationships: inMine() })),
  [`PATCH ${S}/apiKeys/{id}`]: async () => {
    const key = await keyOf();
    return () => keys.change(crew.owner, key, { name: 'Other' });
  },
  [`DELETE ${S}/apiKeys/{id}`]: async () => {
    const key = await keyOf();
    return () => crew.owner.delete(key.self);
  },
  [`POST ${S}/apiKeys/{id}/rotate`]: async () => {
    const key = await keyOf();
    return () => keys.rotate(crew.owner, key);
  },
  [`PATCH ${S}/apiKeys/{id}/relationships/workspaces`]: async () => {
    const given = await linkage((await keyOf()).self);
    return () => crew.owner.patch(...given);
  },
  [`POST ${S}/apiKeys/{id}/relationships/workspaces`]: async () => {
    const given = await linkage((await keyOf()).self);
    return () => crew.owner.post(...given);
  },
  [`DELETE ${S}/apiKeys/{id}/relationships/workspaces`]: async () => {
    const [path, body] = await linkage((await keyOf()).self);
    await crew.owner.post(path, body);
    return () => crew.owner.delete(path, {}, body);
  },
  [`POST ${S}/users/{id}/password`]: async () => () =>
    crew.member.post(`${S}/users/${crew.member.id}/password`, {
      meta: { password: PASSWORD, passwordConfirmation: PASSWORD },
    }),
  [`POST ${S}/passwordResets/confirm`]: async () => {
    const token = makeKey('pwr');
    await app.db.query(
      `insert into password_resets (id, user_id, email, hash, expires_at)
       values (gen_random_uuid(), $1, $2, $3, now() + interval '1 hour')`,
      [crew.member.id, crew.member.email, hashKey(token)],
    );
    const values = { token, password: PASSWORD, passwordConfirmation: PASSWORD };
    return () => app.anonymous.post(`${S}/passwordResets/confirm`, document('passwordResets', values));
  },
  [`POST ${S}/users/{id}/erase`]: async () => () => app.platform.post(`${S}/users/${crew.member.id}/erase`),
  [`POST ${S}/holds`]: async () => {
    await moved(app.platform, crew.id, 'topup', { amount: 10 });
    return () => hold(crew.owner, crew.id, { amount: 10 });
  },
  [`POST ${S}/holds/{id}/capture`]: async () => {
    const self = await held();
    return () => capture(crew.owner, self);
  },
  [`POST ${S}/holds/{id}/void`]: async () => {
    const self = await held();
    return () => crew.owner.post(`${self}/void`);
  },
  [`POST ${S}/overageLimits`]: async () => () => limit(crew.owner, crew.id, {}),
  [`PATCH ${S}/overageLimits/{id}`]: async () => {
    const { links } = await limited(crew.owner, crew.id, {});
    return () => patch(crew.owner, 'overageLimits', links.self, { maxOverage: 5 });
  },
  [`DELETE ${S}/overageLimits/{id}`]: async () => {
    const { links } = await limited(crew.owner, crew.id, {});
    return () => crew.owner.delete(links.self);
  },
  [`POST ${S}/walletAlerts`]: async () => {
    const { id } = await walletOf(app.platform, crew.id);
    return () => watch(crew.owner, id, { direction: 'below', value: 1 });
  },
  [`PATCH ${S}/walletAlerts/{id}`]: async () => {
    const { links } = await alert();
    return () => patch(crew.owner, 'walletAlerts', links.self, { value: 6 });
  },
  [`DELETE ${S}/walletAlerts/{id}`]: async () => {
    const { links } = await alert();
    return () => crew.owner.delete(links.self);
  },
  [`POST ${S}/operations`]: async () => () => perform(crew.owner, update('organizations', crew.id, { name: 'Other' })),
  'POST /v1/orgs': async () => () => crew.owner.post('/v1/orgs', { name: 'New' }),
  'PATCH /v1/orgs/{id}': async () => {
    const number = await numberOf('organizations', crew.id);
    return () => crew.owner.patch(`/v1/orgs/${number}`, { name: 'Other' });
  },
  'DELETE /v1/orgs/{id}': async () => {
    const { asker, id } = await lonely();
    const number = await numberOf('organizations', id);
    return () => asker.delete(`/v1/orgs/${number}`);
  },
  'POST /api/organizations': async () => () =>
    crew.owner.post('/api/organizations', { name: 'New', countryCode: 'SE' }),
  'PATCH /api/organizations/{organizationId}': async () => () =>
    crew.owner.patch(`/api/organizations/${crew.id}`, { name: 'Other' }),
  'PUT /api/organizations/{organizationId}/members/{memberId}': async () => {
    const number = await numberOf('members', crew.member.member);
    const body = { roles: [await numberOf('roles', crews.roles.billing as string)], workspaces: [] };
    return () => crew.owner.put(`/api/organizations/${crew.id}/members/${number}`, body);
  },
  'DELETE /api/organizations/{organizationId}/members/{memberId}': async () => {
    const number = await numberOf('members', crew.member.member);
    return () => crew.member.delete(`/api/organizations/${crew.id}/members/${number}`);
  },
  'POST /api/organizations/{organizationId}/invite': async () => () =>
    crew.owner.post(`/api/organizations/${crew.id}/invite`, { email: freshEmail(), name: 'Ada' }),
  'POST /api/organizations/invite/{inviteToken}/accept': async () => {
    const token = tokenOf(await invited(crew.owner, crew.id));
    const body = { password: PASSWORD, password_confirmation: PASSWORD };
    return () => app.anonymous.post(`/api/organizations/invite/${token}/accept`, body);
  },
  'POST /organization': async () => () =>
    crew.owner.post('/organization', { organizationName: 'New', domain: 'new.example.com' }),
  'PUT /organization/{organization_id}': async () => () =>
    crew.owner.put(`/organization/${crew.id}`, { organizationName: 'Other' }),
  'PATCH /organization/{organization_id}/max-overages': async () => () =>
    crew.owner.patch(`/organization/${crew.id}/max-overages`, { maxOverages: 5 }),
  'DELETE /organization/{organization_id}/member/{user_id}': async () => () =>
    crew.owner.delete(`/organization/${crew.id}/member/${crew.member.id}`),
};

/** What writes nothing of an organization, or what nobody is told of. */
const QUIET: Record<string, string> = {
  [`POST ${M}/partners`]: 'of the installation',
  [`PATCH ${M}/partners/{id}`]: 'of the installation',
  [`POST ${S}/users`]: 'who is made is a member of nothing',
  [`POST ${S}/accessTokens`]: 'for the audit only (domain sheet 7.2)',
  [`POST ${S}/accessTokens/refresh`]: 'for the audit only, unless a token is used again',
  [`DELETE ${S}/accessTokens/{id}`]: 'no event is named for it',
  [`POST ${S}/apiKeys/verify`]: 'writes nothing',
  [`POST ${S}/passwordResets`]: 'whether there is such a user is not known yet',
};

/** What a movement of money sets off beside itself. */
const CROSSINGS: [string, string[], Call][] = [
  [
    'an alert that is crossed',
    ['wallet.alert_triggered', 'wallet.charged'],
    async () => {
      await moved(app.platform, crew.id, 'topup', { amount: 10 });
      await alert();
      return () => move(app.platform, crew.id, 'charge', { amount: 6 });
    },
  ],
  [
    'the end of an alert',
    ['wallet.alert_resolved', 'wallet.topped_up'],
    async () => {
      await alert({ notifyOnResolved: true });
      return () => move(app.platform, crew.id, 'topup', { amount: 10 });
    },
  ],
];

/** What is done beside requests, or by one that is refused. */
const OTHERS: Record<string, Call> = {
  'a suspension': async () => () =>
    patch(app.platform, 'organizations', crew.self, { status: 'suspended', statusReason: 'late' }),
  'the end of a suspension': async () => {
    await patch(app.platform, 'organizations', crew.self, { status: 'suspended', statusReason: 'late' });
    return () => patch(app.platform, 'organizations', crew.self, { status: 'active' });
  },
  'the end of a member’s suspension': async () => {
    await patch(crew.owner, 'members', member(), { status: 'suspended' });
    return () => patch(crew.owner, 'members', member(), { status: 'active' });
  },
  'a change of a workspace': async () => {
    const self = `${S}/workspaces/${await workspace()}`;
    return () => patch(crew.owner, 'workspaces', self, { name: 'Other' });
  },
  'a membership that its member ends': async () => () => crew.member.delete(member()),
  'the end of an invitation': async () => {
    await expire(app, (await invited(crew.owner, crew.id)).id);
    return async () => void (await expireInvitations(app.services));
  },
  'the end of a hold': async () => {
    await expireHold(app, (await held()).split('/').at(-1) as string);
    return async () => void (await expireHolds(app.services));
  },
  'the end of a grace': async () => {
    const key = await keyOf();
    await keys.rotate(crew.owner, key);
    await app.db.query("update api_keys set grace_until = now() - interval '1 second' where id = $1", [key.id]);
    return async () => void (await endGraces(app.services));
  },
  'the notice before a key ends': async () => {
    await keyOf({ expiresAt: new Date(clock + 10 * 86_400_000).toISOString() });
    return async () => {
      clock += 3 * 86_400_000;
      await app.runPendingJobs();
      return undefined;
    };
  },
  'the end of a key': async () => {
    const { id } = await keyOf({ expiresAt: new Date(clock + 86_400_000).toISOString() });
    await app.db.query("update api_keys set expires_at = now() - interval '1 second' where id = $1", [id]);
    return async () => void (await tellExpiredKeys(app.services));
  },
  'a refresh token of a key that is used again': async () => {
    const { refreshToken } = (await tokensOf((await keyOf()).client)).attributes;
    const next = (await refresh(app, refreshToken)).body.data.attributes.refreshToken;
    await refresh(app, next);
    return async () => void (await refresh(app, refreshToken));
  },
  'a refresh token of a person that is used again': async () => {
    const { email } = await withPassword();
    const { refreshToken } = await signInWith(app, email, PASSWORD);
    const next = (await refresh(app, refreshToken)).body.data.attributes.refreshToken;
    await refresh(app, next);
    return async () => void (await refresh(app, refreshToken));
  },
};

const seen = new Set<string>();

/** Types of the events, of whatever organization, that a call has written. */
async function typesOf(call: Call): Promise<string[]> {
  const request = await call();
  const [row] = await app.db.query('select clock_timestamp()::text');
  const answer = await request();
  if (answer !== undefined && answer.status >= 300) throw new Error(answer.text);
  const rows = await app.db.query('select event_type from events where occurred_at > $1::timestamptz order by id', [
    row?.[0],
  ]);
  const types = rows.map(([type]) => type as string);
  for (const type of types) seen.add(type);
  return types;
}

/** Endpoints, deliveries and the single-URL webhook have tests of their own. */
const OF_WEBHOOKS = /webhook/i;
const writing = operations
  .filter(({ method, path }) => method !== 'get' && !OF_WEBHOOKS.test(path))
  .map(({ method, path }) => `${method.toUpperCase()} ${path}`);

test('every operation that writes is looked at here, or named with the reason why it tells nothing', () => {
  expect(writing.toSorted()).toEqual([...Object.keys(CALLS), ...Object.keys(QUIET)].toSorted());
});

test.each(Object.entries(CALLS))('%s is told (INV-36)', async (_name, call) => {
  expect(await typesOf(call)).not.toEqual([]);
});

test.each(Object.entries(OTHERS))('%s is told (INV-36)', async (_name, call) => {
  expect(await typesOf(call)).toHaveLength(1);
});

test.each(CROSSINGS)('%s is told (INV-36)', async (_name, expected, call) => {
  expect((await typesOf(call)).sort()).toEqual(expected);
});

test('every type of event was among them', () => {
  const expected = EVENT_TYPES.filter((type) => !/^webhook|^organization\.purged$/.test(type));
  expect(expected.filter((type) => !seen.has(type))).toEqual([]);
});

describe('what is undone after a part was done is told nobody, and takes no number (INV-36)', () => {
  const other = () => createOrganization(app.platform, { name: 'Other' });
  const REFUSED: [string, number, () => Promise<() => Promise<Answer>>][] = [
    [
      'many operations, the last of which is refused',
      409,
      async () => () =>
        perform(
          crew.owner,
          update('organizations', crew.id, { name: 'Other' }),
          update('members', crew.member.member, { externalId: 'x' }),
          { op: 'remove', ref: { type: 'members', id: crew.owner.member } },
        ),
    ],
    [
      'the suspension of the last owner',
      409,
      async () => () => patch(crew.owner, 'members', crew.owner.self, { status: 'suspended' }),
    ],
    [
      'the deletion of a role, in whose place one of nowhere is named',
      404,
      async () => {
        const self = await role();
        return () => crew.owner.delete(`${self}?replaceWith=${crew.member.id}`);
      },
    ],
    [
      'a slug that is taken, with a new token',
      409,
      async () => {
        const { slug } = (await other()).attributes;
        return () => patch(crew.owner, 'organizations', crew.self, { slug, token: 'y'.repeat(30) });
      },
    ],
    [
      'a token that is in use, with a new name',
      422,
      async () => {
        const { token } = (await other()).attributes;
        return () => patch(crew.owner, 'organizations', crew.self, { name: 'Third', token });
      },
    ],
    [
      'a change of an old version',
      412,
      async () => () =>
        crew.owner.patch(member(), document('members', { externalId: 'x' }, { id: crew.member.member }), {
          'If-Match': '"99.x"',
        }),
    ],
  ];

  test.each(REFUSED)('%s', async (_title, status, call) => {
    const request = await call();
    const { answer, events } = await told(app, crew.id, request);
    expect([answer.status, events]).toEqual([status, []]);
    expect(
      (await told(app, crew.id, () => crew.owner.post(`${S}/invitations`, invitationDocument(crew.id)))).types,
    ).toEqual(['invitation.created']);
  });
});
