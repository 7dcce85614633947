import type { ValidateFunction } from 'ajv';
import { AppError, type ErrorCode, type Fault } from '../errors';
import type { Input } from '../services/crud';
import type { Relationship, ResourceDefinition, Schema } from './define';
import { readId } from './ids';
import { escapePointer, isObject } from './json';
import { compile, isUuid } from './schemas';
import { malformed, normalize, type Place, schemaFaults, valueFault } from './values';

type Purpose = 'create' | 'update';

/** What of a definition its requests are read by. */
export type Form = Pick<ResourceDefinition<never>, 'type' | 'attributes' | 'relationships'>;

const ATTRIBUTES: Place = { pointer: '/data/attributes', parent: '/data' };

/** Reads request documents of one type: the schemas of its definition, compiled once. */
export class BodyReader {
  private readonly create: ValidateFunction;
  private readonly update: ValidateFunction;

  constructor(private readonly definition: Form) {
    this.create = compile(attributesSchema(definition, 'create'));
    this.update = compile(attributesSchema(definition, 'update'));
  }

  /**
   * A document that creates a resource, or changes the one with `id`.
   * @param clientIds whether the caller may choose the id of what he creates
   * @throws AppError with all faults of the document
   */
  read(document: unknown, purpose: Purpose, id?: string, clientIds = false): Input {
    if (!isObject(document)) throw AppError.of([malformed('The document must be an object.', '')]);
    const { data } = document;
    if (data === undefined) throw AppError.of([malformed('The document has no data.', '')]);
    if (!isObject(data)) throw AppError.of([malformed('data must be one resource object.', '/data')]);
    const faults: Fault[] = [];
    const givenId = this.checkIdentity(data, purpose, id, clientIds, faults);
    const attributes = this.readAttributes(data, purpose, faults);
    const relationships = this.readRelationships(data, purpose, faults);
    if (faults.length > 0) throw AppError.of(faults);
    return { id: givenId, attributes, relationships };
  }

  /** A wrong type, or the id of another resource, makes the rest of the body meaningless: reported alone. */
  private checkIdentity(
    data: Record<string, unknown>,
    purpose: Purpose,
    id: string | undefined,
    clientIds: boolean,
    faults: Fault[],
  ): string | undefined {
    const { type } = this.definition;
    if (data.type === undefined) faults.push(malformed('data has no type.', '/data'));
    else if (typeof data.type !== 'string') faults.push(malformed('type must be a string.', '/data/type'));
    else if (data.type !== type) {
      throw new AppError('type_mismatch', `The type here is ${type}.`, { pointer: '/data/type' });
    }
    if (data.lid !== undefined && typeof data.lid !== 'string')
      faults.push(malformed('lid must be a string.', '/data/lid'));
    if (data.id === undefined || (data.id === null && purpose === 'create')) {
      if (purpose === 'update') faults.push(malformed('data has no id.', '/data'));
      return undefined;
    }
    if (typeof data.id !== 'string') {
      faults.push(malformed('id must be a string.', '/data/id'));
      return undefined;
    }
    if (purpose === 'update') {
      if (data.id.toLowerCase() !== id?.toLowerCase()) {
        throw new AppError('id_mismatch', 'The id is not that of the URL.', { pointer: '/data/id' });
      }
      return undefined;
    }
    if (!clientIds) {
      throw new AppError('client_id_not_allowed', 'The server makes the id.', { pointer: '/data/id' });
    }
    if (!isUuid(data.id)) throw new AppError('client_id_not_allowed', 'An id is a UUID.', { pointer: '/data/id' });
    return data.id.toLowerCase();
  }

  private readAttributes(data: Record<string, unknown>, purpose: Purpose, faults: Fault[]): Record<string, unknown> {
    const given = data.attributes ?? {};
    if (!isObject(given) || data.attributes === null) {
      faults.push(malformed('attributes must be an object.', '/data/attributes'));
      return {};
    }
    const values: Record<string, unknown> = {};
    for (const [name, value] of Object.entries(given)) {
      if (name.startsWith('@')) continue;
      const attribute = Object.hasOwn(this.definition.attributes, name) ? this.definition.attributes[name] : undefined;
      if (attribute === undefined && purpose === 'update' && this.isFlattened(name, value)) continue;
      if (attribute === undefined) {
        const detail = `${this.definition.type} have no attribute ${name}.`;
        faults.push(valueFault(ATTRIBUTES, 'unknown_attribute', detail, [name]));
      } else if (attribute.write === 'both' || attribute.write === purpose) {
        values[name] = attribute.reveal === 'once' ? value : normalize(value, attribute.schema);
      }
    }
    faults.push(...schemaFaults(this[purpose], values, ATTRIBUTES, data.attributes !== undefined));
    return values;
  }

  /**
   * Client libraries that show a resource as one flat object (kitsu, jsona) send its links, meta and the relationships
   * without linkage back as attributes: they change nothing, as in their own place.
   */
  private isFlattened(name: string, value: unknown): boolean {
    const isMember = name === 'links' || name === 'meta' || Object.hasOwn(this.definition.relationships, name);
    return isMember && isObject(value) && value.data === undefined;
  }

  private readRelationships(data: Record<string, unknown>, purpose: Purpose, faults: Fault[]): Input['relationships'] {
    const given = data.relationships ?? {};
    const read: Input['relationships'] = {};
    if (!isObject(given) || data.relationships === null) {
      faults.push(malformed('relationships must be an object.', '/data/relationships'));
      return read;
    }
    for (const [name, value] of Object.entries(given)) {
      if (name.startsWith('@')) continue;
      const ids = this.readRelationship(name, value, purpose, faults);
      if (ids !== undefined) read[name] = ids;
    }
    if (purpose === 'create') this.requireRelationships(data, read, faults);
    return read;
  }

  private requireRelationships(data: Record<string, unknown>, read: Input['relationships'], faults: Fault[]): void {
    for (const [name, { required }] of Object.entries(this.definition.relationships)) {
      if (
        required !== true ||
        (isObject(data.relationships) && Object.hasOwn(data.relationships, name) && read[name] !== null)
      )
        continue;
      const parent = data.relationships === undefined ? '/data' : '/data/relationships';
      const pointer = read[name] === null ? `/data/relationships/${name}/data` : parent;
      const detail = `The relationship ${name} is required.`;
      faults.push({ code: 'required', detail, source: { pointer }, meta: { attribute: name, message: detail } });
    }
  }

  private readRelationship(
    name: string,
    value: unknown,
    purpose: Purpose,
    faults: Fault[],
  ): string | string[] | null | undefined {
    const pointer = `/data/relationships/${escapePointer(name)}`;
    const known = Object.hasOwn(this.definition.relationships, name) ? this.definition.relationships[name] : undefined;
    const fault = (code: ErrorCode, detail: string, at = pointer) =>
      void faults.push({ code, detail, source: { pointer: at } });
    if (known === undefined)
      return fault('unknown_relationship', `${this.definition.type} have no relationship ${name}.`);
    if (!isObject(value)) return fault('malformed_document', 'A relationship must be an object.');
    if (value.data === undefined) {
      // Sent back as it was read, with links only: it changes nothing.
      const isEcho = value.links !== undefined || value.meta !== undefined;
      if (isEcho && !(purpose === 'create' && known.required)) return undefined;
      return fault('malformed_document', 'A relationship must have data.');
    }
    const isOffered = purpose === 'create' ? known.write === 'create' : known.change !== undefined;
    if (!isOffered) return fault('update_not_offered', `The relationship ${name} can't be set here.`);
    return readLinkage(known, value.data, `${pointer}/data`, faults);
  }
}

/**
 * The document of a request to a relationship's own URL (JSON:API 1.1, "Updating Relationships").
 * @throws AppError with all faults of the document
 */
export function readLinkageDocument(document: unknown, relationship: Relationship): string | string[] | null {
  if (!isObject(document)) throw AppError.of([malformed('The document must be an object.', '')]);
  if (document.data === undefined) throw AppError.of([malformed('The document has no data.', '')]);
  const faults: Fault[] = [];
  const ids = readLinkage(relationship, document.data, '/data', faults);
  if (faults.length > 0 || ids === undefined) throw AppError.of(faults);
  return ids;
}

/** Ids of a relationship's `data`; faults are noted where it is not what its cardinality asks for. */
function readLinkage(
  relationship: Relationship,
  data: unknown,
  pointer: string,
  faults: Fault[],
): string | string[] | null | undefined {
  if ('one' in relationship) {
    if (data === null) return null;
    if (Array.isArray(data)) {
      faults.push(malformed('This relationship is to one resource.', pointer));
      return undefined;
    }
    return readIdentifier(relationship.type, data, pointer, faults);
  }
  if (!Array.isArray(data)) {
    faults.push(malformed('This relationship is to many resources: data must be an array.', pointer));
    return undefined;
  }
  const ids = data.map((each, i) => readIdentifier(relationship.type, each, `${pointer}/${i}`, faults));
  return ids.filter((id) => id !== undefined);
}

function readIdentifier(type: string, value: unknown, pointer: string, faults: Fault[]): string | undefined {
  const add = (fault: Fault) => void faults.push(fault);
  if (!isObject(value)) return add(malformed('A resource identifier must be an object.', pointer));
  if (typeof value.type !== 'string') return add(malformed('A resource identifier has a type.', pointer));
  if (typeof value.id !== 'string') return add(malformed('A resource identifier has an id.', pointer));
  if (value.type !== type) {
    return add({ code: 'type_mismatch', detail: `The type here is ${type}.`, source: { pointer: `${pointer}/type` } });
  }
  const id = readId(type, value.id);
  if (id === undefined) return add({ code: 'not_found', detail: `There are no such ${type}.`, source: { pointer } });
  return id;
}

/** The schema of what a request of this kind may set, also for OpenAPI. */
export function attributesSchema(definition: Pick<Form, 'attributes'>, purpose: Purpose): Schema {
  const writable = Object.entries(definition.attributes).filter(
    ([, { write }]) => write === 'both' || write === purpose,
  );
  const required =
    purpose === 'create' ? writable.filter(([, attribute]) => attribute.required).map(([name]) => name) : [];
  return {
    type: 'object',
    properties: Object.fromEntries(writable.map(([name, { schema }]) => [name, schema])),
    ...(required.length > 0 ? { required } : {}),
  };
}
