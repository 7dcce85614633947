/** Whole documents as they must be: ids that the test knows are written out, those it can't know and times are patterns. */
import type { Answer, Body } from '../support/app';

const S = '/public/v2';

export const TIME = expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00$/);
/** A made id: a UUID of version 7. */
export const ID = expect.stringMatching(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
export const NUMBER = expect.any(Number);
export const ORGANIZATION_KEY = expect.stringMatching(/^sk_live_[0-9A-Za-z]{36}$/);
export const PLATFORM_KEY = expect.stringMatching(/^pk_live_[0-9A-Za-z]{36}$/);
export const ACCESS_TOKEN = expect.stringMatching(/^at_live_[0-9A-Za-z]{36}$/);
export const REFRESH_TOKEN = expect.stringMatching(/^rt_live_[0-9A-Za-z]{36}$/);
/** `whsec_` and 32 bytes in base64. */
export const WEBHOOK_SECRET = expect.stringMatching(/^whsec_[A-Za-z0-9+/]{43}=$/);

/** Links of a relationship of the resource at this path; `data` where the row holds it. */
const toMany = (path: string, name: string) => ({
  links: { self: `${path}/relationships/${name}`, related: `${path}/${name}` },
});
const toOne = (path: string, name: string, type: string, id: string | null) => ({
  ...toMany(path, name),
  data: id === null ? null : { type, id },
});

/** What an organization's settings are until it changes them. */
export const SETTINGS = {
  defaultRole: 'member',
  allowedInviteDomains: [],
  membersMayInvite: false,
  auditRetentionDays: null,
  requireIdempotencyKey: false,
};

/** An organization as a platform caller sees it. */
export function organization(
  id: unknown,
  attributes: object,
  owner: string | null = null,
  partner?: string | null,
  memberCount = 0,
): Body {
  const self = `${S}/management/organizations/${id}`;
  return {
    id,
    type: 'organizations',
    attributes: {
      createdAt: TIME,
      updatedAt: TIME,
      webhookUrl: null,
      webhookSecret: null,
      token: null,
      number: NUMBER,
      externalId: null,
      kind: 'business',
      countryCode: null,
      status: 'active',
      statusReason: null,
      statusChangedAt: TIME,
      avatarUrl: null,
      primaryDomain: null,
      metadata: {},
      settings: SETTINGS,
      quotas: {},
      deleteProtection: false,
      legalHold: false,
      deletedAt: null,
      purgeAt: null,
      ...attributes,
    },
    relationships: {
      // The seed's link.
      users: { links: { self: `${self}/relationships/users`, related: `${S}/users?filter[organizationId]=${id}` } },
      members: toMany(self, 'members'),
      roles: toMany(self, 'roles'),
      workspaces: toMany(self, 'workspaces'),
      invitations: toMany(self, 'invitations'),
      apiKeys: toMany(self, 'apiKeys'),
      webhookEndpoints: toMany(self, 'webhookEndpoints'),
      wallets: toMany(self, 'wallets'),
      overageLimits: toMany(self, 'overageLimits'),
      webhookDeliveries: toMany(self, 'webhookDeliveries'),
      events: toMany(self, 'events'),
      auditEvents: toMany(self, 'auditEvents'),
      owner: toOne(self, 'owner', 'users', owner),
      ...(partner === undefined ? {} : { partner: toOne(self, 'partner', 'partners', partner) }),
    },
    links: { self },
    meta: { memberCount },
  };
}

export const partner = (id: unknown, attributes: object): Body => ({
  id,
  type: 'partners',
  attributes: { createdAt: TIME, updatedAt: TIME, status: 'active', externalId: null, metadata: {}, ...attributes },
  relationships: {
    organizations: toMany(`${S}/management/partners/${id}`, 'organizations'),
    apiKeys: toMany(`${S}/management/partners/${id}`, 'apiKeys'),
  },
  links: { self: `${S}/management/partners/${id}` },
});

export const user = (id: unknown, attributes: object): Body => ({
  id,
  type: 'users',
  attributes: {
    createdAt: TIME,
    updatedAt: TIME,
    name: null,
    status: 'active',
    emailVerifiedAt: null,
    hasPassword: false,
    avatarUrl: null,
    locale: null,
    externalId: null,
    lastSeenAt: null,
    ...attributes,
  },
  relationships: {
    organizations: toMany(`${S}/users/${id}`, 'organizations'),
    members: toMany(`${S}/users/${id}`, 'members'),
  },
  links: { self: `${S}/users/${id}` },
});

export const member = (
  id: unknown,
  of: { organization: string; user: string; roles: string[]; workspaces?: string[]; invitedBy?: string },
  more = {},
): Body => ({
  id,
  type: 'members',
  attributes: {
    createdAt: TIME,
    updatedAt: TIME,
    number: NUMBER,
    status: 'active',
    joinMethod: 'admin',
    isPrimaryOwner: false,
    allWorkspaces: true,
    externalId: null,
    metadata: {},
    joinedAt: TIME,
    ...more,
  },
  relationships: {
    organization: toOne(`${S}/members/${id}`, 'organization', 'organizations', of.organization),
    user: toOne(`${S}/members/${id}`, 'user', 'users', of.user),
    roles: {
      ...toMany(`${S}/members/${id}`, 'roles'),
      data: of.roles.map((each) => ({ type: 'roles', id: each })),
    },
    workspaces: {
      ...toMany(`${S}/members/${id}`, 'workspaces'),
      data: (of.workspaces ?? []).map((each) => ({ type: 'workspaces', id: each })),
    },
    invitedBy: toOne(`${S}/members/${id}`, 'invitedBy', 'users', of.invitedBy ?? null),
  },
  links: { self: `${S}/members/${id}` },
});

export const role = (
  id: unknown,
  attributes: object,
  organization: string | null,
  memberCount: number | null,
): Body => ({
  id,
  type: 'roles',
  attributes: {
    createdAt: TIME,
    updatedAt: TIME,
    number: NUMBER,
    description: null,
    kind: 'custom',
    rank: 0,
    externalId: null,
    ...attributes,
  },
  relationships: { organization: toOne(`${S}/roles/${id}`, 'organization', 'organizations', organization) },
  links: { self: `${S}/roles/${id}` },
  meta: { memberCount },
});

export const workspace = (id: unknown, attributes: object, organization: string): Body => ({
  id,
  type: 'workspaces',
  attributes: {
    createdAt: TIME,
    updatedAt: TIME,
    description: null,
    status: 'active',
    isDefault: false,
    externalId: null,
    metadata: {},
    ...attributes,
  },
  relationships: { organization: toOne(`${S}/workspaces/${id}`, 'organization', 'organizations', organization) },
  links: { self: `${S}/workspaces/${id}` },
});

export const invitation = (
  id: unknown,
  attributes: object,
  of: {
    organization: string;
    roles: string[];
    workspaces?: string[];
    invitedBy?: string;
    acceptedBy?: string;
    revokedBy?: string;
  },
): Body => ({
  id,
  type: 'invitations',
  attributes: {
    createdAt: TIME,
    updatedAt: TIME,
    kind: 'email',
    email: null,
    name: null,
    status: 'pending',
    expiresAt: TIME,
    send: null,
    message: null,
    locale: null,
    redirectUrl: null,
    token: null,
    acceptUrl: null,
    tokenStart: expect.stringMatching(/^inv_live_[0-9A-Za-z]{4}$/),
    sendCount: 0,
    lastSentAt: null,
    maxUses: 1,
    useCount: 0,
    acceptedAt: null,
    declinedAt: null,
    revokedAt: null,
    ...attributes,
  },
  relationships: {
    organization: toOne(`${S}/invitations/${id}`, 'organization', 'organizations', of.organization),
    roles: {
      ...toMany(`${S}/invitations/${id}`, 'roles'),
      data: of.roles.map((each) => ({ type: 'roles', id: each })),
    },
    workspaces: {
      ...toMany(`${S}/invitations/${id}`, 'workspaces'),
      data: (of.workspaces ?? []).map((each) => ({ type: 'workspaces', id: each })),
    },
    invitedBy: toOne(`${S}/invitations/${id}`, 'invitedBy', 'users', of.invitedBy ?? null),
    acceptedBy: toOne(`${S}/invitations/${id}`, 'acceptedBy', 'users', of.acceptedBy ?? null),
    revokedBy: toOne(`${S}/invitations/${id}`, 'revokedBy', 'users', of.revokedBy ?? null),
  },
  links: { self: `${S}/invitations/${id}` },
});

/** A key that a key has made, as a platform caller sees it, or as the others do with `partner` left undefined. */
export const apiKey = (
  id: unknown,
  attributes: object,
  of: { organization?: string | null; partner?: string | null },
): Body => ({
  id,
  type: 'apiKeys',
  attributes: {
    createdAt: TIME,
    updatedAt: TIME,
    environment: 'live',
    secret: null,
    scopes: ['*'],
    ipAllowList: [],
    status: 'active',
    disabled: false,
    expiresAt: null,
    graceUntil: null,
    rateLimit: null,
    lastUsedAt: null,
    lastUsedIp: null,
    isOrganizationToken: false,
    allWorkspaces: true,
    metadata: {},
    revokedAt: null,
    revokedReason: null,
    ...attributes,
  },
  relationships: {
    organization: toOne(`${S}/apiKeys/${id}`, 'organization', 'organizations', of.organization ?? null),
    ...(of.partner === undefined ? {} : { partner: toOne(`${S}/apiKeys/${id}`, 'partner', 'partners', of.partner) }),
    workspaces: { ...toMany(`${S}/apiKeys/${id}`, 'workspaces'), data: [] },
    createdBy: toOne(`${S}/apiKeys/${id}`, 'createdBy', 'users', null),
    replaces: toOne(`${S}/apiKeys/${id}`, 'replaces', 'apiKeys', null),
    replacedBy: toOne(`${S}/apiKeys/${id}`, 'replacedBy', 'apiKeys', null),
  },
  links: { self: `${S}/apiKeys/${id}` },
});

/** A pair of tokens that was not made just now; `attributes` name the rest. */
export const accessToken = (
  id: unknown,
  attributes: object,
  of: { apiKey?: string; user?: string; organization?: string },
): Body => ({
  id,
  type: 'accessTokens',
  attributes: {
    createdAt: TIME,
    accessToken: null,
    refreshToken: null,
    tokenType: 'Bearer',
    expiresIn: 3600,
    expiresAt: TIME,
    refreshExpiresAt: TIME,
    scopes: ['*'],
    familyId: id,
    lastUsedAt: null,
    lastUsedIp: null,
    userAgent: null,
    ...attributes,
  },
  relationships: {
    apiKey: toOne(`${S}/accessTokens/${id}`, 'apiKey', 'apiKeys', of.apiKey ?? null),
    user: toOne(`${S}/accessTokens/${id}`, 'user', 'users', of.user ?? null),
    organization: toOne(`${S}/accessTokens/${id}`, 'organization', 'organizations', of.organization ?? null),
  },
  links: { self: `${S}/accessTokens/${id}` },
});

const JSONAPI = { version: '1.1' };

/** The answer to a create request. */
export const created = (data: Body): Body => ({ data, meta: {}, jsonapi: JSONAPI });
/** The answer with one resource. */
export const single = (data: Body, self = data.links.self): Body => ({ data, links: { self }, jsonapi: JSONAPI });

/** The answer with the only page of a list. */
export function page(path: string, data: Body[], totalUnfiltered = data.length): Body {
  const separator = path.includes('?') ? '&' : '?';
  const only = `${path}${separator}page[number]=1&page[size]=25`;
  return {
    data,
    meta: { total: data.length, totalUnfiltered, currentSize: 25, currentPage: 1, maxPage: 1 },
    links: { self: path, first: only, last: only, prev: null, next: null },
    jsonapi: JSONAPI,
  };
}

interface Expected {
  source?: { pointer?: string; parameter?: string; header?: string };
  meta?: object;
}

/** The whole error document: one error, whose id is the request's, and nothing besides. */
export function expectError(answer: Answer, status: number, code: string, { source, meta }: Expected = {}): void {
  expect({ status: answer.status, body: answer.body }).toEqual({
    status,
    body: {
      errors: [
        {
          id: answer.headers['x-request-id'],
          status: String(status),
          code,
          title: expect.stringMatching(/^[A-Z]/),
          detail: expect.stringMatching(/^\S.*\.$/),
          ...(source === undefined ? {} : { source }),
          ...(meta === undefined ? {} : { meta }),
        },
      ],
      jsonapi: JSONAPI,
    },
  });
}

/** The same for a faulty attribute, which client libraries find by `meta.attribute` (rulings, "Answers"). */
export function expectAttributeError(answer: Answer, code: string, pointer: string): void {
  const attribute = pointer.split('/').at(-1)?.replaceAll('~1', '/');
  const [error] = answer.body.errors;
  expectError(answer, 422, code, {
    source: { pointer: `/data/attributes/${pointer}` },
    meta: { attribute, message: error.detail },
  });
}

/** The right is named that is missing. */
export const expectDenied = (answer: Answer, required: string): void =>
  expectError(answer, 403, 'permission_denied', { meta: { required } });
