import { type Answer, type Body, type Client, document, link, S } from '../../support/app';

export const PATH = `${S}/walletAlerts`;

export const watch = (asker: Client, wallet: string, attributes: object): Promise<Answer> =>
  asker.post(PATH, document('walletAlerts', attributes, { relationships: { wallet: link('wallets', wallet) } }));

/** The resource of a new alert. */
export async function watched(...given: Parameters<typeof watch>): Promise<Body> {
  const answer = await watch(...given);
  if (answer.status !== 201) throw new Error(`no alert: ${answer.text}`);
  return answer.body.data;
}
