import type { Request, Response } from 'express';
import type { Context, OpenContext } from '../context';
import { ERRORS, type ErrorCode, type Fault } from '../errors';
import type { Dialect } from '../http/failure';
import type { Upload } from '../http/upload';
import type { QueryParameters, Schema } from '../jsonapi/define';
import { MOST_INTEGER } from '../jsonapi/parameters';
import type { Values } from '../jsonapi/values';
import type { Page } from '../selection';

/** A request as a handler gets it: judged by the schemas of its route. */
export interface Asked {
  /** Parts of the path: numbers and UUIDs that are well-formed, the latter in lower case. */
  readonly params: Readonly<Record<string, string>>;
  /** Query parameters that were given. */
  readonly query: Readonly<Record<string, number | undefined>>;
  /**
   * Members that the schema knows and the request has; texts are trimmed and in NFC. To be read when it is known that the
   * caller may do this: others are not told what is wrong with it.
   * @throws AppError with all faults of the body
   */
  readonly body: () => Values;
  /** Name of the file that was uploaded; empty where none is. */
  readonly stored: string;
}

export interface Reply {
  readonly status: number;
  /** Without it, the answer has no body. */
  readonly body?: unknown;
  readonly headers?: Record<string, string>;
  /** Whether a secret is in it that is never shown again. */
  readonly secret?: boolean;
}

/** What a method of a path means, and what OpenAPI says of it. */
interface Described {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** Whole, `{name}` where a parameter is. */
  readonly path: string;
  readonly operationId: string;
  readonly summary: string;
  readonly description?: string;
  /** Row in `permissions.ts`; what else it takes is in the description. */
  readonly operation: string;
  /** Whole numbers; other parameters are ignored. */
  readonly parameters?: QueryParameters;
  /** An object; members that it does not know are ignored. */
  readonly request?: Schema;
  /** Instead: it brings a file, and what the caller may do is judged before it is read. */
  readonly upload?: Upload;
  readonly answer: { readonly status: number; readonly description: string; readonly schema?: Schema };
  /** Header fields beside those that every answer has. */
  readonly headers?: readonly string[];
  /** Codes of the rules behind it; those of the protocol, and of the schema of the request, follow from the rest. */
  readonly errors?: readonly ErrorCode[];
  /** Codes of rules about one member of the body. */
  readonly faults?: Readonly<Record<string, readonly ErrorCode[]>>;
  /** What services call otherwise than the body does: attribute or relationship → member. */
  readonly names?: Readonly<Record<string, string>>;
  /** Part of the path whose row all requests with it wait for: they take turns (`inTurn`). */
  readonly turnsBy?: string;
  /** JSON pointers to what an answer shows once: null in one that is repeated (INV-30). */
  readonly secrets?: readonly string[];
}

/** A request that needs a credential. */
export interface KeyedRoute extends Described {
  readonly run: (ctx: Context, asked: Asked) => Promise<Reply>;
}

/** A request that needs none; one that is sent must be valid. */
export interface OpenRoute extends Described {
  readonly runOpen: (ctx: Context | null, open: OpenContext, asked: Asked, at: At) => Promise<Reply>;
}

export type SurfaceRoute = KeyedRoute | OpenRoute;

export interface At {
  readonly req: Request;
  readonly res: Response;
}

/** A fault with the member of the body that it is about. */
export interface NamedFault extends Fault {
  readonly field: string | undefined;
}

/** How a surface words errors. */
export interface ErrorForm {
  /** Name of its schema, and that schema. */
  readonly name: string;
  readonly schema: Schema;
  /** The status that a code has here. */
  status(code: ErrorCode): number;
  /** The code as it is printed. */
  code(code: ErrorCode, field: string | undefined): string;
  /** @param faults at least one; those of a body all at once */
  body(status: number, faults: readonly NamedFault[]): Record<string, unknown>;
}

/** Another surface beside JSON:API, for clients that were written for it. */
export interface Surface {
  readonly tag: string;
  readonly summary: string;
  /** Everything below it is the surface's. */
  readonly prefix: string;
  /** Schemas of the parts of paths. */
  readonly params: Readonly<Record<string, Schema>>;
  readonly routes: readonly SurfaceRoute[];
  readonly errors: ErrorForm;
}

export const JSON_TYPE = 'application/json';
/** Rows of a page where the client can't say. */
export const PAGE_SIZE = 100;

/** The number of an organization, a member or a role, in a path. */
export const number = { type: 'integer', minimum: 1, maximum: MOST_INTEGER };
export const page = { ...number, default: 1, description: 'Which page; beyond the last, they are empty.' };

/** Faults of values: 422 on JSON:API. */
export const isValidation = (code: ErrorCode): boolean => ERRORS[code][0] === 422 && code !== 'idempotency_key_reused';

/** What validation found, by member of the body. */
export function detailsByField(faults: readonly NamedFault[]): Record<string, string[]> | undefined {
  const details: Record<string, string[]> = {};
  for (const { code, field, detail } of faults) {
    if (isValidation(code) && field !== undefined) details[field] = [...(details[field] ?? []), detail];
  }
  return Object.keys(details).length === 0 ? undefined : details;
}

/** A page of a list whose size the client can't choose; oldest or newest first. */
export const windowOf = ({ page: asked = 1 }: Asked['query'], descending: boolean) => ({
  conditions: [],
  sort: [{ field: 'createdAt', descending }],
  offset: (asked - 1) * PAGE_SIZE,
  limit: PAGE_SIZE,
});

/** `Link` and `X-Total-Count` of such a page. */
export function pageHeaders(
  path: string,
  { page: asked = 1 }: Asked['query'],
  { total }: Page<unknown>,
): Record<string, string> {
  const last = Math.max(1, Math.ceil(total / PAGE_SIZE));
  const links = [
    ['first', 1],
    ...(asked > 1 ? [['prev', Math.min(asked - 1, last)]] : []),
    ...(asked < last ? [['next', asked + 1]] : []),
    ['last', last],
  ];
  const link = links.map(([name, to]) => `<${path}?page=${to}>; rel="${name}"`).join(', ');
  return { Link: link, 'X-Total-Count': String(total) };
}

/** Whether a path, or a URL without its origin, is one of the surface's. */
export const owns = ({ prefix }: Surface, url: string): boolean =>
  url.startsWith(prefix) && (url.length === prefix.length || url[prefix.length] === '/' || url[prefix.length] === '?');

/** The surface that a URL belongs to; undefined: JSON:API, or none. */
export const surfaceOf = (surfaces: readonly Surface[], url: string): Surface | undefined =>
  surfaces.find((each) => owns(each, url));

/** How errors of a surface are worded. */
export function dialectOf({ errors }: Surface): Dialect {
  return (error) => {
    const faults = error.faults.map((fault) => ({ ...fault, field: fieldOf(fault) }));
    const statuses = new Set(faults.map(({ code }) => errors.status(code)));
    const [only] = statuses;
    // Faults of several statuses: as on JSON:API.
    const status = statuses.size === 1 && only !== undefined ? only : error.status;
    return { status, mediaType: JSON_TYPE, document: errors.body(status, faults) };
  };
}

/** The member of the body that a fault is about; a missing one is named in `meta`. */
function fieldOf({ source, meta }: Fault): string | undefined {
  const [, name] = source?.pointer?.split('/') ?? [];
  return name ?? (source?.pointer === '' ? (meta?.attribute as string | undefined) : undefined);
}
