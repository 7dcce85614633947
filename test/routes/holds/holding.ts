import { type Answer, type Body, type Client, document, link, S, type TestApp } from '../../support/app';
import { keyed } from '../money';

export const PATH = `${S}/holds`;

/** A request document for a hold in the wallet of an organization. */
export const holdDocument = (organization: string, attributes: object) =>
  document('holds', attributes, { relationships: { organization: link('organizations', organization) } });

export const hold = (asker: Client, organization: string, attributes: object): Promise<Answer> =>
  asker.post(PATH, holdDocument(organization, attributes), keyed());

/** The resource of a new hold. */
export async function place(...given: Parameters<typeof hold>): Promise<Body> {
  const answer = await hold(...given);
  if (answer.status !== 201) throw new Error(`nothing was held: ${answer.text}`);
  return answer.body.data;
}

export const capture = (asker: Client, self: string, meta?: object): Promise<Answer> =>
  asker.post(`${self}/capture`, meta && { meta }, keyed());

/** Its time is over; nobody has noticed yet. */
export const expire = (app: TestApp, id: string): Promise<unknown> =>
  app.db.query("update holds set expires_at = now() - interval '1 second' where id = $1", [id]);
