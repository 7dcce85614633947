import type { Context } from '../context';
import { AppError } from '../errors';
import { attributeFault } from './webhookEndpointRules';

/**
 * What the JSON schema can't say of a URL that is to be called: it depends on the configuration, and on where its name
 * leads (domain sheet 9.5). It may wait 2 s for the name, so it comes before a transaction.
 * @param name of the attribute
 * @throws AppError `not_allowed` for plain http, `blocked_address`
 */
export async function checkWebhookUrl(
  { egress }: Pick<Context, 'egress'>,
  url: string | null | undefined,
  name: string,
): Promise<void> {
  if (typeof url !== 'string') return;
  const fault = await egress.checkHost(new URL(url));
  if (fault === undefined) return;
  throw AppError.of([attributeFault(fault.code, `${name} ${fault.detail}.`, name)]);
}
