import { type Answer, type Body, type Client, document, link, S, type TestApp } from '../../support/app';

export const PATH = `${S}/invitations`;
export const TOKEN = expect.stringMatching(/^inv_live_[0-9A-Za-z]{36}$/);
export const PASSWORD = 'correct horse battery staple';
export const PASSWORDS = { password: PASSWORD, passwordConfirmation: PASSWORD };

let made = 0;
/** An address that nobody has. */
export const freshEmail = (): string => `invitee-${Date.now()}-${made++}@example.com`;

/** A request document; `email` is a fresh one, unless the attributes say something of it or of the kind. */
export const invitationDocument = (organization: string, attributes: object = {}, relationships: object = {}) =>
  document(
    'invitations',
    'kind' in attributes || 'email' in attributes ? attributes : { email: freshEmail(), ...attributes },
    { relationships: { organization: link('organizations', organization), ...relationships } },
  );

export const invite = (
  asker: Client,
  organization: string,
  attributes?: object,
  relationships?: object,
  query = '',
): Promise<Answer> => asker.post(`${PATH}${query}`, invitationDocument(organization, attributes, relationships));

/** The resource of a new invitation, its token in it. */
export async function invited(...given: Parameters<typeof invite>): Promise<Body> {
  const answer = await invite(...given);
  if (answer.status !== 201) throw new Error(`not invited: ${answer.text}`);
  return answer.body.data;
}

export const tokenOf = ({ attributes }: Body): string => attributes.token;

export const accept = (asker: Client, token: string, attributes: object = PASSWORDS): Promise<Answer> =>
  asker.post(`${PATH}/${token}/accept`, document('invitationAcceptances', attributes));

export const preview = (asker: Client, token: string): Promise<Answer> => asker.get(`${PATH}/${token}`);

/** Its time is over; nobody has noticed yet. */
export const expire = (app: TestApp, id: string): Promise<unknown> =>
  app.db.query("update invitations set expires_at = now() - interval '1 second' where id = $1", [id]);

/** Attributes as a manager sees them now. */
export const stateOf = async (app: TestApp, id: string): Promise<Body> =>
  (await app.platform.get(`${PATH}/${id}`)).body.data.attributes;

export const settings = (app: TestApp, organization: string, values: object): Promise<unknown> =>
  app.db.query('update organizations set settings = $2 where id = $1', [organization, values]);
