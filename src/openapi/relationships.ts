import { capitalize, type Relationship } from '../jsonapi/define';
import { accessBelow, accessOf } from './access';
import { answer, notModified, REPLAYED } from './answers';
import { nameOf } from './components';
import type { Definition } from './include';
import { documentParameters, header, listParameters } from './parameters';
import { linkageBody } from './requests';
import type { Parts, Task } from './task';

/** A task with the relationship of its path, and the type that this leads to. */
function related(task: Task): { relationship: Relationship; other: Definition; isMany: boolean; whose: string } {
  const { definition, registry, name } = task;
  const relationship = definition.relationships[name] as Relationship;
  const isMany = 'many' in relationship;
  const whose = `${name} of one of the ${definition.type}`;
  return { relationship, other: registry.get(relationship.type) as Definition, isMany, whose };
}

const uncapitalized = (name: string): string => name.charAt(0).toLowerCase() + name.slice(1);

/** GET of what a relationship leads to. */
export function getRelated(task: Task): Parts {
  const { components, registry, documents, definition, name } = task;
  const { relationship, other, isMany, whose } = related(task);
  const { type } = definition;
  const parameters = documentParameters(components, registry, other);
  const owner = `${nameOf(type)}${capitalize(name)}`;
  if (isMany) {
    return {
      // What hangs on a row may be called as a type is.
      operationId: registry.has(uncapitalized(owner)) ? `listRelated${owner}` : `list${owner}`,
      summary: `List the ${whose}`,
      access: accessBelow(`${other.type}.list`, type, other.type),
      parameters: [...listParameters(components, registry, other), ...parameters],
      responses: { 200: answer(components, 'One page.', documents.list(other)) },
      listOf: other,
    };
  }
  const isNullable = relationship.required !== true;
  const description = isNullable ? 'The resource, or null.' : 'The resource.';
  return {
    operationId: `get${owner}`,
    summary: `Get the ${whose}`,
    access: accessBelow(`${other.type}.get`, type, other.type),
    parameters: [...parameters, header(components, 'ifNoneMatch')],
    responses: {
      200: answer(components, description, documents.resource(other, isNullable), 'ETag'),
      304: notModified(components),
    },
  };
}

/** GET of the linkage of a relationship. */
export function getLinkage(task: Task): Parts {
  const { components, registry, documents, definition, name } = task;
  const { relationship, other, isMany, whose } = related(task);
  const { type } = definition;
  const isOwn = 'one' in relationship || relationship.keys !== undefined;
  return {
    operationId: `get${nameOf(type)}${capitalize(name)}Linkage`,
    summary: `Get the linkage of the ${whose}`,
    access: accessBelow(isOwn ? `${type}.get` : `${other.type}.list`, type, other.type),
    parameters: [
      ...(isMany ? listParameters(components, registry, other) : []),
      ...documentParameters(components, registry, definition, name),
      header(components, 'ifNoneMatch'),
    ],
    responses: {
      200: answer(components, 'The linkage.', documents.linkage(definition, name), 'ETag'),
      304: notModified(components),
    },
    listOf: isMany ? other : undefined,
  };
}

const LINKAGE_CHANGES: Readonly<Record<string, readonly [verb: string, words: string]>> = {
  PATCH: ['replace', 'Replace'],
  POST: ['add', 'Add to'],
  DELETE: ['remove', 'Remove from'],
};

/** PATCH, POST and DELETE of the linkage of a relationship. */
export function changeLinkage(task: Task): Parts {
  const { components, documents, definition, method, name } = task;
  const { relationship, other, isMany, whose } = related(task);
  const [verb, words] = LINKAGE_CHANGES[method] as [string, string];
  const owner = `${nameOf(definition.type)}${capitalize(name)}`;
  const linkage = documents.linkage(definition, name);
  return {
    operationId: `${verb}${owner}`,
    summary: isMany ? `${words} the ${whose}` : relationship.change?.summary,
    access: accessOf(`${definition.type}.${name}`, definition.type, other.type),
    parameters: [header(components, 'ifMatch')],
    requestBody: linkageBody(components, relationship),
    responses: { 200: answer(components, 'The linkage as it is now.', linkage, 'ETag', REPLAYED) },
  };
}
