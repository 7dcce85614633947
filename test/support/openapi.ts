import type { ValidateFunction } from 'ajv';
import { allRoutes, type Route } from '../../src/controllers/routes';
import { endpoints } from '../../src/endpoints';
import { newAjv } from '../../src/jsonapi/schemas';
import { buildOpenApi } from '../../src/openapi/build';
import { registry } from '../../src/resources';

// biome-ignore lint/suspicious/noExplicitAny: the document is looked into freely
export type Any = any;

/** The OpenAPI document. */
export const description: Any = buildOpenApi(registry, endpoints);

/** A part of the document, behind its reference where it is one. */
export const resolve = (part: Any): Any =>
  part?.$ref === undefined
    ? part
    : part.$ref
        .slice('#/'.length)
        .split('/')
        .reduce((from: Any, key: string) => from?.[key], description);

/** Refuses keywords that it does not know, so that none of ours is one by mistake. */
const ajv = newAjv({ strictTypes: false, validateSchema: false });
for (const keyword of ['components', 'discriminator']) ajv.addKeyword(keyword);
ajv.addSchema({ components: description.components }, 'openapi');

/** The compiled schema of a part of the document. */
export const compiled = (schema: Any): ValidateFunction =>
  schema.$ref === undefined ? ajv.compile(schema) : (ajv.getSchema(`openapi${schema.$ref}`) as ValidateFunction);

/** What of a value is not as a schema of the document says; `what` it is. */
export function schemaFaults(schema: Any, value: unknown, what: string): string[] {
  const validate = compiled(schema);
  if (validate(value)) return [];
  return (validate.errors ?? []).map(
    ({ instancePath, message, params }) => `${what}${instancePath} ${message} ${JSON.stringify(params)}`,
  );
}

export interface Documented {
  path: string;
  method: string;
  operation: Any;
  /** Of a resource type; undefined for what stands beside them. */
  route: Route | undefined;
}

/** Whether a request needs an `Idempotency-Key`. */
export const needsKey = ({ operation }: Documented): boolean =>
  operation.parameters.map(resolve).some((each: Any) => each.name === 'Idempotency-Key' && each.required === true);

const routes = allRoutes(registry);

/** Every operation of the document. */
export const operations: Documented[] = Object.entries(description.paths).flatMap(([path, item]) =>
  Object.entries(item as object).map(([method, operation]) => ({
    path,
    method,
    operation,
    route: routes.find(({ template, methods }) => template === path && methods.includes(method.toUpperCase())),
  })),
);

/** The query parameters of an operation. */
export const queryParameters = ({ operation }: Pick<Documented, 'operation'>): Any[] =>
  operation.parameters.map(resolve).filter((parameter: Any) => parameter.in === 'query');
