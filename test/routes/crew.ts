import {
  type Body,
  type Client,
  createOrganization,
  document,
  link,
  type Person,
  S,
  type TestApp,
} from '../support/app';

/** A signed-in person and his membership. */
export interface Mate extends Person {
  /** Id and URL of his membership. */
  readonly member: string;
  readonly self: string;
}

/** An organization of the platform with people of every system role in it. */
export interface Crew {
  readonly id: string;
  readonly self: string;
  /** The organization's own key. */
  readonly token: string;
  readonly owner: Mate;
  readonly admin: Mate;
  readonly billing: Mate;
  readonly auditor: Mate;
  readonly member: Mate;
}

export const roleLinks = (...ids: string[]) => ({ data: ids.map((id) => ({ type: 'roles', id })) });
export const workspaceLinks = (...ids: string[]) => ({ data: ids.map((id) => ({ type: 'workspaces', id })) });

/** Makes crews, and what they need. */
export class Crews {
  private constructor(
    private readonly app: TestApp,
    /** System roles by their codes. */
    readonly roles: Readonly<Record<string, string>>,
  ) {}

  static async of(app: TestApp): Promise<Crews> {
    const { body } = await app.platform.get(`${S}/roles`);
    return new Crews(app, Object.fromEntries(body.data.map((each: Body) => [each.attributes.code, each.id])));
  }

  /** Linkage to roles named by code or id. */
  linkage = (...codes: string[]) => roleLinks(...codes.map((code) => this.roles[code] ?? code));

  async make(): Promise<Crew> {
    const { id, links, attributes } = await createOrganization(this.app.platform);
    const mate = (code: string) => this.join(id, [code]);
    const [owner, admin] = [await mate('owner'), await mate('admin')];
    const [billing, auditor, member] = [await mate('billing'), await mate('auditor'), await mate('member')];
    return { id, self: links.self, token: attributes.token, owner, admin, billing, auditor, member };
  }

  /** A new person with these roles, by code or id; limited to workspaces when some are named. */
  async join(organization: string, codes: string[], workspaces?: string[]): Promise<Mate> {
    const person = await this.app.user();
    const relationships = {
      organization: link('organizations', organization),
      user: link('users', person.id),
      roles: this.linkage(...codes),
      ...(workspaces === undefined ? {} : { workspaces: workspaceLinks(...workspaces) }),
    };
    const limits = workspaces === undefined ? {} : { allWorkspaces: false };
    const { body } = await this.app.platform.post(`${S}/members`, document('members', limits, { relationships }));
    return { ...person, member: body.data.id, self: body.data.links.self };
  }

  /** A custom role; returns its id. */
  async role(organization: string, permissions: string[], rank = 0): Promise<string> {
    const code = `role_${Math.random().toString(36).slice(2)}`;
    return (await make(this.app.platform, 'roles', organization, { code, name: 'Role', permissions, rank })).id;
  }

  async workspace(organization: string, name = 'Workspace', more: object = {}): Promise<string> {
    return (await make(this.app.platform, 'workspaces', organization, { name, ...more })).id;
  }

  /** An organization key with these scopes; the maker's ceiling is everything, and so is its rank. */
  async key(organization: string, scopes: string[]): Promise<Client> {
    const { attributes } = await make(this.app.platform, 'apiKeys', organization, { name: 'Key', scopes });
    return this.app.as(attributes.secret);
  }

  /** Codes or ids of a member's roles. */
  async rolesOf(self: string): Promise<string[]> {
    const { body } = await this.app.platform.get(self);
    const codes = Object.entries(this.roles);
    return body.data.relationships.roles.data.map(({ id }: Body) => codes.find((each) => each[1] === id)?.[0] ?? id);
  }
}

async function make(asker: Client, type: string, organization: string, attributes: object): Promise<Body> {
  const answer = await asker.post(`${S}/${type}`, ownedDocument(type, organization, attributes));
  if (answer.status !== 201) throw new Error(`not made: ${answer.text}`);
  return answer.body.data;
}

/** A request document for something in an organization. */
export const ownedDocument = (type: string, organization: string, attributes: object) =>
  document(type, attributes, { relationships: { organization: link('organizations', organization) } });

/** PATCH of a resource by its URL. */
export const patch = (asker: Client, type: string, self: string, attributes: object = {}, relationships?: object) =>
  asker.patch(
    self,
    document(type, attributes, { id: self.split('/').at(-1), ...(relationships && { relationships }) }),
  );
