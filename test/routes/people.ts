import { type Body, createOrganization, document, link, type Person, S, type TestApp } from '../support/app';

/** Makes a user a member; `roles` are codes of system roles. */
export async function join(app: TestApp, organizationId: string, userId: string, ...roles: string[]): Promise<Body> {
  const { body } = await app.platform.get(`${S}/roles?filter[kind]=system`);
  const ids = body.data.filter((role: Body) => roles.includes(role.attributes.code)).map(({ id }: Body) => id);
  const relationships = {
    organization: link('organizations', organizationId),
    user: link('users', userId),
    roles: { data: ids.map((id: string) => ({ type: 'roles', id })) },
  };
  const answer = await app.platform.post(`${S}/members`, document('members', {}, { relationships }));
  if (answer.status !== 201) throw new Error(`not joined: ${answer.text}`);
  return answer.body.data;
}

/** Somebody who has made an organization of his own. */
export async function founder(app: TestApp, attributes: object = {}): Promise<{ owner: Person; organization: Body }> {
  const owner = await app.user();
  return { owner, organization: await createOrganization(owner, attributes) };
}

/** Somebody with a role in an organization. */
export async function colleague(app: TestApp, organizationId: string, ...roles: string[]): Promise<Person> {
  const person = await app.user();
  await join(app, organizationId, person.id, ...roles);
  return person;
}
