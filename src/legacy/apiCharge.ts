import type { Context } from '../context';
import { positive, text } from '../jsonapi/schemas';
import { closed, constant, object } from '../openapi/schemas';
import { authorize } from '../services/access';
import { getOrganization } from '../services/organizations';
import { charge } from '../services/walletTransactions';
import type { Asked, Reply, SurfaceRoute } from './surface';

const MESSAGE = 'Charge processed successfully';

async function chargeOrganization(ctx: Context, { params, body }: Asked): Promise<Reply> {
  const organizationId = params.organizationId as string;
  await getOrganization(ctx, organizationId, ['id']);
  await authorize(ctx, 'organizations.charge', { organizationId }, true);
  const { amount, service, sms_point, reason } = body() as Record<string, never>;
  await charge(ctx, organizationId, { amount, service, quantity: sms_point, reason });
  return { status: 200, body: { success: true, message: MESSAGE, data: null } };
}

export const chargeRoute: SurfaceRoute = {
  method: 'POST',
  path: '/api/admin/organizations/{organizationId}/charge',
  operationId: 'apiChargeOrganization',
  summary: 'Charge an organization',
  description:
    'Debits its wallet of WALLET_ASSET. With a service that sells units, `sms_point` says how many are bought: for `sms` it is required. ' +
    'Without an `Idempotency-Key` a repeated call charges again.',
  operation: 'organizations.charge',
  turnsBy: 'organizationId',
  request: object({ amount: positive, service: text(1, 40), sms_point: positive, reason: text(1, 500) }, [
    'sms_point',
    'reason',
  ]),
  names: { quantity: 'sms_point' },
  faults: { amount: ['not_allowed'], service: ['not_allowed'], sms_point: ['required', 'not_allowed'] },
  answer: {
    status: 200,
    description: 'It is charged.',
    schema: closed({
      success: { type: 'boolean', const: true },
      message: constant(MESSAGE),
      data: { type: 'null' },
    }),
  },
  errors: [
    'insufficient_funds',
    'overage_limit_exceeded',
    'wallet_frozen',
    'invalid_transition',
    'organization_suspended',
  ],
  run: chargeOrganization,
};
