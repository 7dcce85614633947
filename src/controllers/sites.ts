import type { Endpoint } from './endpoints';
import type { Registry } from './include';
import { decodePath, kebab, ROOT, type Route, Routes } from './routes';

/** One path of endpoints. */
export interface Site {
  readonly template: string;
  /** Method → endpoint; HEAD is there with GET. */
  readonly endpoints: ReadonlyMap<string, Endpoint>;
  /** What a resource type has at the same path. */
  readonly route: Route | undefined;
  /** For `Allow`, those of the resource type included. */
  readonly allow: readonly string[];
  readonly segments: readonly Segment[];
}

type Segment = { readonly names: readonly string[] } | { readonly param: string; readonly pattern: RegExp | undefined };

const METHODS = ['GET', 'HEAD', 'POST', 'PATCH', 'DELETE', 'OPTIONS'];

const segmentsOf = (path: string): string[] => path.slice(ROOT.length + 1).split('/');

function segmentOf(text: string, { params = {} }: Endpoint): Segment {
  const param = /^\{(\w+)\}$/.exec(text)?.[1];
  if (param === undefined) return { names: [text, kebab(text)] };
  const pattern = params[param]?.pattern;
  return { param, pattern: pattern === undefined ? undefined : new RegExp(pattern as string, 'u') };
}

/** Paths that differ in the names of their parameters are one path. */
export const shapeOf = (path: string): string => path.replace(/\{\w+\}/g, '{}');

/** Every type is also at `/public/v2/{type}`, and so is what stands below its resources. */
const pathsOf = (path: string): string[] => [...new Set([path, path.replace('/management/', '/')])];

/** @param path one of those of the template */
function siteOf(template: string, path: string, list: readonly Endpoint[], routes: Routes): Site {
  const segments = segmentsOf(path).map((text) => segmentOf(text, list[0] as Endpoint));
  const isOwn = segments.some((segment) => 'pattern' in segment && segment.pattern !== undefined);
  const found = isOwn ? undefined : routes.find(template);
  // A name in the place of an id is a path of its own.
  const route = found !== undefined && shapeOf(found.template) === shapeOf(template) ? found : undefined;
  const endpoints = new Map(
    list.flatMap((each) => (each.method === 'GET' ? ['GET', 'HEAD'] : [each.method]).map((method) => [method, each])),
  );
  const allow = METHODS.filter(
    (method) => method === 'OPTIONS' || endpoints.has(method) || route?.methods.includes(method),
  );
  return { template, endpoints, route, allow, segments };
}

/** The paths of endpoints, found by their first segment: a request to a type that has none costs one look-up. */
export class Sites {
  readonly all: readonly Site[];
  private readonly byFirst = new Map<string, Site[]>();

  constructor(list: readonly Endpoint[], registry: Registry) {
    const routes = new Routes(registry);
    // What is written out is more than what a parameter stands for.
    const paths = [...new Set(list.map(({ path }) => path))].sort((a, b) => a.split('{').length - b.split('{').length);
    this.all = paths.flatMap((template) => {
      const own = list.filter((each) => each.path === template);
      return pathsOf(template).map((path) => siteOf(template, path, own, routes));
    });
    for (const site of this.all) {
      const [first] = site.segments;
      for (const name of new Set(first !== undefined && 'names' in first ? first.names : [])) {
        this.byFirst.set(name, [...(this.byFirst.get(name) ?? []), site]);
      }
    }
  }

  /**
   * @param path with or without a slash at the end
   * @throws AppError `malformed_request` for bad percent-encoding
   */
  find(path: string): { site: Site; params: Record<string, string> } | undefined {
    if (!path.startsWith(ROOT)) return undefined;
    const start = ROOT.length + 1;
    const slash = path.indexOf('/', start);
    const candidates = this.byFirst.get(slash < 0 ? path.slice(start) : path.slice(start, slash));
    if (candidates === undefined) return undefined;
    const plain = path.includes('%') ? decodePath(path) : path;
    const parts = segmentsOf(plain.endsWith('/') ? plain.slice(0, -1) : plain);
    for (const site of candidates) {
      const params = match(site.segments, parts);
      if (params !== undefined) return { site, params };
    }
    return undefined;
  }
}

function match(segments: readonly Segment[], parts: readonly string[]): Record<string, string> | undefined {
  if (segments.length !== parts.length) return undefined;
  const params: Record<string, string> = {};
  for (const [i, segment] of segments.entries()) {
    const part = parts[i] as string;
    if ('names' in segment) {
      if (!segment.names.includes(part)) return undefined;
    } else if (part === '' || segment.pattern?.test(part) === false) return undefined;
    else params[segment.param] = part;
  }
  return params;
}
