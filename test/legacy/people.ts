import { type Answer, type Body, document, link, type Person, S, type TestApp } from '../support/app';

/** Somebody who has signed in and is a member of an organization, with the roles that have these codes. */
export async function join(app: TestApp, organizationId: string, ...codes: string[]): Promise<Person> {
  const person = await app.user();
  const { body } = await app.platform.get(`${S}/roles`);
  const ids = codes.map((code) => body.data.find((role: Body) => role.attributes.code === code)?.id ?? code);
  const relationships = {
    organization: link('organizations', organizationId),
    user: link('users', person.id),
    roles: { data: ids.map((id) => ({ type: 'roles', id })) },
  };
  const { status, text } = await app.platform.post(`${S}/members`, document('members', {}, { relationships }));
  if (status !== 201) throw new Error(`no member: ${text}`);
  return person;
}

/** All that a client gets to see of an answer, without what differs from request to request. */
export function seen({ status, headers, text }: Answer): object {
  const { date: _date, 'x-request-id': _requestId, ...others } = headers;
  return { status, headers: others, text };
}

/** Status and body: what most answers are compared by. */
export const shown = ({ status, body }: Answer): [number, Body] => [status, body];
