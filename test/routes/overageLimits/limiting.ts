import { type Answer, type Body, type Client, S } from '../../support/app';
import { ownedDocument } from '../crew';

export const PATH = `${S}/overageLimits`;

export const limit = (asker: Client, organization: string, attributes: object): Promise<Answer> =>
  asker.post(PATH, ownedDocument('overageLimits', organization, attributes));

/** The resource of a new limit. */
export async function limited(...given: Parameters<typeof limit>): Promise<Body> {
  const answer = await limit(...given);
  if (answer.status !== 201) throw new Error(`no limit: ${answer.text}`);
  return answer.body.data;
}
