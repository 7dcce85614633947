import { capitalize, type DocumentMeta, type Relationship, type Schema } from '../jsonapi/define';
import { CURSOR_TYPE, MEDIA_TYPE } from '../jsonapi/negotiate';
import { type Components, nameOf, type Ref } from './components';
import { cursorForm, type Form, numberedForm } from './forms';
import { type Definition, includable, type Registry } from './include';
import { linkageOfOne, resourceSchema } from './resource';
import { anyOf, closed, entriesOf, identifier, listOf, orNull, replayMeta } from './schemas';

/** Media type → what is sent under it. */
export type Content = Record<string, { schema: Ref }>;

type Members = Record<string, Ref | Schema>;

/** What an operation says beside the resource. */
interface Said {
  /** Its id. */
  readonly by: string;
  readonly meta: DocumentMeta<never>;
}

const metaSchema = (declared: DocumentMeta<never>): Schema => closed(entriesOf(declared, ({ schema }) => schema));

/** The documents of answers; a schema comes into the components when the first operation needs it. */
export class Documents {
  constructor(
    private readonly components: Components,
    private readonly registry: Registry,
  ) {}

  /**
   * One resource; or null, where nothing has to be at the other end of a relationship.
   * @param declared what is said beside it, by which operation
   */
  resource(definition: Definition, isNullable = false, declared?: Said): Content {
    const { type, attributes, operations, actions } = definition;
    const resource = resourceSchema(this.components, definition);
    const isSecret = Object.values(attributes).some(({ reveal }) => reveal === 'once');
    const isChanged = operations.update !== undefined || Object.keys(actions).length > 0;
    const { included, hasLists } = this.included(definition);
    const members = (form: Form): Members => ({
      data: isNullable ? orNull(resource) : resource,
      included,
      ...(isSecret && isChanged && !isNullable ? { meta: replayMeta(this.components) } : {}),
      ...(declared === undefined ? {} : { meta: metaSchema(declared.meta) }),
      links: form.links(''),
      jsonapi: form.jsonapi,
    });
    const name = declared?.by ?? `${isNullable ? 'Nullable' : ''}${nameOf(type)}`;
    return this.forms(name, 'Document', hasLists, members, declared === undefined ? ['meta'] : []);
  }

  created(definition: Definition, declared?: DocumentMeta<never>): Content {
    const { included, hasLists } = this.included(definition);
    const members = (form: Form): Members => ({
      data: resourceSchema(this.components, definition),
      included,
      meta: declared === undefined ? replayMeta(this.components) : metaSchema(declared),
      jsonapi: form.jsonapi,
    });
    return this.forms(nameOf(definition.type), 'Created', hasLists, members);
  }

  /** One page of a type, by number or with cursors. */
  list(definition: Definition): Content {
    const { included } = this.included(definition);
    const item = resourceSchema(this.components, definition);
    const members = (form: Form): Members => ({
      data: listOf(form.item(item)),
      included,
      meta: form.pageMeta(),
      links: form.links('Page'),
      jsonapi: form.jsonapi,
    });
    return this.forms(nameOf(definition.type), 'List', true, members);
  }

  /** The linkage of a relationship. */
  linkage(definition: Definition, relationshipName: string): Content {
    const relationship = definition.relationships[relationshipName] as Relationship;
    const { included, hasLists } = this.included(definition, relationshipName);
    const name = nameOf(relationship.type);
    if ('one' in relationship) {
      const data = linkageOfOne(this.components, relationship);
      const members = (form: Form): Members => ({
        data,
        included,
        links: form.links('Linkage'),
        jsonapi: form.jsonapi,
      });
      const nullable = relationship.required === true ? '' : 'Nullable';
      // What can be included may differ by the relationship that leads to a type.
      const names = [`${nullable}${name}`, `${nameOf(definition.type)}${capitalize(relationshipName)}`];
      return this.forms(names, 'Linkage', hasLists, members);
    }
    const item = identifier(this.components, relationship.type);
    const members = (form: Form): Members => ({
      data: listOf(form.item(item)),
      included,
      meta: form.pageMeta(),
      links: form.links('LinkagePage'),
      jsonapi: form.jsonapi,
    });
    const names = [name, `${nameOf(definition.type)}${capitalize(relationshipName)}`];
    return this.forms(names, 'LinkageList', true, members);
  }

  /**
   * A document as it is, and under a media type of its own where the cursor pagination profile can be applied.
   * @param names the first one that does not mean something else is taken
   */
  private forms(
    names: string | readonly string[],
    kind: string,
    hasCursors: boolean,
    members: (form: Form) => Members,
    optional: readonly string[] = [],
  ): Content {
    const schema = (form: Form): Ref =>
      this.components.add(
        'schemas',
        closed(members(form), ['included', ...optional]),
        ...[names].flat().map((name) => `${name}${form.name}${kind}`),
      );
    return {
      [MEDIA_TYPE]: { schema: schema(numberedForm(this.components)) },
      ...(hasCursors ? { [CURSOR_TYPE]: { schema: schema(cursorForm(this.components)) } } : {}),
    };
  }

  /** Resources of `included`, which is there when the request has `include`; and whether lists can be among them. */
  private included(definition: Definition, relationship?: string): { included: Schema; hasLists: boolean } {
    const { types, hasLists } = includable(definition, this.registry, relationship);
    const refs = [...types].map((type) => ({ $ref: `#/components/schemas/${nameOf(type)}` }));
    return { included: refs.length === 0 ? { type: 'array', maxItems: 0 } : listOf(anyOf(refs)), hasLists };
  }
}
