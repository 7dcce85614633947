import { endpoints } from '../endpoints';
import { buildOpenApi } from '../openapi/build';
import { registry } from '../resources';

/** The OpenAPI document as `docs/openapi.json` holds it. */
export const formatOpenApi = (): string => `${JSON.stringify(buildOpenApi(registry, endpoints), null, 2)}\n`;

/** Prints the OpenAPI document. */
export function openapi(): void {
  process.stdout.write(formatOpenApi());
}
