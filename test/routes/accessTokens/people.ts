import { makeKey } from '../../../src/secrets';
import {
  type Answer,
  type Body,
  type Client,
  createUser,
  document,
  S,
  setPassword,
  signInWith,
  type TestApp,
} from '../../support/app';

export const PATH = `${S}/accessTokens`;
export const PASSWORD = 'correct horse battery staple';

/** A new user with a password. */
export async function person(app: TestApp, attributes: object = {}): Promise<{ id: string; email: string }> {
  const { id, attributes: made } = await createUser(app.platform, attributes);
  await setPassword(app, id, PASSWORD);
  return { id, email: made.email };
}

/** A new user who has signed in. */
export async function signedIn(app: TestApp) {
  const { id: userId, email } = await person(app);
  return { ...(await signInWith(app, email, PASSWORD)), userId, email };
}

export const tokensFor = (asker: Client, attributes: object = {}, headers?: Record<string, string>): Promise<Answer> =>
  asker.post(PATH, document('accessTokens', attributes), headers);

/** What a credential made from a key. */
export async function tokensOf(asker: Client, attributes: object = {}): Promise<Body> {
  const answer = await tokensFor(asker, attributes);
  if (answer.status !== 201) throw new Error(`no tokens made: ${answer.text}`);
  return answer.body.data;
}

export const refresh = ({ anonymous }: TestApp, refreshToken: unknown): Promise<Answer> =>
  anonymous.post(`${PATH}/refresh`, document('accessTokens', { refreshToken }));

/** The status of a request with this credential, and the code of its error. */
export async function use(app: TestApp, key: string): Promise<[number, string | undefined]> {
  const { status, body } = await app.as(key).get(`${S}/me`);
  return [status, body.errors?.[0].code];
}

/** The body without the id of the request. */
export const bodyOf = ({ text, headers }: Answer): string =>
  text.replaceAll(headers['x-request-id'] as string, '<request>');

/** A key that is like one, and is not it: another random part with its own checksum. */
export const lookAlike = (key: string): string => makeKey(key.split('_', 1)[0] as 'rt');
