import type { Caller } from '../context';
import type { Bind } from './table';

/** How rows of a type stand in events: as the resource object that clients read, without links and secrets. */
export interface Shape {
  /** JSON:API type. */
  readonly type: string;
  /** Name of the table. */
  readonly table: string;
  /** SQL of the resource object, jsonb, on the row `t`. */
  readonly sql: string;
  /** SQL of what of it can differ when these properties change. */
  readonly partOf: (properties: readonly string[]) => string;
  /** SQL on `t` of the id of the organization that a row belongs to, or is; null: it belongs to none. */
  readonly organization: string | null;
}

/** By type; made from the definitions when the process starts. */
export type Shapes = ReadonlyMap<string, Shape>;

/** Who did something (domain sheet 4.11). */
export interface Actor {
  readonly type: 'user' | 'apiKey' | 'invitee' | 'system';
  readonly id: string | null;
  /** For the audit trail, where it is known. */
  readonly name?: string | null;
}

export const SYSTEM: Actor = { type: 'system', id: null };

/** Where a request came from, for the audit trail (domain sheet 4.15). */
export interface Origin {
  /** Address of the client. */
  readonly ip: string;
  readonly userAgent: string | null;
  readonly method: string;
  /** Without the query, and without a token that may be in it. */
  readonly path: string;
}

/** What every event, and every audit row, tells beside the change. */
export interface Cause {
  readonly caller?: Caller;
  /** Instead of the caller; what he came with is his. Without both it is the system. */
  readonly actor?: Actor;
  readonly requestId?: string;
  /** Of the request; without it, it was done by the service itself. */
  readonly origin?: () => Origin;
}

export function actorOf({ caller, actor }: Cause): Actor {
  if (actor !== undefined) return actor;
  if (caller === undefined) return SYSTEM;
  if (caller.userId !== null) return { type: 'user', id: caller.userId };
  return { type: 'apiKey', id: caller.apiKeyId ?? caller.credentialId };
}

export function shapeOf(shapes: Shapes, type: string): Shape {
  const shape = shapes.get(type);
  if (shape === undefined) throw new Error(`there is no type ${type}`);
  return shape;
}

/** The origin as an audit row has it, with what is known of the caller. */
function originOf({ caller, actor, origin }: Cause): string | null {
  if (caller === undefined && origin === undefined) return null;
  const { level, credentialId } = caller ?? {};
  return JSON.stringify({ ...origin?.(), name: (actor ?? caller)?.name, level, credentialId });
}

/** Who, by which request, and from where: arguments of whatever is recorded. */
export function whoSql(cause: Cause, bind: Bind): string {
  const { type, id } = actorOf(cause);
  return `${bind(type)}, ${bind(id)}::uuid, ${bind(cause.requestId ?? null)}, ${bind(originOf(cause))}::jsonb`;
}

/** The last arguments of `record_events` and `record_change`. `aboutSql`: id of the endpoint that the event is about. */
export const causeSql = (cause: Cause, bind: Bind, aboutSql = 'null'): string =>
  `${whoSql(cause, bind)}, ${aboutSql}::uuid`;
