import { type Endpoint, isWrite } from '../controllers/endpoints';
import { ROOT } from '../controllers/routes';
import { OPEN_OPERATIONS, OPERATIONS } from '../permissions';
import { accessTokenEndpoints } from './accessTokens';
import { apiKeyEndpoints } from './apiKeys';
import { invitationEndpoints } from './invitations';
import { passwordEndpoints } from './passwords';
import { userEndpoints } from './users';
import { walletEndpoints } from './wallets';
import { webhookEndpointCalls } from './webhooks';

/** Every request beside those of the resource types. */
export const endpoints: readonly Endpoint[] = [
  ...accessTokenEndpoints,
  ...apiKeyEndpoints,
  ...invitationEndpoints,
  ...passwordEndpoints,
  ...userEndpoints,
  ...walletEndpoints,
  ...webhookEndpointCalls,
];

/**
 * Refuses to start with an endpoint that nobody was given the right to, that strangers may use unless that was said, or
 * that contradicts itself.
 */
export function checkEndpoints(list: readonly Endpoint[]): void {
  const seen = new Set<string>();
  for (const endpoint of list) {
    const { method, path, operation, credential, responses } = endpoint;
    const name = `${method} ${path}`;
    const isOpen = OPEN_OPERATIONS.has(operation);
    if (seen.has(name)) throw new Error(`${name} is there twice`);
    seen.add(name);
    if (!path.startsWith(`${ROOT}/`)) throw new Error(`${name} is not below ${ROOT}`);
    if (credential !== 'none' && OPERATIONS[operation] === undefined) {
      throw new Error(`${name}: ${operation} has no row in permissions.ts`);
    }
    if (isOpen !== (credential !== 'required')) {
      throw new Error(`${name}: ${operation} ${isOpen ? 'is' : 'is not'} among the open operations of permissions.ts`);
    }
    const isStream = Object.values(responses).some(({ mediaType }) => mediaType !== undefined);
    if (isStream && isWrite(endpoint)) throw new Error(`${name}: a stream can’t be kept for an Idempotency-Key`);
  }
}
