import type { Context } from '../context';
import { AppError, notFound } from '../errors';
import { may } from '../permissions';
import { authorize } from './access';
import { crud, type Input } from './crud';
import { organizationRows, organizationTable } from './organizations';
import type { Meant } from './posting';
import { getWallet } from './wallets';
import { attributeFault } from './webhookEndpointRules';

export const linkage = (name: string) => ({ pointer: `/data/relationships/${name}/data` });

/**
 * The wallet that a request means, for a caller who may do `operation` there: the one that is named, else that of an
 * organization in an asset, which need not be there yet. What he can't see is 404 whatever he may do.
 * @throws AppError `not_found`, `permission_denied`, `required` when none is named, `not_allowed` when two are
 */
export async function meantWallet(ctx: Context, operation: string, input: Input): Promise<Meant> {
  const { wallet, organization } = input.relationships as Record<string, string | null | undefined>;
  if (typeof wallet === 'string') {
    const find = () => getWallet(ctx, wallet, ['organizationId', 'asset']);
    return sameWallet(ctx, await foundAt(ctx, operation, 'wallet', find), input);
  }
  const organizationId = organization ?? ctx.caller.organizationId;
  if (organizationId === null) {
    const detail = 'Name the wallet, or the organization and the asset.';
    throw new AppError('required', detail, { pointer: '/data' }, { meta: { attribute: 'wallet', message: detail } });
  }
  const { asset = ctx.config.walletAsset } = input.attributes as { asset?: string };
  const meant = { organizationId, asset };
  return foundAt(ctx, operation, 'organization', async () => {
    // Whether he sees it is judged by the posting itself, unless something else would be said before that.
    if (ctx.caller.level !== 'user' && !may(ctx.caller, operation)) {
      await crud(organizationTable).get(ctx, organizationId, ['id']);
    }
    return meant;
  });
}

/**
 * What is found, when the caller may do `operation` there. What he can't see is said of the relationship that named it.
 * @throws AppError `not_found`, and those of `authorize`
 */
export async function foundAt<Found extends { organizationId: string }>(
  ctx: Context,
  operation: string,
  relationship: string,
  find: () => Promise<Found>,
): Promise<Found> {
  try {
    const found = await find();
    await authorize(ctx, operation, found, true);
    return found;
  } catch (error) {
    if (!(error instanceof AppError) || error.status !== 404) throw error;
    throw notFound(error.faults[0]?.detail, linkage(relationship));
  }
}

/** @throws AppError `not_allowed` unless what else names the wallet names the same, `not_found` for what he can't see */
export async function sameWallet(ctx: Context, meant: Meant, { attributes, relationships }: Input): Promise<Meant> {
  const { organizationId, asset } = meant;
  await checkOwner(ctx, organizationId, relationships.organization);
  if (attributes.asset !== undefined && attributes.asset !== asset) {
    throw AppError.of([attributeFault('not_allowed', `The wallet that is named is of ${asset}.`, 'asset')]);
  }
  return { organizationId, asset };
}

/**
 * Checks that an organization, if one is named, is the one that a row belongs to.
 * @throws AppError `not_allowed`; `not_found` for one that the caller can't see
 */
export async function checkOwner(
  ctx: Context,
  organizationId: string,
  named: Input['relationships'][string] | undefined,
) {
  if (typeof named !== 'string' || named === organizationId) return;
  const [seen] = await organizationRows.load(ctx, [named], ['id']);
  if (seen === undefined) throw notFound('There is no such organization.', linkage('organization'));
  throw atAnother('organization');
}

export const atAnother = (name: string): AppError =>
  new AppError('not_allowed', `It is at another ${name}.`, linkage(name));

/** @throws AppError `not_allowed` for a service that organizations are not charged for (`WALLET_SERVICES`) */
export function checkService({ config }: Pick<Context, 'config'>, service: string | null | undefined): void {
  const services = config.walletServices;
  if (service === undefined || service === null || services.has(service)) return;
  const detail = `service must be one of ${[...services.keys()].join(', ')}.`;
  throw AppError.of([attributeFault('not_allowed', detail, 'service')]);
}
