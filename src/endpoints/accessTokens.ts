import type { Request } from 'express';
import type { AccessToken } from '../../entities';
import { accessTokens as serializer } from '../../serializers/accessTokens';
import type { Level, OpenContext } from '../context';
import type { Outcome } from '../controllers/call';
import type { Endpoint, EndpointRequest } from '../controllers/endpoints';
import { AppError } from '../errors';
import { networkOf } from '../http/address';
import { limit, limitSignIn } from '../http/sensitive';
import { createdDocument } from '../jsonapi/reply';
import { resourceRequest } from '../jsonapi/request';
import { text } from '../jsonapi/schemas';
import type { Values } from '../jsonapi/values';
import { scopes } from '../resources/accessTokens';
import { refreshTokens } from '../services/refresh';
import { isKnownNetwork, issueTokens, signIn } from '../services/signIn';

const LONGEST_USER_AGENT = 255;
const secretText = { type: 'string', writeOnly: true };
const MADE = {
  description: 'The tokens, in this answer only.',
  data: { type: 'accessTokens' },
  headers: ['Location'],
};

const userAgentOf = ({ headers }: Request): string | null =>
  headers['user-agent']?.slice(0, LONGEST_USER_AGENT).trim() || null;

/** The answer that shows a new pair. */
function made(pair: AccessToken, level: Level): Outcome {
  const resource = serializer({ fields: null, level }).resource(pair);
  const location = `/public/v2/accessTokens/${pair.id}`;
  return { status: 201, document: createdDocument(resource, null), version: pair.version, secret: true, location };
}

/** With a key nobody signs in: the two ways to ask are not mixed. */
function refuseAccount(attributes: Values): void {
  const given = ['email', 'password'].find((name) => attributes[name] !== undefined);
  if (given === undefined) return;
  const detail = `${given} is for those who send no credential.`;
  const meta = { attribute: given, message: detail };
  throw new AppError('not_allowed', detail, { pointer: `/data/attributes/${given}` }, { meta });
}

/** @throws AppError `required`, one fault for each that is missing */
function accountOf({ email, password }: Values): { email: string; password: string } {
  const missing = Object.entries({ email, password }).flatMap(([attribute, value]) => {
    if (value !== undefined) return [];
    const detail = `${attribute} is required.`;
    const source = { pointer: '/data' };
    return [{ code: 'required' as const, detail, source, meta: { attribute, message: detail } }];
  });
  if (missing.length > 0) throw AppError.of(missing);
  return { email: email as string, password: password as string };
}

async function signInWith(request: EndpointRequest, services: OpenContext): Promise<AccessToken> {
  const { document, address, req, res } = request;
  const account = accountOf(document.attributes);
  const { email } = account;
  await limitSignIn(services, res, {
    email,
    address,
    isKnownNetwork: (network) => isKnownNetwork(services, email, network),
  });
  const wanted = { scopes: document.attributes.scopes as string[] | undefined, userAgent: userAgentOf(req) };
  return signIn(services, { ...account, ...wanted, network: networkOf(address) });
}

export const accessTokenEndpoints: readonly Endpoint[] = [
  {
    method: 'POST',
    path: '/public/v2/accessTokens',
    operationId: 'createAccessToken',
    tag: 'accessTokens',
    summary: 'Sign in, or make tokens from a key',
    description:
      'Without a credential: `email` and `password` of a user, who can do with the tokens what he may. With a key: ' +
      'nothing of that; `scopes` can narrow what the tokens may do. Access tokens make no tokens. Whatever is wrong with ' +
      'an account or its password, the answer is the same.',
    operation: 'accessTokens.create',
    credential: 'optional',
    request: resourceRequest('accessTokens', { email: text(1, 254), password: secretText, scopes }),
    responses: { 201: MADE },
    errors: ['required', 'not_allowed', 'cannot_grant'],
    run: async (request) => {
      const { ctx, services, document, req } = request;
      if (ctx === null) return made(await signInWith(request, services), 'user');
      refuseAccount(document.attributes);
      const asked = document.attributes.scopes as string[] | undefined;
      return made(await issueTokens(ctx, { scopes: asked, userAgent: userAgentOf(req) }), ctx.caller.level);
    },
  },
  {
    method: 'POST',
    path: '/public/v2/accessTokens/refresh',
    operationId: 'refreshAccessToken',
    tag: 'accessTokens',
    summary: 'Get new tokens for a refresh token',
    description:
      'The old access token lives to its own end. A refresh token is good once, and for 30 seconds more, as long as no ' +
      'token made from it was used; any other reuse ends the session.',
    operation: 'accessTokens.refresh',
    credential: 'none',
    request: resourceRequest('accessTokens', { refreshToken: secretText }, ['refreshToken']),
    responses: { 201: MADE },
    errors: ['invalid_credential', 'expired_credential', 'revoked_credential', 'partner_suspended', 'ip_not_allowed'],
    run: async ({ services, document, address, req, res }) => {
      await limit(services, res, 'tokenRefresh', networkOf(address));
      const refreshToken = document.attributes.refreshToken as string;
      const { pair, caller } = await refreshTokens(services, { refreshToken, address, userAgent: userAgentOf(req) });
      return made(pair, caller.level);
    },
  },
];
