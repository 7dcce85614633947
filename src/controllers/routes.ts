import { AppError } from '../errors';
import type { Relationship, ResourceDefinition } from '../jsonapi/define';

type Definition = ResourceDefinition<never>;

/** What a path means. */
export interface Route {
  readonly kind: 'collection' | 'resource' | 'action' | 'related' | 'linkage';
  readonly definition: Definition;
  /** The path with `{id}` in the place of ids: in metrics, logs and OpenAPI. */
  readonly template: string;
  /** For `Allow`. */
  readonly methods: readonly string[];
  /** Methods that JSON:API has for such a path and that this one refuses: 403, not 405. */
  readonly refused: readonly string[];
  readonly id?: string;
  readonly action?: string;
  readonly relationship?: string;
}

interface Shape {
  readonly collection: Route;
  readonly resource: Route;
  /** Action or relationship → what is at the path of that name below the resource. */
  readonly below: ReadonlyMap<string, Route>;
  readonly linkages: ReadonlyMap<string, Route>;
}

/** Where the types are. */
export const ROOT = '/public/v2';

/** `apiKeys` → `api-keys`: accepted in paths, never printed (recommendations of jsonapi.org). */
export const kebab = (name: string): string => name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);

const methodsOf = (offered: readonly (readonly [string, unknown])[]): string[] => [
  ...offered
    .filter(([, operation]) => operation !== undefined)
    .flatMap(([method]) => (method === 'GET' ? ['GET', 'HEAD'] : [method])),
  'OPTIONS',
];

function shapeOf(definition: Definition): Shape {
  const { path, operations, actions, relationships } = definition;
  const { list, get, create, update, remove } = operations;
  const route = (kind: Route['kind'], template: string, methods: string[], more: Partial<Route> = {}): Route => ({
    kind,
    definition,
    template,
    methods,
    refused: [],
    ...more,
  });
  const resource = `${path}/{id}`;
  const below = Object.keys(actions).map((action) =>
    route('action', `${resource}/${action}`, [actions[action]?.method ?? 'POST', 'OPTIONS'], { action }),
  );
  const related = Object.keys(relationships).map((relationship) =>
    route('related', `${resource}/${relationship}`, methodsOf([['GET', true]]), { relationship }),
  );
  const linkages = Object.entries(relationships).map(([relationship, each]) => {
    const methods = linkageMethods(each);
    const refused = ['PATCH', 'POST', 'DELETE'].filter((method) => !methods.includes(method));
    return route('linkage', `${resource}/relationships/${relationship}`, methods, { relationship, refused });
  });
  return {
    collection: route(
      'collection',
      path,
      methodsOf([
        ['GET', list],
        ['POST', create],
      ]),
    ),
    resource: route(
      'resource',
      resource,
      methodsOf([
        ['GET', get],
        ['PATCH', update],
        ['DELETE', remove],
      ]),
      {
        refused: update === undefined ? ['PATCH'] : [],
      },
    ),
    below: byName([...below, ...related]),
    linkages: byName(linkages),
  };
}

/** Whether a request moves money, and needs an `Idempotency-Key` (INV-48). */
export function movesMoney({ kind, definition, action: name = '' }: Route, method: string): boolean {
  if (kind === 'collection' && method === 'POST') return definition.operations.create?.keyed === true;
  const action = definition.actions[name];
  return kind === 'action' && action?.method !== 'DELETE' && action?.keyed === true;
}

function linkageMethods(relationship: Relationship): string[] {
  const { change } = relationship;
  const list = 'many' in relationship ? change : undefined;
  return methodsOf([
    ['GET', true],
    ['PATCH', change],
    ['POST', list],
    ['DELETE', list],
  ]);
}

function byName(routes: readonly Route[]): Map<string, Route> {
  const named = routes.map((route) => [route.action ?? (route.relationship as string), route] as const);
  return new Map(named.flatMap(([name, route]) => [[kebab(name), route] as const, [name, route] as const]));
}

/** Every route of the registry, each path once: what OpenAPI describes. */
export function allRoutes(registry: ReadonlyMap<string, Definition>): Route[] {
  return [...registry.values()].flatMap((definition) => {
    const { collection, resource, below, linkages } = shapeOf(definition);
    return [collection, resource, ...new Set([...below.values(), ...linkages.values()])];
  });
}

/** Finds the route of a path by looking it up, so that a hundred types cost what one costs. */
export class Routes {
  private readonly shapes: ReadonlyMap<string, Shape>;

  constructor(registry: ReadonlyMap<string, Definition>) {
    this.shapes = new Map(
      [...registry.values()].flatMap((definition) => {
        const shape = shapeOf(definition);
        // Most client libraries make the path from the type: `/public/v2/{type}` works for all of them.
        const paths = [`${ROOT}/${definition.type}`, kebab(definition.path), definition.path];
        return paths.map((path) => [path, shape] as const);
      }),
    );
  }

  /**
   * @param path with or without a slash at the end
   * @returns undefined for a path that is not of a resource type
   * @throws AppError `malformed_request` for bad percent-encoding
   */
  find(path: string): Route | undefined {
    const plain = path.includes('%') ? decodePath(path) : path;
    const trimmed = plain.length > 1 && plain.endsWith('/') ? plain.slice(0, -1) : plain;
    const whole = this.shapes.get(trimmed);
    if (whole !== undefined) return whole.collection;
    const slash = trimmed.lastIndexOf('/');
    const shape = this.shapes.get(trimmed.slice(0, slash));
    if (shape !== undefined) return { ...shape.resource, id: trimmed.slice(slash + 1) };
    return this.findBelow(trimmed, slash);
  }

  /** The route of a resource, or of the linkage of a relationship of it, whose names have not been in a path. */
  named(collection: string, id: string, relationship?: string): Route | undefined {
    const shape = this.shapes.get(collection);
    const route = relationship === undefined ? shape?.resource : shape?.linkages.get(relationship);
    return route && { ...route, id };
  }

  /** `…/{id}/{name}`, `…/{id}/relationships/{name}`, and `…/{id}/{name}` where the name of an action has two segments. */
  private findBelow(path: string, slash: number): Route | undefined {
    const middle = path.lastIndexOf('/', slash - 1);
    const short = this.shapes.get(path.slice(0, middle));
    // With one segment behind the id, there is nothing of two.
    if (short !== undefined) return withId(short.below.get(path.slice(slash + 1)), path.slice(middle + 1, slash));
    const before = path.lastIndexOf('/', middle - 1);
    const long = this.shapes.get(path.slice(0, before));
    const isLinkage = path.startsWith('/relationships/', middle);
    const route = isLinkage ? long?.linkages.get(path.slice(slash + 1)) : long?.below.get(path.slice(middle + 1));
    return withId(route, path.slice(before + 1, middle));
  }
}

const withId = (route: Route | undefined, id: string): Route | undefined => route && { ...route, id };

export function decodePath(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    throw new AppError('malformed_request', 'The path has percent-encoding that is not UTF-8.');
  }
}
