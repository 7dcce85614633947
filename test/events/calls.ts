import { hashKey, makeKey } from '../../src/secrets';
import { endGraces } from '../../src/services/apiKeyRotation';
import { expireInvitations } from '../../src/services/invitationExpiry';
import { tellExpiredKeys } from '../../src/services/keyExpiry';
import { perform, update } from '../jsonapi/operations';
import { PASSWORD, refresh, tokensOf } from '../routes/accessTokens/people';
import { type Key, Keys } from '../routes/apiKeys/keys';
import { type Crew, Crews, ownedDocument, patch, workspaceLinks } from '../routes/crew';
import { accept, expire, freshEmail, invitationDocument, invited, tokenOf } from '../routes/invitations/inviting';
import {
  type Answer,
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

/** Makes ready, and gives back the request that is looked at. */
export type Call = () => Promise<() => Promise<Answer | undefined>>;

/** Where the calls are made; the crew is a new one for each. */
export interface World {
  readonly app: TestApp;
  readonly crews: Crews;
  readonly keys: Keys;
  crew: Crew;
  clock: number;
}

/** Fills a world that calls were made for already. */
export async function openWorld(world: World): Promise<void> {
  world.clock = Date.now();
  const app = await startApp({}, () => new Date(world.clock));
  Object.assign(world, { app, crews: await Crews.of(app), keys: new Keys(app) });
}

/** Every call that writes something, by the operations of the OpenAPI document, and what is done beside them. */
export function callsOf(w: World) {
  const inMine = () => ({ organization: link('organizations', w.crew.id) });
  const keyOf = (attributes: object = {}): Promise<Key> => w.keys.make(w.crew.owner, attributes, w.crew.id);
  const numberOf = async (table: string, id: string) =>
    (await w.app.db.query(`select number from ${table} where id = $1`, [id]))[0]?.[0];
  const member = () => w.crew.member.self;
  const role = async () => `${S}/roles/${await w.crews.role(w.crew.id, ['members:read'])}`;
  const workspace = () => w.crews.workspace(w.crew.id);
  const linkage = async (self: string) =>
    [`${self}/relationships/workspaces`, workspaceLinks(await workspace())] as const;

  /** An organization that its owner is alone in. */
  async function lonely(): Promise<{ asker: Awaited<ReturnType<TestApp['user']>>; id: string }> {
    const asker = await w.app.user();
    await createOrganization(asker);
    return { asker, id: (await createOrganization(asker)).id };
  }

  /** Somebody of the w.crew with a password. */
  async function withPassword(): Promise<Crew['member']> {
    await setPassword(w.app, w.crew.member.id, PASSWORD);
    return w.crew.member;
  }

  const calls: Record<string, Call> = {
    [`POST ${M}/organizations`]: async () => () =>
      w.crew.owner.post(`${M}/organizations`, document('organizations', { name: 'New' })),
    [`PATCH ${M}/organizations/{id}`]: async () => () =>
      patch(w.crew.owner, 'organizations', w.crew.self, { name: 'Other' }),
    [`DELETE ${M}/organizations/{id}`]: async () => () => w.app.platform.delete(w.crew.self),
    [`POST ${M}/organizations/{id}/transferOwnership`]: async () => () =>
      w.crew.owner.post(`${w.crew.self}/transferOwnership`, { meta: { memberId: w.crew.admin.member } }),
    [`POST ${M}/organizations/{id}/token/rotate`]: async () => () => w.crew.owner.post(`${w.crew.self}/token/rotate`),
    [`DELETE ${M}/organizations/{id}/token`]: async () => () => w.crew.owner.delete(`${w.crew.self}/token`),
    [`POST ${M}/organizations/{id}/restore`]: async () => {
      await w.app.platform.delete(w.crew.self);
      return () => w.app.platform.post(`${w.crew.self}/restore`);
    },
    [`PATCH ${M}/organizations/{id}/relationships/owner`]: async () => () =>
      w.crew.owner.patch(`${w.crew.self}/relationships/owner`, link('users', w.crew.admin.id)),
    [`PATCH ${S}/users/{id}`]: async () => () =>
      patch(w.crew.member, 'users', `${S}/users/${w.crew.member.id}`, { name: 'New' }),
    [`POST ${S}/members`]: async () => {
      const user = await createUser(w.app.platform);
      const relationships = { ...inMine(), user: link('users', user.id) };
      return () => w.app.platform.post(`${S}/members`, document('members', {}, { relationships }));
    },
    [`PATCH ${S}/members/{id}`]: async () => () =>
      patch(w.crew.owner, 'members', member(), { status: 'suspended', externalId: 'x' }),
    [`DELETE ${S}/members/{id}`]: async () => () => w.crew.owner.delete(member()),
    [`PATCH ${S}/members/{id}/relationships/roles`]: async () => () =>
      w.crew.owner.patch(`${member()}/relationships/roles`, w.crews.linkage('billing')),
    [`POST ${S}/members/{id}/relationships/roles`]: async () => () =>
      w.crew.owner.post(`${member()}/relationships/roles`, w.crews.linkage('billing')),
    [`DELETE ${S}/members/{id}/relationships/roles`]: async () => {
      await w.crew.owner.post(`${member()}/relationships/roles`, w.crews.linkage('billing'));
      return () => w.crew.owner.delete(`${member()}/relationships/roles`, {}, w.crews.linkage('billing'));
    },
    [`PATCH ${S}/members/{id}/relationships/workspaces`]: async () => {
      const given = await linkage(member());
      return () => w.crew.owner.patch(...given);
    },
    [`POST ${S}/members/{id}/relationships/workspaces`]: async () => {
      const given = await linkage(member());
      return () => w.crew.owner.post(...given);
    },
    [`DELETE ${S}/members/{id}/relationships/workspaces`]: async () => {
      const [path, body] = await linkage(member());
      await w.crew.owner.post(path, body);
      return () => w.crew.owner.delete(path, {}, body);
    },
    [`POST ${S}/roles`]: async () => () =>
      w.crew.owner.post(
        `${S}/roles`,
        ownedDocument('roles', w.crew.id, { code: 'x', name: 'X', permissions: ['roles:read'] }),
      ),
    [`PATCH ${S}/roles/{id}`]: async () => {
      const self = await role();
      return () => patch(w.crew.owner, 'roles', self, { name: 'Other' });
    },
    [`DELETE ${S}/roles/{id}`]: async () => {
      const self = await role();
      return () => w.crew.owner.delete(self);
    },
    [`POST ${S}/workspaces`]: async () => () =>
      w.crew.owner.post(`${S}/workspaces`, ownedDocument('workspaces', w.crew.id, { name: 'W' })),
    [`PATCH ${S}/workspaces/{id}`]: async () => {
      const self = `${S}/workspaces/${await workspace()}`;
      await patch(w.crew.owner, 'workspaces', self, { name: 'Other' });
      return () => patch(w.crew.owner, 'workspaces', self, { status: 'archived' });
    },
    [`DELETE ${S}/workspaces/{id}`]: async () => {
      const self = `${S}/workspaces/${await workspace()}`;
      return () => w.crew.owner.delete(self);
    },
    [`POST ${S}/invitations`]: async () => () => w.crew.owner.post(`${S}/invitations`, invitationDocument(w.crew.id)),
    [`DELETE ${S}/invitations/{id}`]: async () => {
      const { id } = await invited(w.crew.owner, w.crew.id);
      return () => w.crew.owner.delete(`${S}/invitations/${id}`);
    },
    [`POST ${S}/invitations/{id}/resend`]: async () => {
      const { id } = await invited(w.crew.owner, w.crew.id);
      return () => w.crew.owner.post(`${S}/invitations/${id}/resend`);
    },
    [`POST ${S}/invitations/bulk`]: async () => () =>
      w.crew.owner.post(`${S}/invitations/bulk`, { data: [invitationDocument(w.crew.id).data] }),
    [`POST ${S}/invitations/{token}/accept`]: async () => {
      const token = tokenOf(await invited(w.crew.owner, w.crew.id));
      return () => accept(w.app.anonymous, token);
    },
    [`POST ${S}/invitations/{token}/decline`]: async () => {
      const token = tokenOf(await invited(w.crew.owner, w.crew.id));
      return () => w.app.anonymous.post(`${S}/invitations/${token}/decline`);
    },
    [`POST ${S}/apiKeys`]: async () => () =>
      w.crew.owner.post(`${S}/apiKeys`, document('apiKeys', { name: 'K' }, { relationships: inMine() })),
    [`PATCH ${S}/apiKeys/{id}`]: async () => {
      const key = await keyOf();
      return () => w.keys.change(w.crew.owner, key, { name: 'Other' });
    },
    [`DELETE ${S}/apiKeys/{id}`]: async () => {
      const key = await keyOf();
      return () => w.crew.owner.delete(key.self);
    },
    [`POST ${S}/apiKeys/{id}/rotate`]: async () => {
      const key = await keyOf();
      return () => w.keys.rotate(w.crew.owner, key);
    },
    [`PATCH ${S}/apiKeys/{id}/relationships/workspaces`]: async () => {
      const given = await linkage((await keyOf()).self);
      return () => w.crew.owner.patch(...given);
    },
    [`POST ${S}/apiKeys/{id}/relationships/workspaces`]: async () => {
      const given = await linkage((await keyOf()).self);
      return () => w.crew.owner.post(...given);
    },
    [`DELETE ${S}/apiKeys/{id}/relationships/workspaces`]: async () => {
      const [path, body] = await linkage((await keyOf()).self);
      await w.crew.owner.post(path, body);
      return () => w.crew.owner.delete(path, {}, body);
    },
    [`POST ${S}/users/{id}/password`]: async () => () =>
      w.crew.member.post(`${S}/users/${w.crew.member.id}/password`, {
        meta: { password: PASSWORD, passwordConfirmation: PASSWORD },
      }),
    [`POST ${S}/passwordResets/confirm`]: async () => {
      const token = makeKey('pwr');
      await w.app.db.query(
        `insert into password_resets (id, user_id, email, hash, expires_at)
       values (gen_random_uuid(), $1, $2, $3, now() + interval '1 hour')`,
        [w.crew.member.id, w.crew.member.email, hashKey(token)],
      );
      const values = { token, password: PASSWORD, passwordConfirmation: PASSWORD };
      return () => w.app.anonymous.post(`${S}/passwordResets/confirm`, document('passwordResets', values));
    },
    [`POST ${S}/users/{id}/erase`]: async () => () => w.app.platform.post(`${S}/users/${w.crew.member.id}/erase`),
    [`POST ${S}/operations`]: async () => () =>
      perform(w.crew.owner, update('organizations', w.crew.id, { name: 'Other' })),
    'POST /v1/orgs': async () => () => w.crew.owner.post('/v1/orgs', { name: 'New' }),
    'PATCH /v1/orgs/{id}': async () => {
      const number = await numberOf('organizations', w.crew.id);
      return () => w.crew.owner.patch(`/v1/orgs/${number}`, { name: 'Other' });
    },
    'DELETE /v1/orgs/{id}': async () => {
      const { asker, id } = await lonely();
      const number = await numberOf('organizations', id);
      return () => asker.delete(`/v1/orgs/${number}`);
    },
    'POST /api/organizations': async () => () =>
      w.crew.owner.post('/api/organizations', { name: 'New', countryCode: 'SE' }),
    'PATCH /api/organizations/{organizationId}': async () => () =>
      w.crew.owner.patch(`/api/organizations/${w.crew.id}`, { name: 'Other' }),
    'PUT /api/organizations/{organizationId}/members/{memberId}': async () => {
      const number = await numberOf('members', w.crew.member.member);
      const body = { roles: [await numberOf('roles', w.crews.roles.billing as string)], workspaces: [] };
      return () => w.crew.owner.put(`/api/organizations/${w.crew.id}/members/${number}`, body);
    },
    'DELETE /api/organizations/{organizationId}/members/{memberId}': async () => {
      const number = await numberOf('members', w.crew.member.member);
      return () => w.crew.member.delete(`/api/organizations/${w.crew.id}/members/${number}`);
    },
    'POST /api/organizations/{organizationId}/invite': async () => () =>
      w.crew.owner.post(`/api/organizations/${w.crew.id}/invite`, { email: freshEmail(), name: 'Ada' }),
    'POST /api/organizations/invite/{inviteToken}/accept': async () => {
      const token = tokenOf(await invited(w.crew.owner, w.crew.id));
      const body = { password: PASSWORD, password_confirmation: PASSWORD };
      return () => w.app.anonymous.post(`/api/organizations/invite/${token}/accept`, body);
    },
    'POST /organization': async () => () =>
      w.crew.owner.post('/organization', { organizationName: 'New', domain: 'new.example.com' }),
    'PUT /organization/{organization_id}': async () => () =>
      w.crew.owner.put(`/organization/${w.crew.id}`, { organizationName: 'Other' }),
    'DELETE /organization/{organization_id}/member/{user_id}': async () => () =>
      w.crew.owner.delete(`/organization/${w.crew.id}/member/${w.crew.member.id}`),
  };

  /** What is done beside requests, or by one that is refused. */
  const others: Record<string, Call> = {
    'a suspension': async () => () =>
      patch(w.app.platform, 'organizations', w.crew.self, { status: 'suspended', statusReason: 'late' }),
    'the end of a suspension': async () => {
      await patch(w.app.platform, 'organizations', w.crew.self, { status: 'suspended', statusReason: 'late' });
      return () => patch(w.app.platform, 'organizations', w.crew.self, { status: 'active' });
    },
    'the end of a member’s suspension': async () => {
      await patch(w.crew.owner, 'members', member(), { status: 'suspended' });
      return () => patch(w.crew.owner, 'members', member(), { status: 'active' });
    },
    'a change of a workspace': async () => {
      const self = `${S}/workspaces/${await workspace()}`;
      return () => patch(w.crew.owner, 'workspaces', self, { name: 'Other' });
    },
    'a membership that its member ends': async () => () => w.crew.member.delete(member()),
    'the end of an invitation': async () => {
      await expire(w.app, (await invited(w.crew.owner, w.crew.id)).id);
      return async () => void (await expireInvitations(w.app.services));
    },
    'the end of a grace': async () => {
      const key = await keyOf();
      await w.keys.rotate(w.crew.owner, key);
      await w.app.db.query("update api_keys set grace_until = now() - interval '1 second' where id = $1", [key.id]);
      return async () => void (await endGraces(w.app.services));
    },
    'the notice before a key ends': async () => {
      await keyOf({ expiresAt: new Date(w.clock + 10 * 86_400_000).toISOString() });
      return async () => {
        w.clock += 3 * 86_400_000;
        await w.app.runPendingJobs();
        return undefined;
      };
    },
    'the end of a key': async () => {
      const { id } = await keyOf({ expiresAt: new Date(w.clock + 86_400_000).toISOString() });
      await w.app.db.query("update api_keys set expires_at = now() - interval '1 second' where id = $1", [id]);
      return async () => void (await tellExpiredKeys(w.app.services));
    },
    'a refresh token of a key that is used again': async () => {
      const { refreshToken } = (await tokensOf((await keyOf()).client)).attributes;
      const next = (await refresh(w.app, refreshToken)).body.data.attributes.refreshToken;
      await refresh(w.app, next);
      return () => refresh(w.app, refreshToken);
    },
    'a refresh token of a person that is used again': async () => {
      const { email } = await withPassword();
      const { refreshToken } = await signInWith(w.app, email, PASSWORD);
      const next = (await refresh(w.app, refreshToken)).body.data.attributes.refreshToken;
      await refresh(w.app, next);
      return () => refresh(w.app, refreshToken);
    },
  };

  return { calls, others };
}
