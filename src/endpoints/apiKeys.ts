import type { Endpoint } from '../controllers/endpoints';
import { metaDocument } from '../jsonapi/reply';
import { settingsRequest } from '../jsonapi/request';
import { boolean, choice, nullable, time, uuid } from '../jsonapi/schemas';
import { verifyApiKey } from '../services/apiKeys';

const VERIFICATION = {
  type: 'object',
  required: ['valid'],
  properties: {
    valid: { ...boolean, description: 'Alone when it is false.' },
    level: choice('platform', 'partner', 'organization', 'user'),
    scopes: { type: 'array', items: { type: 'string' } },
    organizationId: nullable(uuid),
    expiresAt: nullable(time),
  },
  additionalProperties: false,
};

export const apiKeyEndpoints: readonly Endpoint[] = [
  {
    method: 'POST',
    path: '/public/v2/apiKeys/verify',
    operationId: 'verifyApiKey',
    tag: 'apiKeys',
    summary: 'Tell whether a key is good, without using it',
    description:
      'Of keys that the caller can see. Whatever else is asked for is not valid: unknown, revoked, expired, mistyped.',
    operation: 'apiKeys.verify',
    credential: 'required',
    request: settingsRequest({ secret: { type: 'string', writeOnly: true } }, ['secret']),
    responses: { 200: { description: 'What the key is for.', meta: VERIFICATION } },
    errors: [],
    readOnly: true,
    run: async ({ ctx, document }) => {
      const verification = await verifyApiKey(ctx, document.meta.secret as string);
      return { status: 200, document: metaDocument({ ...verification }) };
    },
  },
];
