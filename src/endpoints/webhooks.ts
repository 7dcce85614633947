import { webhookAttempts as serializer } from '../../serializers/webhookAttempts';
import type { Endpoint } from '../controllers/endpoints';
import { AppError } from '../errors';
import { EVENT_TYPES, type EventType } from '../eventTypes';
import { metaDocument, resourceDocument } from '../jsonapi/reply';
import { settingsRequest } from '../jsonapi/request';
import { choice, integer, time } from '../jsonapi/schemas';
import { subjectExample } from '../openapi/example';
import { registry } from '../resources';
import { attemptTable, getAttempt } from '../services/webhookAttempts';
import { MOST_REPLAYED, type Replay, replayEvents } from '../services/webhookReplay';
import { organizationOfTested, prepareTest, type TestSample } from '../services/webhookTest';
import { attemptNow } from '../webhooks/attemptNow';

/** What events are about: by their types, else by what those begin with. */
const SUBJECTS: Readonly<Record<string, string>> = {
  organization: 'organizations',
  member: 'members',
  role: 'roles',
  workspace: 'workspaces',
  invitation: 'invitations',
  user: 'users',
  api_key: 'apiKeys',
  access_token: 'accessTokens',
  webhook_endpoint: 'webhookEndpoints',
  webhook_delivery: 'webhookDeliveries',
  wallet: 'wallets',
  'wallet.topped_up': 'walletTransactions',
  'wallet.charged': 'walletTransactions',
  'wallet.adjusted': 'walletTransactions',
  'wallet.transaction_reversed': 'walletTransactions',
  'wallet.hold_placed': 'holds',
  'wallet.hold_captured': 'holds',
  'wallet.hold_voided': 'holds',
  'wallet.hold_expired': 'holds',
  'wallet.alert_triggered': 'walletAlerts',
  'wallet.alert_resolved': 'walletAlerts',
  wallet_alert: 'walletAlerts',
  overage_limit: 'overageLimits',
};

/** @throws AppError `unknown_event_type` */
function sampleOf(eventType: string | undefined, organizationId: string): TestSample | undefined {
  if (eventType === undefined || eventType === 'webhook.test') return undefined;
  const definition = registry.get(SUBJECTS[eventType] ?? SUBJECTS[eventType.split('.')[0] as string] ?? '');
  if (!EVENT_TYPES.includes(eventType as EventType) || definition === undefined) {
    throw new AppError('unknown_event_type', `There are no events of the type ${eventType}.`, {
      pointer: '/meta/eventType',
    });
  }
  return { kind: eventType as EventType, data: subjectExample(definition, organizationId) };
}

const number = { ...integer, minimum: 1 };
const QUEUED = {
  type: 'object',
  required: ['queued'],
  properties: { queued: { ...integer, minimum: 0, description: 'Deliveries that were made.' } },
  additionalProperties: false,
};

export const webhookEndpointCalls: readonly Endpoint[] = [
  {
    method: 'POST',
    path: '/public/v2/webhookEndpoints/{id}/test',
    operationId: 'testWebhookEndpoint',
    tag: 'webhookEndpoints',
    summary: 'Send a test event, and see what came of it',
    description:
      'One request to the endpoint, disabled or not, while you wait. In the feed it is an event `webhook.test` for this ' +
      'endpoint alone. With `eventType` the receiver gets a made-up example of that type.',
    operation: 'webhookEndpoints.test',
    credential: 'required',
    request: settingsRequest({
      eventType: { type: 'string', minLength: 1, maxLength: 100, examples: ['member.updated'] },
    }),
    responses: { 200: { description: 'The request and its answer.', data: { type: 'webhookAttempts' } } },
    errors: ['not_found', 'organization_suspended', 'unknown_event_type'],
    // The transaction of an Idempotency-Key would last as long as the receiver takes to answer.
    readOnly: true,
    run: async ({ ctx, services, params, document }) => {
      const id = params.id as string;
      const organizationId = await organizationOfTested(ctx, id);
      const sample = sampleOf(document.meta.eventType as string | undefined, organizationId);
      const attemptId = await attemptNow(services, await prepareTest(ctx, id, organizationId, sample));
      const attempt = await getAttempt(ctx, attemptId, attemptTable.properties);
      const resource = serializer({ fields: null, level: ctx.caller.level }).resource(attempt);
      const links = { self: `/public/v2/webhookAttempts/${attemptId}` };
      return { status: 200, document: resourceDocument(resource, null, links), version: attempt.version };
    },
  },
  {
    method: 'POST',
    path: '/public/v2/webhookEndpoints/{id}/replay',
    operationId: 'replayToWebhookEndpoint',
    tag: 'webhookEndpoints',
    summary: 'Deliver many events to an endpoint anew',
    description:
      'In their order, with the same ids and bodies. `failed` and `skipped`: those whose newest delivery to the endpoint ' +
      'failed or was cancelled, or was skipped as it was disabled. `all`: those that it asks for now, whether sent before ' +
      'or not; give a bound. What is on its way to it already is left out, so that a repeated call makes nothing a second ' +
      `time. A call queues some ${MOST_REPLAYED.toLocaleString('en')}: of \`all\` a longer range is refused, of the others a ` +
      'second call queues the rest.',
    operation: 'webhookEndpoints.replay',
    credential: 'required',
    request: settingsRequest(
      {
        status: choice('failed', 'skipped', 'all'),
        since: { ...time, description: 'Events from this time on.' },
        until: { ...time, description: 'Events up to this time.' },
        fromSequence: { ...number, description: 'Events from this number on.' },
        toSequence: { ...number, description: 'Events up to this number.' },
      },
      ['status'],
    ),
    responses: { 202: { description: 'They are on their way.', meta: QUEUED } },
    errors: ['not_found', 'required', 'not_allowed', 'invalid_transition'],
    run: async ({ ctx, params, document }) => {
      const queued = await replayEvents(ctx, params.id as string, document.meta as unknown as Replay);
      return { status: 202, document: metaDocument({ queued }) };
    },
  },
];
