import { AppError } from '../errors';
import type { ResourceDefinition } from '../jsonapi/define';

type Definition = ResourceDefinition<never>;

/** What a path means. */
export interface Route {
  readonly kind: 'collection' | 'resource' | 'action';
  readonly definition: Definition;
  /** The path with `{id}` in the place of ids: in metrics, logs and OpenAPI. */
  readonly template: string;
  /** For `Allow`. */
  readonly methods: readonly string[];
  readonly id?: string;
  readonly action?: string;
}

interface Shape {
  collection: Route;
  resource: Route;
  actions: Map<string, Route>;
}

function shapeOf(definition: Definition): Shape {
  const { path, operations } = definition;
  const offered = (methods: [string, unknown][]) => [
    ...methods
      .filter(([, operation]) => operation !== undefined)
      .flatMap(([method]) => (method === 'GET' ? ['GET', 'HEAD'] : [method])),
    'OPTIONS',
  ];
  const resource = `${path}/{id}`;
  return {
    collection: {
      kind: 'collection',
      definition,
      template: path,
      methods: offered([
        ['GET', operations.list],
        ['POST', operations.create],
      ]),
    },
    resource: {
      kind: 'resource',
      definition,
      template: resource,
      methods: offered([
        ['GET', operations.get],
        ['PATCH', operations.update],
        ['DELETE', operations.remove],
      ]),
    },
    actions: new Map(
      Object.keys(definition.actions).map((action) => [
        action,
        { kind: 'action', definition, template: `${resource}/${action}`, methods: ['POST', 'OPTIONS'], action },
      ]),
    ),
  };
}

/** Every route of the registry, each path once: what OpenAPI describes. */
export function allRoutes(registry: ReadonlyMap<string, Definition>): Route[] {
  return [...registry.values()].flatMap((definition) => {
    const { collection, resource, actions } = shapeOf(definition);
    return [collection, resource, ...actions.values()];
  });
}

/** Finds the route of a path by looking it up, so that a hundred types cost what one costs. */
export class Routes {
  private readonly shapes: ReadonlyMap<string, Shape>;

  constructor(registry: ReadonlyMap<string, Definition>) {
    this.shapes = new Map([...registry.values()].map((definition) => [definition.path, shapeOf(definition)]));
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
    const before = trimmed.lastIndexOf('/', slash - 1);
    const action = this.shapes.get(trimmed.slice(0, before))?.actions.get(trimmed.slice(slash + 1));
    return action === undefined ? undefined : { ...action, id: trimmed.slice(before + 1, slash) };
  }
}

function decodePath(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    throw new AppError('malformed_request', 'The path has percent-encoding that is not UTF-8.');
  }
}
