import { surfaces } from '../../src/legacy';
import type { SurfaceRoute } from '../../src/legacy/surface';
import { OPERATIONS } from '../../src/permissions';
import { type Caller, FOREIGN_WORD, foreignState, makeWorld, type World } from '../permissions/world';
import { type Answer, type Body, M, NIL, S } from '../support/app';
import { fileOf, type Multipart, plain } from '../support/images';
import { seen } from './people';

/**
 * Every route of the other surfaces, as every kind of caller, on own, foreign, missing and malformed ids: the one table of
 * permissions decides here too, and what a caller can't see is not there (INV-18).
 */

const VARIANTS = ['own', 'foreign', 'missing', 'malformed', 'mixed'] as const;
type Variant = (typeof VARIANTS)[number];
type Names = Readonly<Record<string, string>>;

let world: World;
/** Names of parameters of paths and queries → what stands for them. `mixed`: a foreign member in an own organization. */
let names: Record<Variant, Names>;
let role: number;
let image: Multipart;

/** The organization and its last owner, whom nobody can remove: so that nothing is used up by those who may. */
async function namesOf(organization: string): Promise<Names> {
  const { platform } = world.app;
  const { attributes, relationships } = (await platform.get(`${M}/organizations/${organization}`)).body.data;
  const user = relationships.owner.data.id;
  const { body } = await platform.get(`${S}/members?filter[organizationId]=${organization}&filter[userId]=${user}`);
  const number = String(attributes.number);
  return {
    id: number,
    org: number,
    organizationId: organization,
    organization,
    organization_id: organization,
    memberId: String(body.data[0].attributes.number),
    user_id: user,
  };
}

const everywhere = (number: string, uuid: string): Names => ({
  ...{ id: number, org: number, organizationId: uuid, organization: uuid, organization_id: uuid },
  ...{ memberId: number, user_id: uuid },
});

beforeAll(async () => {
  world = await makeWorld();
  const ids = [world.own.organizations, world.foreign.organizations] as [string, string];
  for (const id of ids) {
    const attributes = { deleteProtection: true, webhookUrl: 'https://example.com/hook' };
    await world.app.platform.patch(`${M}/organizations/${id}`, { data: { type: 'organizations', id, attributes } });
  }
  const [own, foreign] = [await namesOf(ids[0]), await namesOf(ids[1])];
  const { memberId, user_id } = foreign;
  names = {
    own,
    foreign,
    missing: everywhere('2147483647', NIL),
    malformed: everywhere('x', 'not-an-id'),
    mixed: { ...own, memberId, user_id } as Names,
  };
  const { body } = await world.app.platform.get(`${S}/roles`);
  image = fileOf(await plain(8, 8).png().toBuffer());
  role = body.data.find(({ attributes: { code } }: Body) => code === 'member').attributes.number;
}, 60_000);
afterAll(() => world.close());

let count = 0;
/** A body that each route takes, by its operation id. */
const BODIES: Record<string, () => object> = {
  v1CreateOrg: () => ({ name: 'Made' }),
  v1UpdateOrg: () => ({ name: 'amber organization' }),
  v1PutWebhook: () => ({ url: 'https://example.com/hook' }),
  v1PatchWebhook: () => ({ url: 'https://example.com/hook' }),
  apiCreateOrganization: () => ({ name: 'Made', countryCode: 'NL' }),
  apiUpdateOrganization: () => ({ name: 'amber organization' }),
  apiReplaceMemberAccess: () => ({ workspaces: [], roles: [role] }),
  apiChargeOrganization: () => ({ amount: 1, service: 'sms', sms_point: 1 }),
  apiInvite: () => ({ email: `invited-${++count}@example.com` }),
  organizationCreate: () => ({ organizationName: 'Made' }),
  organizationUpdate: () => ({ name: 'amber organization' }),
  organizationSetMaxOverages: () => ({ maxOverages: 0 }),
};

const routes = surfaces.flatMap((surface) => surface.routes).filter((route) => 'run' in route);
const isOfOne = ({ path, parameters }: SurfaceRoute) => path.includes('{') || parameters?.org !== undefined;
const titled = (list: readonly SurfaceRoute[]) => list.map((each) => [`${each.method} ${each.path}`, each] as const);

function send({ client }: Caller, { method, path, operationId, parameters, upload }: SurfaceRoute, given: Names) {
  const url = path.replace(/\{(\w+)\}/g, (_all, name: string) => given[name] as string);
  const search = parameters?.org === undefined ? '' : `?org=${given.org}`;
  const verb = method.toLowerCase() as 'post';
  if (upload !== undefined) return client[verb](url, image.body, image.headers);
  return client[verb](`${url}${search}`, BODIES[operationId]?.() as never);
}

type Expected = 401 | 403 | 404 | 'admitted';

function expected(caller: Caller, { operation, path, parameters }: SurfaceRoute, variant: Variant): Expected {
  if (caller.refusal !== undefined) return 401;
  const rights = variant === 'own' || variant === 'foreign' ? caller[variant] : null;
  const isOne = path.includes('{') || parameters?.org !== undefined;
  const { permission, levels, byOwner } = OPERATIONS[operation] as (typeof OPERATIONS)[string];
  if (isOne && rights === null) return 404;
  const known = isOne ? rights : (caller.own ?? caller.foreign);
  const isMeant = permission === null || caller.scopes?.has(permission) !== false;
  // What a user may do with all of his is told row by row.
  const isLater = !isOne && caller.level === 'user' && isMeant;
  const holds = known === 'all' || permission === null || known?.has(permission) || isLater;
  if (!levels.includes(caller.level as never) || !holds) return 403;
  if (byOwner && caller.level === 'user' && !(known as ReadonlySet<string>).has('organizations:transfer')) return 403;
  return 'admitted';
}

/** What the caller may do and the state of things forbids has codes of its own; /api has none. */
const codeOf = ({ body }: Answer): string | undefined => body?.code ?? body?.error?.code;
const DENIED = ['permission_denied', 'owner_required'];

function fault(wanted: Expected, answer: Answer): string | undefined {
  const { status, text } = answer;
  const isDenied = status === 403 && (DENIED.includes(codeOf(answer) as string) || text.includes('lack'));
  if (wanted === 'admitted') {
    return [401, 404].includes(status) || status >= 500 || isDenied ? `admitted, but ${status} ${text}` : undefined;
  }
  return status === wanted ? undefined : `expected ${wanted}, got ${status} ${text}`;
}

const leaks = (caller: Caller, { text }: Answer): boolean =>
  caller.foreign === null && (text.includes(FOREIGN_WORD) || text.includes(world.foreign.organizations as string));

describe('on one organization', () => {
  test.each(titled(routes.filter(isOfOne)))('%s', async (_title, route) => {
    const before = await foreignState(world);
    const faults: string[] = [];
    for (const caller of world.callers) {
      const missing = await send(caller, route, names.missing);
      for (const variant of VARIANTS) {
        // A malformed query is another matter than a malformed path.
        if (variant === 'malformed' && !route.path.includes('{')) continue;
        if (variant === 'mixed' && !/memberId|user_id/.test(route.path)) continue;
        // Those who may would change the other tenant.
        if (variant === 'foreign' && caller.foreign !== null && route.method !== 'GET') continue;
        const answer = await send(caller, route, names[variant]);
        const wanted = expected(caller, route, variant);
        const wrong = fault(wanted, answer);
        if (wrong !== undefined) faults.push(`${caller.name}, ${variant}: ${wrong}`);
        if (wanted === 404 && JSON.stringify(seen(answer)) !== JSON.stringify(seen(missing))) {
          faults.push(`${caller.name}, ${variant}: not what a missing id is: ${answer.text}`);
        }
        if (leaks(caller, answer)) faults.push(`${caller.name}, ${variant}: holds a text of the other tenant`);
      }
    }
    expect(faults).toEqual([]);
    expect(await foreignState(world)).toBe(before);
  });
});

describe('on all of them', () => {
  test.each(titled(routes.filter((route) => !isOfOne(route))))('%s', async (_title, route) => {
    const faults: string[] = [];
    for (const caller of world.callers) {
      const answer = await send(caller, route, {});
      const wrong = fault(expected(caller, route, 'own'), answer);
      if (wrong !== undefined) faults.push(`${caller.name}: ${wrong}`);
      if (leaks(caller, answer)) faults.push(`${caller.name}: holds a text of the other tenant`);
    }
    expect(faults).toEqual([]);
  });
});

test('the table has a body for every route that takes one', () => {
  const taking = routes.filter(({ request }) => request !== undefined).map(({ operationId }) => operationId);
  expect(Object.keys(BODIES).sort()).toEqual(taking.sort());
});
