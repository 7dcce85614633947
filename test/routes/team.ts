import {
  type Body,
  type Client,
  createOrganization,
  createUser,
  document,
  link,
  S,
  type TestApp,
} from '../support/app';

/** A member of an organization that a test has made. */
export interface Teammate {
  id: string;
  user: string;
  self: string;
  /** URL of the linkage of his roles. */
  roles: string;
}

export interface Team {
  id: string;
  self: string;
  /** URL of the linkage of its owner. */
  owner: string;
  /** The organization's own key. */
  token: string;
  members: Teammate[];
}

/** System roles and teams made of them. */
export class Teams {
  private constructor(
    private readonly app: TestApp,
    private readonly asker: Client,
    private readonly ids: Readonly<Record<string, string>>,
  ) {}

  static async of(app: TestApp, asker: Client): Promise<Teams> {
    const { body } = await app.platform.get(`${S}/roles`);
    return new Teams(app, asker, Object.fromEntries(body.data.map((each: Body) => [each.attributes.code, each.id])));
  }

  /** Linkage to the roles with these codes; what is no code is taken for an id. */
  linkage = (...codes: string[]) => ({ data: codes.map((code) => ({ type: 'roles', id: this.ids[code] ?? code })) });

  codeOf = (id: string): string => Object.entries(this.ids).find(([, each]) => each === id)?.[0] ?? id;

  async member(organization: string, ...codes: string[]): Promise<Teammate> {
    const { id: user } = await createUser(this.asker);
    const relationships = {
      organization: link('organizations', organization),
      user: link('users', user),
      roles: this.linkage(...codes),
    };
    const { body } = await this.asker.post(`${S}/members`, document('members', {}, { relationships }));
    const { self } = body.data.links;
    return { id: body.data.id, user, self, roles: `${self}/relationships/roles` };
  }

  /** An organization with one member for each list of role codes, who joined in this order. */
  async make(...roles: string[][]): Promise<Team> {
    const { id, links, attributes } = await createOrganization(this.asker);
    const members: Teammate[] = [];
    for (const codes of roles) {
      members.push(await this.member(id, ...codes));
      await this.app.source.query("update members set joined_at = now() - interval '1 day' * $1 where id = $2", [
        100 - members.length,
        members.at(-1)?.id,
      ]);
    }
    return { id, self: links.self, owner: `${links.self}/relationships/owner`, token: attributes.token, members };
  }

  /** Each member's roles, most powerful first, with a star before those of the primary owner. */
  async state({ id, members }: Team): Promise<string[]> {
    const { body } = await this.app.platform.get(`${S}/members?filter[organizationId]=${id}`);
    return members.map((member) => {
      const found = body.data.find((each: Body) => each.id === member.id);
      if (found === undefined) return 'gone';
      const codes = found.relationships.roles.data.map((role: Body) => this.codeOf(role.id)).join();
      return found.attributes.isPrimaryOwner ? `*${codes}` : codes;
    });
  }

  /** Whether the primary owner is one, an active owner, and the one that the organization names (INV-1, INV-4). */
  async expectOwned(team: Team): Promise<void> {
    const rows = await this.app.source.query(
      `select m.user_id, m.status, exists (select 1 from member_roles mr join roles r on r.id = mr.role_id
         where mr.member_id = m.id and r.code = 'owner') as owns
       from members m where m.organization_id = $1 and m.is_primary_owner`,
      [team.id],
    );
    const { data } = (await this.app.platform.get(team.owner)).body;
    expect(rows).toEqual([{ user_id: data?.id, status: 'active', owns: true }]);
  }
}
