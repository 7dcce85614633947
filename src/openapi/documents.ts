import type { Relationship, Schema } from '../jsonapi/define';
import { CURSOR_TYPE, MEDIA_TYPE } from '../jsonapi/negotiate';
import { type Components, type Json, nameOf, type Ref } from './components';
import { type Definition, includable, type Registry } from './include';
import { linkageOfOne, resourceSchema } from './resource';
import {
  anyOf,
  closed,
  cursorPage,
  identifier,
  jsonapi,
  linkageLinks,
  listOf,
  numberedPage,
  orNull,
  type PageParts,
  replayMeta,
  selfLink,
} from './schemas';

/** Media type → what is sent under it. */
export type Content = Record<string, { schema: Ref }>;

/** @param withCursors the document when the cursor pagination profile is applied, where it can be */
const content = (schema: Ref, withCursors?: Ref): Content => ({
  [MEDIA_TYPE]: { schema },
  ...(withCursors === undefined ? {} : { [CURSOR_TYPE]: { schema: withCursors } }),
});

/** The documents of answers; a schema comes into the components when the first operation needs it. */
export class Documents {
  constructor(
    private readonly components: Components,
    private readonly registry: Registry,
  ) {}

  /** One resource; or null, where nothing has to be at the other end of a relationship. */
  resource(definition: Definition, isNullable = false): Content {
    const { type, attributes, operations, actions } = definition;
    const data = resourceSchema(this.components, definition);
    const isSecret = Object.values(attributes).some(({ reveal }) => reveal === 'once');
    const isChanged = operations.update !== undefined || Object.keys(actions).length > 0;
    const members = {
      data: isNullable ? orNull(data) : data,
      ...this.included(definition),
      ...(isSecret && isChanged && !isNullable ? { meta: replayMeta(this.components) } : {}),
      links: selfLink(this.components),
      jsonapi: jsonapi(this.components),
    };
    const name = `${isNullable ? 'Nullable' : ''}${nameOf(type)}Document`;
    return this.withLists(this.add(name, members, 'included', 'meta'), definition);
  }

  created(definition: Definition): Content {
    const data = resourceSchema(this.components, definition);
    const meta = replayMeta(this.components);
    const members = { data, ...this.included(definition), meta, jsonapi: jsonapi(this.components) };
    return this.withLists(this.add(`${nameOf(definition.type)}Created`, members, 'included'), definition);
  }

  /** One page of a type, by number or with cursors. */
  list(definition: Definition): Content {
    const item = resourceSchema(this.components, definition);
    return this.pages(nameOf(definition.type), item, this.included(definition), false);
  }

  /** The linkage of a relationship. */
  linkage(definition: Definition, relationshipName: string): Content {
    const relationship = definition.relationships[relationshipName] as Relationship;
    const also = this.included(definition, relationshipName);
    const name = `${nameOf(relationship.type)}Linkage`;
    if ('many' in relationship) return this.pages(name, identifier(this.components, relationship.type), also, true);
    const members = {
      data: linkageOfOne(this.components, relationship),
      ...also,
      links: linkageLinks(this.components),
      jsonapi: jsonapi(this.components),
    };
    const document = this.add(`${relationship.required === true ? '' : 'Nullable'}${name}`, members, 'included');
    return this.withLists(document, definition, relationshipName);
  }

  private pages(name: string, item: Ref, also: Json, isLinkage: boolean): Content {
    const page = ({ items, ...members }: PageParts, suffix: string): Ref =>
      this.add(`${name}${suffix}`, { data: listOf(items(item)), ...also, ...members }, 'included');
    return content(
      page(numberedPage(this.components, isLinkage), 'List'),
      page(cursorPage(this.components, isLinkage), 'CursorList'),
    );
  }

  /** The same document under both media types, where `include` can bring lists: those are cut into pages, too. */
  private withLists(document: Ref, definition: Definition, relationship?: string): Content {
    const { hasLists } = includable(definition, this.registry, relationship);
    return content(document, hasLists ? document : undefined);
  }

  /** Resources of `included`, which is there when the request has `include`. */
  private included(definition: Definition, relationship?: string): Record<string, Schema> {
    const types = [...includable(definition, this.registry, relationship).types];
    if (types.length === 0) return { included: { type: 'array', maxItems: 0 } };
    return { included: listOf(anyOf(types.map((type) => ({ $ref: `#/components/schemas/${nameOf(type)}` })))) };
  }

  private add(name: string, members: Json, ...optional: string[]): Ref {
    return this.components.add('schemas', closed(members, optional), name);
  }
}
