import { AppError, type Fault } from '../errors';
import { escapePointer, isObject } from './json';

/** Operations of one request at the most. */
export const MOST_OPERATIONS = 100;
const MEMBER = 'atomic:operations';

type Json = Record<string, unknown>;

/** What an operation is about, when it is not told by its data (Atomic Operations, "Operation Objects"). */
export interface Ref {
  readonly type: string;
  readonly id?: string;
  readonly lid?: string;
  readonly relationship?: string;
}

export interface Operation {
  readonly op: 'add' | 'update' | 'remove';
  readonly ref?: Ref;
  readonly href?: string;
  /** Undefined when it is not given. */
  readonly data?: unknown;
  /** As in `If-Match`. */
  readonly ifMatch?: string;
}

/** JSON pointer to an operation in its document. */
export const operationPointer = (i: number): string => `/${MEMBER}/${i}`;

const malformed = (detail: string, pointer: string): Fault => ({
  code: 'malformed_document',
  detail,
  source: { pointer },
});

/**
 * The operations of a document, in their order.
 * @throws AppError with all faults of their form; what they ask for is not judged here
 */
export function readOperations(document: unknown): Operation[] {
  if (!isObject(document)) throw AppError.of([malformed('The document must be an object.', '')]);
  const { [MEMBER]: list, data, included } = document;
  if (data !== undefined || included !== undefined) {
    const member = data === undefined ? 'included' : 'data';
    throw AppError.of([malformed(`A document with ${MEMBER} has no ${member}.`, `/${member}`)]);
  }
  if (list === undefined) throw AppError.of([malformed(`The document has no ${MEMBER}.`, '')]);
  if (!Array.isArray(list) || list.length === 0) {
    throw AppError.of([malformed(`${MEMBER} is a list of one operation or more.`, `/${MEMBER}`)]);
  }
  if (list.length > MOST_OPERATIONS) {
    throw new AppError('too_large', `A request has at most ${MOST_OPERATIONS} operations.`, { pointer: `/${MEMBER}` });
  }
  const faults: Fault[] = [];
  const operations = list.map((each, i) => readOperation(each, operationPointer(i), faults));
  if (faults.length > 0) throw AppError.of(faults);
  return operations as Operation[];
}

function readOperation(value: unknown, pointer: string, faults: Fault[]): Operation | undefined {
  const fault = (detail: string, at = pointer) => void faults.push(malformed(detail, at));
  if (!isObject(value)) return fault('An operation must be an object.');
  const { op, ref, href, data, meta } = value;
  if (op === undefined) fault('An operation has an op.');
  else if (op !== 'add' && op !== 'update' && op !== 'remove') fault('op is add, update or remove.', `${pointer}/op`);
  if (ref !== undefined && href !== undefined) fault('An operation has ref or href, not both.');
  if (href !== undefined && typeof href !== 'string') fault('href must be a string.', `${pointer}/href`);
  if (ref !== undefined) checkRef(ref, `${pointer}/ref`, faults);
  if (meta !== undefined && !isObject(meta)) fault('meta must be an object.', `${pointer}/meta`);
  const ifMatch = isObject(meta) ? meta.ifMatch : undefined;
  if (ifMatch !== undefined && typeof ifMatch !== 'string') {
    fault('ifMatch is a text as in If-Match.', `${pointer}/meta/ifMatch`);
  }
  const isTargeted = ref !== undefined || href !== undefined;
  if (op === 'remove' && !isTargeted) fault('What is removed is named by ref or href.');
  if ((op === 'add' || op === 'update') && data === undefined) fault('The operation has no data.');
  return { op, ref, href, data, ifMatch } as Operation;
}

function checkRef(ref: unknown, pointer: string, faults: Fault[]): void {
  if (!isObject(ref)) return void faults.push(malformed('ref must be an object.', pointer));
  const { type, id, lid, relationship } = ref;
  if (type === undefined) faults.push(malformed('ref has a type.', pointer));
  if ((id === undefined) === (lid === undefined)) faults.push(malformed('ref has either id or lid.', pointer));
  for (const [name, value] of Object.entries({ type, id, lid, relationship })) {
    if (value === undefined || typeof value === 'string') continue;
    faults.push(malformed(`${name} must be a string.`, `${pointer}/${name}`));
  }
}

/** The local ids of one request: names that the client gives to what its own operations make. */
export class LocalIds {
  private readonly ids = new Map<string, string>();

  /** @throws AppError for a local id that has been given to another resource */
  add(type: string, lid: string, pointer: string): (id: string) => void {
    const key = `${type} ${lid}`;
    if (this.ids.has(key)) throw AppError.of([malformed(`The lid ${lid} is taken.`, pointer)]);
    return (id) => void this.ids.set(key, id);
  }

  /**
   * The id behind a local one.
   * @throws AppError unless an operation before this one has made it
   */
  resolve(type: unknown, lid: string, pointer: string): string {
    const id = this.ids.get(`${type} ${lid}`);
    if (id === undefined) throw AppError.of([malformed(`No operation before this one made ${lid}.`, pointer)]);
    return id;
  }

  /** Identifiers with ids in the place of local ones; anything else is left for the reader of bodies to judge. */
  linkage(data: unknown, pointer: string): unknown {
    if (Array.isArray(data)) return data.map((each, i) => this.linkage(each, `${pointer}/${i}`));
    if (!isObject(data) || typeof data.lid !== 'string' || data.id !== undefined) return data;
    const { lid, ...others } = data;
    return { ...others, id: this.resolve(data.type, lid as string, `${pointer}/lid`) };
  }

  /** A resource object with ids in the place of the local ones in its relationships. */
  relationships(data: Json, pointer: string): Json {
    if (!isObject(data.relationships)) return data;
    const resolved = Object.entries(data.relationships).map(([name, each]) => {
      if (!isObject(each) || each.data === undefined) return [name, each];
      return [name, { ...each, data: this.linkage(each.data, `${pointer}/relationships/${escapePointer(name)}/data`) }];
    });
    return { ...data, relationships: Object.fromEntries(resolved) };
  }
}
