import type { Endpoint } from '../controllers/endpoints';
import { allRoutes } from '../controllers/routes';
import type { ResourceDefinition } from '../jsonapi/define';
import { surfaces } from '../legacy';
import { packageVersion } from '../version';
import { atomicPath } from './atomic';
import { Components, type Json } from './components';
import { addEndpoints } from './endpoints';
import { FILTERS } from './filters';
import { surfacePaths, surfaceTags } from './legacy';
import { mediaPath } from './media';
import { pathItem } from './operations';
import { resourceSchema } from './resource';
import { SERVICE_TAGS, servicePaths } from './service';

const DESCRIPTION = `Organizations, their people, keys, webhooks, wallets and audit trail, over [JSON:API 1.1](https://jsonapi.org/format/1.1/).

- A request needs a credential, a key or the access token of a sign-in, unless \`security\` says otherwise: \`Authorization: <credential>\` or \`Authorization: Bearer <credential>\`.
- Bodies and answers are \`application/vnd.api+json\`. Parameters that an endpoint does not have are refused.
- Links are URLs without a host.
- A path with and without a slash at the end is the same; \`apiKeys\` in a path can also be written \`api-keys\`, and every type is also at \`/public/v2/{type}\`.
- Methods that a path does not list are answered with 405 and \`Allow\`; updates that JSON:API knows and this service does not offer, with 403 \`update_not_offered\`. \`OPTIONS\` lists the methods.
- What shows one resource, or the linkage of one, has an \`ETag\`: send it in \`If-None-Match\` to ask for changes, in \`If-Match\` to write only over what you have read.
- \`Idempotency-Key\` makes a request that changes something safe to repeat.
- \`RateLimit\` says how many requests the credential has left; past that they are answered with 429, and \`Retry-After\` says when to come back. Failed authentication is counted by address, and so is a credential that can’t be used from there or whose partner is suspended.
- What the caller can't see is answered with 404, whatever he may do.
- A request that sets attributes which can't be set is served without them, so that a resource can be sent back as it was read. Texts are trimmed and put into NFC before they are judged.
- \`x-permission\`, \`x-row-permission\`, \`x-levels\` and \`x-codes\` tell programs what descriptions tell people: the permission that an operation needs, the one to read the row that a path goes through, the levels of credential that may ever do it, the error codes of an answer.
- \`/v1\`, \`/api\` and \`/organization\` are three other surfaces on the same organizations, for clients that were written for them: the same credentials, rules and limits, but bodies and answers are plain \`application/json\`, members and parameters that they do not know are ignored, there is no \`ETag\`, and each words errors in a form of its own.

## Lists

Pages are asked for by number (\`page[number]\`, \`page[size]\`), by offset (\`page[offset]\`, \`page[limit]\`) or with cursors (\`page[after]\`, \`page[before]\`). Cursors are those of the [cursor pagination profile](https://jsonapi.org/profiles/ethanresnick/cursor-pagination/): name it in \`Accept\` to get the first page with them. Links then have cursors, and each item has its own in \`meta.page.cursor\`.

${FILTERS}`;

/** Tells programs and people the same as the registry tells the controllers: the OpenAPI 3.1 document of all paths. */
export function buildOpenApi(
  registry: ReadonlyMap<string, ResourceDefinition<never>>,
  endpoints: readonly Endpoint[],
): Json {
  const components = new Components();
  for (const definition of registry.values()) resourceSchema(components, definition);
  const items = allRoutes(registry).map((route) => [route.template, pathItem(components, registry, route)] as const);
  const paths = Object.fromEntries(items.filter(([, item]) => Object.keys(item).length > 0));
  addEndpoints(components, registry, paths as Record<string, Json>, endpoints);
  Object.assign(
    paths,
    atomicPath(components, registry),
    surfacePaths(components, surfaces),
    servicePaths(components),
    mediaPath(components),
  );
  return {
    openapi: '3.1.0',
    info: {
      title: 'Guildhall',
      version: packageVersion(),
      description: DESCRIPTION,
    },
    servers: [{ url: '/' }],
    security: [{ bearer: [] }, { apiKey: [] }],
    tags: [
      ...[...registry.values()].map(({ type, summary }) => ({ name: type, description: summary })),
      ...surfaceTags(surfaces),
      ...SERVICE_TAGS,
    ],
    paths,
    components: {
      securitySchemes: {
        bearer: { type: 'http', scheme: 'bearer', description: 'A key or an access token, after `Bearer`.' },
        apiKey: { type: 'apiKey', in: 'header', name: 'Authorization', description: 'A key or an access token alone.' },
      },
      ...components.parts,
    },
  };
}
