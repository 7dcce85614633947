import { OPERATIONS_PATH } from '../controllers/operations';
import { MOST_OPERATIONS } from '../jsonapi/atomic';
import type { Schema } from '../jsonapi/define';
import { ATOMIC_TYPE } from '../jsonapi/negotiate';
import { uuid } from '../jsonapi/schemas';
import { answer, REPLAYED } from './answers';
import { atomicCodes } from './codes';
import type { Components, Json, Ref } from './components';
import { errorResponses } from './errors';
import { exampleOf } from './example';
import type { Definition, Registry } from './include';
import { header } from './parameters';
import { reference, requestedResource } from './requests';
import { resourceSchema } from './resource';
import { anyOf, closed, constant, jsonapiOfAtomic, listOf, object, replayMeta } from './schemas';

const DESCRIPTION =
  `Up to ${MOST_OPERATIONS} operations of the [Atomic Operations](https://jsonapi.org/ext/atomic/) extension in one transaction: ` +
  'all of them are carried out, in their order, or none is. Each needs the permission that it needs by itself.\n\n' +
  'A `lid` names what an operation before has made. Faults point into the whole document. Results are in the order of the operations; ' +
  'those of removals and of changes of linkage are empty.';

/** `POST /public/v2/operations`. */
export function atomicPath(components: Components, registry: Registry): Record<string, Json> {
  const schema = components.add('schemas', requestSchema(components, registry), 'AtomicRequest');
  const results = components.add('schemas', answerSchema(components, registry), 'AtomicResults');
  const post = {
    tags: ['operations'],
    operationId: 'performOperations',
    summary: 'Carry out several operations, or none',
    description: DESCRIPTION,
    parameters: [header(components, 'idempotencyKey'), header(components, 'requestId')],
    requestBody: { required: true, content: { [ATOMIC_TYPE]: { schema, example: example(registry) } } },
    responses: {
      200: answer(components, 'What the operations gave.', { [ATOMIC_TYPE]: { schema: results } }, REPLAYED),
      ...errorResponses(components, atomicCodes(registry)),
    },
  };
  return { [OPERATIONS_PATH]: { post } };
}

function example(registry: Registry): Json {
  const made = [...registry.values()].find(({ operations }) => operations.create !== undefined);
  return { 'atomic:operations': made === undefined ? [] : [{ op: 'add', ...exampleOf(made, 'create') }] };
}

const OPS = { add: 'AtomicAdd', update: 'AtomicUpdate', remove: 'AtomicRemove' } as const;

function requestSchema(components: Components, registry: Registry): Schema {
  const definitions = [...registry.values()];
  const references = definitions.map(({ type }) => reference(components, type));
  const many = listOf(anyOf(references));
  const created = definitions.filter(({ operations }) => operations.create !== undefined);
  const updated = definitions.filter(({ operations }) => operations.update !== undefined);
  const data = {
    add: anyOf([...created.map((each) => requestedResource(components, each, 'create')), many]),
    update: anyOf([
      ...updated.map((each) => requestedResource(components, each, 'update')),
      ...references,
      many,
      { type: 'null' },
    ]),
    remove: many,
  };
  const target = targetSchema(components, registry);
  const ops = Object.entries(OPS).map(([op, name]) => {
    const schema = operationSchema(op as keyof typeof OPS, data[op as keyof typeof OPS], target);
    return [op, components.add('schemas', schema, name).$ref] as const;
  });
  const operation = {
    oneOf: ops.map(([, $ref]) => ({ $ref })),
    discriminator: { propertyName: 'op', mapping: Object.fromEntries(ops) },
  };
  return object({ 'atomic:operations': { ...listOf(operation), minItems: 1, maxItems: MOST_OPERATIONS } });
}

function operationSchema(op: keyof typeof OPS, data: Ref | Schema, ref: Ref): Schema {
  const href = { type: 'string', description: 'URL of what the operation is about, in the place of `ref`.' };
  const ifMatch = { type: 'string', description: 'As in `If-Match`.' };
  const meta = object({ ifMatch }, ['ifMatch']);
  const isRemoval = op === 'remove';
  return {
    ...object({ op: constant(op), ref, href, data, meta }, ['ref', 'href', 'meta', ...(isRemoval ? ['data'] : [])]),
    ...(isRemoval
      ? { oneOf: [{ required: ['ref'] }, { required: ['href'] }] }
      : { not: { required: ['ref', 'href'] } }),
  };
}

/** What an operation is about, where its data do not say it. */
function targetSchema(components: Components, registry: Registry): Ref {
  const type = { type: 'string', enum: [...registry.keys()] };
  const text = { type: 'string' };
  const names = [...registry.values()].flatMap(({ relationships }) => Object.keys(relationships));
  const relationship = { ...text, enum: [...new Set(names)].sort() };
  const schema = object({ type, id: uuid, lid: text, relationship }, ['id', 'lid', 'relationship']);
  const either = { oneOf: [{ required: ['id'] }, { required: ['lid'] }] };
  return components.add('schemas', { ...schema, ...either }, 'AtomicRef');
}

/** What operations say beside their resources. */
function resultMeta(written: readonly Definition[]): Schema {
  const said = written.flatMap(({ operations }) => Object.entries(operations.create?.documentMeta ?? {}));
  return closed(
    Object.fromEntries(said.map(([name, { schema }]) => [name, schema])),
    said.map(([name]) => name),
  );
}

function answerSchema(components: Components, registry: Registry): Schema {
  const written = [...registry.values()].filter(({ operations: { create, update } }) => create ?? update);
  const data = anyOf(written.map((each) => resourceSchema(components, each)));
  const members = {
    'atomic:results': listOf(closed({ data, meta: resultMeta(written) }, ['data', 'meta'])),
    meta: replayMeta(components),
    jsonapi: jsonapiOfAtomic(components),
  };
  return closed(members, ['meta']);
}
