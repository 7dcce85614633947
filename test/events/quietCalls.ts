import { tellExpiredKeys } from '../../src/services/keyExpiry';
import { PASSWORD, person, refresh, signedIn, tokensFor, tokensOf } from '../routes/accessTokens/people';
import type { Key } from '../routes/apiKeys/keys';
import { ownedDocument, patch } from '../routes/crew';
import { createUser, document, link, M, type Person, S, setPassword, signInWith } from '../support/app';
import { addDelivery } from '../support/deliveries';
import type { Call, World } from './calls';

/** Calls that nobody is told of, by the operations of the OpenAPI document, with the actions that are audited. */
export interface Quiet {
  readonly why: string;
  readonly actions: readonly string[];
  readonly call?: Call;
}

export function quietCallsOf(w: World): Record<string, Quiet> {
  return {
    [`POST ${M}/partners`]: {
      why: 'of the installation',
      actions: ['partner.created'],
      call: async () => () => w.app.platform.post(`${M}/partners`, document('partners', { name: 'P' })),
    },
    [`PATCH ${M}/partners/{id}`]: {
      why: 'of the installation',
      actions: ['partner.updated'],
      call: async () => {
        const { id } = await w.app.partner();
        return () => patch(w.app.platform, 'partners', `${M}/partners/${id}`, { name: 'Other' });
      },
    },
    [`POST ${S}/users`]: {
      why: 'who is made is a member of nothing',
      actions: ['user.created'],
      call: async () => () =>
        w.app.platform.post(`${S}/users`, document('users', { email: `${Date.now()}@example.com` })),
    },
    [`POST ${S}/accessTokens`]: {
      why: 'for the audit only (domain sheet 7.2)',
      actions: ['access_token.issued'],
      call: async () => {
        const { email } = await person(w.app);
        return () => tokensFor(w.app.anonymous, { email, password: PASSWORD });
      },
    },
    [`POST ${S}/accessTokens/refresh`]: {
      why: 'for the audit only, unless a token is used again',
      actions: ['access_token.refreshed'],
      call: async () => {
        const { refreshToken } = await signedIn(w.app);
        return () => refresh(w.app, refreshToken);
      },
    },
    [`DELETE ${S}/accessTokens/{id}`]: {
      why: 'no event is named for it',
      actions: ['access_token.revoked'],
      call: async () => {
        const session = await signedIn(w.app);
        return () => session.delete(`${S}/accessTokens/${session.id}`);
      },
    },
    [`POST ${S}/apiKeys/verify`]: { why: 'writes nothing', actions: [] },
    [`POST ${S}/passwordResets`]: { why: 'whether there is such a user is not known yet', actions: [] },
  };
}

/** What else nobody is told of, with the actions that are audited. */
export function quietDoingsOf(w: World): Record<string, readonly [actions: readonly string[], call: Call]> {
  const key = (maker: Person | typeof w.app.platform, relationships: object = {}): Promise<Key> =>
    w.keys.make(maker, {}, undefined, relationships);
  const partnerKey = async (): Promise<Key> => {
    const { id } = await w.app.partner();
    return key(w.app.platform, { partner: link('partners', id) });
  };
  return {
    'tokens that are made from a key': [
      ['access_token.issued'],
      async () => {
        const { client } = await w.keys.make(w.crew.owner, {}, w.crew.id);
        return () => tokensFor(client);
      },
    ],
    'new tokens of a key': [
      ['access_token.refreshed'],
      async () => {
        const { client } = await w.keys.make(w.crew.owner, {}, w.crew.id);
        const { refreshToken } = (await tokensOf(client)).attributes;
        return () => refresh(w.app, refreshToken);
      },
    ],
    'a change of somebody who is a member of nothing': [
      ['user.updated'],
      async () => {
        const { id } = await createUser(w.app.platform);
        return () => patch(w.app.platform, 'users', `${S}/users/${id}`, { name: 'Other' });
      },
    ],
    'the erasure of somebody who is a member of nothing': [
      ['user.erased'],
      async () => {
        const somebody = await w.app.user();
        return () => somebody.post(`${S}/users/${somebody.id}/erase`);
      },
    ],
    'a platform key': [
      ['api_key.created'],
      async () => () => w.app.platform.post(`${S}/apiKeys`, document('apiKeys', { name: 'K' })),
    ],
    'a personal key': [
      ['api_key.created'],
      async () => () => w.crew.member.post(`${S}/apiKeys`, document('apiKeys', { name: 'K' })),
    ],
    'a change of the key of a partner': [
      ['api_key.updated'],
      async () => {
        const made = await partnerKey();
        return () => w.keys.change(w.app.platform, made, { name: 'Other' });
      },
    ],
    'the rotation of a personal key': [
      ['api_key.rotated'],
      async () => {
        const made = await key(w.crew.member);
        return () => w.keys.rotate(w.crew.member, made);
      },
    ],
    'the revocation of the key of a partner': [
      ['api_key.revoked'],
      async () => {
        const made = await partnerKey();
        return () => w.app.platform.delete(made.self);
      },
    ],
    'the end of a personal key': [
      ['api_key.expired'],
      async () => {
        const { id } = await key(w.crew.member);
        await w.app.db.query("update api_keys set expires_at = now() - interval '1 second' where id = $1", [id]);
        return async () => void (await tellExpiredKeys(w.app.services));
      },
    ],
    'another password in the place of one': [
      ['user.updated'],
      async () => {
        await setPassword(w.app, w.crew.member.id, PASSWORD);
        const session = await signInWith(w.app, w.crew.member.email, PASSWORD);
        const other = 'plum-Velvet-91-orbit';
        const meta = { currentPassword: PASSWORD, password: other, passwordConfirmation: other };
        return () => session.post(`${S}/users/${w.crew.member.id}/password`, { meta });
      },
    ],
    'a webhook secret that waits for its URL': [
      ['organization.updated'],
      async () => () => patch(w.crew.owner, 'organizations', w.crew.self, { webhookSecret: `whsec_${'A'.repeat(32)}` }),
    ],
    'all that is known of somebody': [
      ['user.exported'],
      async () => () => w.crew.member.get(`${S}/users/${w.crew.member.id}/export`),
    ],
    'the replay of one delivery': [
      ['webhook_delivery.replayed'],
      async () => {
        const { firstId } = await addDelivery(w.app, w.crew.id);
        return () => w.crew.owner.post(`${S}/webhookDeliveries/${firstId}/replay`);
      },
    ],
    'the replay of many deliveries': [
      ['webhook_delivery.replayed'],
      async () => {
        const { endpointId } = await addDelivery(w.app, w.crew.id);
        return () => w.crew.owner.post(`${S}/webhookEndpoints/${endpointId}/replay`, { meta: { status: 'failed' } });
      },
    ],
    'a test of a webhook': [
      [],
      async () => {
        const { endpointId } = await addDelivery(w.app, w.crew.id);
        await w.app.db.query("update webhook_endpoints set url = 'http://127.0.0.1:1/' where id = $1", [endpointId]);
        return () => w.crew.owner.post(`${S}/webhookEndpoints/${endpointId}/test`);
      },
    ],
  };
}

/** The other calls about webhooks, which all are told. */
export function webhookCallsOf(w: World): Record<string, Call> {
  const url = 'https://hooks.example.com/x';
  const endpoint = async (): Promise<string> => {
    const body = ownedDocument('webhookEndpoints', w.crew.id, { url });
    return (await w.crew.owner.post(`${S}/webhookEndpoints`, body)).body.data.links.self;
  };
  const withUrl = () => patch(w.crew.owner, 'organizations', w.crew.self, { webhookUrl: url });
  return {
    [`POST ${S}/webhookEndpoints`]: async () => () =>
      w.crew.owner.post(`${S}/webhookEndpoints`, ownedDocument('webhookEndpoints', w.crew.id, { url })),
    [`PATCH ${S}/webhookEndpoints/{id}`]: async () => {
      const self = await endpoint();
      const headers = { Authorization: 'hidden-of-header' };
      return () => patch(w.crew.owner, 'webhookEndpoints', self, { headers, disabled: true });
    },
    [`DELETE ${S}/webhookEndpoints/{id}`]: async () => {
      const self = await endpoint();
      return () => w.crew.owner.delete(self);
    },
    [`POST ${S}/webhookEndpoints/{id}/secret/rotate`]: async () => {
      const self = await endpoint();
      return () => w.crew.owner.post(`${self}/secret/rotate`);
    },
    [`POST ${S}/webhookEndpoints/{id}/secret/expireOld`]: async () => {
      const self = await endpoint();
      await w.crew.owner.post(`${self}/secret/rotate`);
      return () => w.crew.owner.post(`${self}/secret/expireOld`);
    },
    [`POST ${M}/organizations/{id}/webhookSecret/rotate`]: async () => {
      await withUrl();
      return () => w.crew.owner.post(`${w.crew.self}/webhookSecret/rotate`);
    },
    'PUT /v1/webhook': async () => () => w.crew.owner.put('/v1/webhook', { url }),
    'PATCH /v1/webhook': async () => () => w.crew.owner.patch('/v1/webhook', { url }),
  };
}
