import type { Organization } from '../../entities';
import type { Context } from '../context';
import { notFound } from '../errors';
import { makeWebhookSecret } from '../secrets';
import { getOrganization, updateOrganization } from './organizations';

/** The one endpoint that `webhookUrl` and `webhookSecret` of an organization stand for: it gets every event. */
export interface DefaultEndpoint {
  readonly url: string;
  /** Only in what the call gives back that made the secret (INV-30). */
  readonly secret: string | null;
  readonly createdAt: string;
  readonly updatedAt: string;
}

const PROPERTIES = ['id', 'webhookUrl', 'webhookCreatedAt', 'webhookUpdatedAt'];

function endpointOf({ webhookUrl, webhookSecret, webhookCreatedAt, webhookUpdatedAt }: Organization): DefaultEndpoint {
  if (webhookUrl === null) throw notFound();
  return {
    url: webhookUrl,
    secret: webhookSecret ?? null,
    createdAt: webhookCreatedAt as string,
    updatedAt: webhookUpdatedAt as string,
  };
}

/** @throws AppError `not_found` for an organization that the caller can't see, or that has no such endpoint */
export async function getDefaultEndpoint(ctx: Context, organizationId: string): Promise<DefaultEndpoint> {
  return endpointOf(await getOrganization(ctx, organizationId, PROPERTIES));
}

/**
 * Sets the URL, and makes the endpoint where there was none.
 * @param rotates whether a new secret takes the place of the one there is (INV-42); the first one is made anyhow
 * @throws AppError `not_found`, `not_allowed` for plain http
 */
export async function setDefaultEndpoint(
  ctx: Context,
  organizationId: string,
  url: string,
  rotates: boolean,
): Promise<DefaultEndpoint> {
  const attributes = { webhookUrl: url, webhookSecret: rotates ? makeWebhookSecret() : undefined };
  return endpointOf(await updateOrganization(ctx, organizationId, { attributes, relationships: {} }, undefined));
}
