import { hashKey, makeKey } from '../../../src/secrets';
import { type Body, type Client, document, link, type Person, S, type TestApp } from '../../support/app';

export const PATH = `${S}/apiKeys`;

/** A key that a test has made. */
export interface Key {
  id: string;
  secret: string;
  /** Who holds it. */
  client: Client;
  self: string;
  attributes: Body;
  relationships: Body;
}

/** Makes keys, and tells of them. */
export class Keys {
  constructor(private readonly app: TestApp) {}

  /** `organization`: id of the one that it is for. */
  async make(maker: Client, attributes: object = {}, organization?: string, relationships: object = {}): Promise<Key> {
    const of = organization === undefined ? {} : { organization: link('organizations', organization) };
    const body = document('apiKeys', { name: 'K', ...attributes }, { relationships: { ...of, ...relationships } });
    const answer = await maker.post(PATH, body);
    if (answer.status !== 201) throw new Error(`key not made: ${answer.text}`);
    return this.read(answer.body.data);
  }

  /** The key of an answer that shows its secret. */
  read({ id, attributes, relationships }: Body): Key {
    const { secret } = attributes;
    return { id, secret, client: this.app.as(secret), self: `${PATH}/${id}`, attributes, relationships };
  }

  rotate(asker: Client, { self }: Pick<Key, 'self'>, gracePeriodSeconds?: number) {
    return asker.post(
      `${self}/rotate`,
      gracePeriodSeconds === undefined ? undefined : { meta: { gracePeriodSeconds } },
    );
  }

  change(asker: Client, { id, self }: Pick<Key, 'id' | 'self'>, attributes: object, more: object = {}) {
    return asker.patch(self, document('apiKeys', attributes, { id, ...more }));
  }

  /** What the platform reads of it; found also when it was revoked. */
  async shown({ id }: Pick<Key, 'id'>): Promise<Body> {
    const statuses = 'active,disabled,rotating,expired,revoked';
    const { body } = await this.app.platform.get(`${PATH}?filter[id]=${id}&filter[status]=${statuses}`);
    return body.data[0];
  }

  async status(key: Pick<Key, 'id'>): Promise<string> {
    return (await this.shown(key)).attributes.status;
  }

  /** Makes somebody a member, and gives back the id of his membership. */
  async join(organization: string, person: Pick<Person, 'id'>, ...codes: string[]): Promise<string> {
    const { body: roles } = await this.app.platform.get(`${S}/roles`);
    const ids = codes.map((code) => roles.data.find((role: Body) => role.attributes.code === code).id);
    const relationships = {
      organization: link('organizations', organization),
      user: link('users', person.id),
      roles: { data: ids.map((id) => ({ type: 'roles', id })) },
    };
    const answer = await this.app.platform.post(`${S}/members`, document('members', {}, { relationships }));
    if (answer.status !== 201) throw new Error(`not joined: ${answer.text}`);
    return answer.body.data.id;
  }

  /** Somebody with an access token made from the key, as asking for one makes it. */
  async token({ id }: Pick<Key, 'id'>): Promise<Client> {
    const token = makeKey('at');
    await this.app.db.query(
      `insert into access_tokens (id, family_id, api_key_id, hash, refresh_hash, scopes, expires_at, refresh_expires_at, family_ends_at)
       select family, family, $1, $2, $3, '{*}', now() + interval '1 hour', now() + interval '1 day', now() + interval '2 days'
       from (select gen_random_uuid() as family) made`,
      [id, hashKey(token), hashKey(makeKey('rt'))],
    );
    return this.app.as(token);
  }

  /** Whether each of the key's access tokens was revoked. */
  async tokensEnded({ id }: Pick<Key, 'id'>): Promise<boolean[]> {
    const rows = await this.app.db.query('select revoked_at is not null from access_tokens where api_key_id = $1', [
      id,
    ]);
    return rows.map(([ended]) => ended as boolean);
  }
}
