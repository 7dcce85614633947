import type { Context } from '../context';
import { AppError } from '../errors';
import type { Input } from './crud';
import { tellExpired } from './invitationExpiry';
import { type Host, judgeOffers, type Offer } from './invitationOffers';
import { type Written, writeOffers } from './invitationWriting';
import { checkQuota } from './quotas';

/** Seconds between two mails of one invitation (domain sheet 11). */
const PAUSE_SECONDS = 60;

/** What came of one invitation that was asked for (domain sheet 9.4). */
export type Invited =
  | Written
  | { readonly outcome: 'already_member' }
  | { readonly outcome: 'already_invited'; readonly id: string }
  | { readonly outcome: 'refused'; readonly error: AppError };

/**
 * Makes invitations, and mails those that are to be mailed: some fifteen statements, however many there are. To be called
 * in a transaction, with the host locked in it.
 * @param resends whether a pending invitation to the same address is made anew, with a new token (INV-19)
 * @returns what came of each, in the same order
 */
export async function inviteAll(
  ctx: Context,
  host: Host,
  inputs: readonly Input[],
  resends: boolean,
): Promise<Invited[]> {
  const results: Invited[] = [];
  const offers: Offer[] = [];
  for (const [index, judged] of (await judgeOffers(ctx, host, inputs)).entries()) {
    if (judged instanceof AppError) results[index] = { outcome: 'refused', error: judged };
    else offers.push(judged);
  }
  const places = await placesOf(ctx, host.id, offers);
  const made = new Map<string, string>();
  const fresh: Offer[] = [];
  const renewed: Offer[] = [];
  for (const [i, offer] of offers.entries()) {
    const place = places[i] as Place;
    const twin = place.key === null ? undefined : made.get(place.key);
    const obstacle = obstacleOf(ctx, place, twin, resends);
    if (obstacle !== undefined) {
      results[offer.index] = obstacle;
      continue;
    }
    if (place.pendingId === null) fresh.push(offer);
    else renewed.push({ ...offer, id: place.pendingId });
    if (place.key !== null) made.set(place.key, place.pendingId ?? offer.id);
  }
  const admitted = await withinQuota(ctx, host, fresh, results);
  for (const written of await writeOffers(ctx, host, admitted, renewed)) results[written.index] = written;
  return results;
}

/**
 * Why an invitation to an address is not made.
 * @param twin id of the one that this very request makes for the address
 */
function obstacleOf(ctx: Context, place: Place, twin: string | undefined, resends: boolean): Invited | undefined {
  const { isMember, pendingId, secondsSinceMail } = place;
  if (isMember) return { outcome: 'already_member' };
  if (twin !== undefined) return { outcome: 'already_invited', id: twin };
  if (pendingId === null) return undefined;
  if (!resends) return { outcome: 'already_invited', id: pendingId };
  const error = pauseFault(ctx, secondsSinceMail);
  return error === undefined ? undefined : { outcome: 'refused', error };
}

/** Those that there is room for; the last ones are refused. */
async function withinQuota(ctx: Context, host: Host, offers: Offer[], results: Invited[]): Promise<Offer[]> {
  if (offers.length === 0) return offers;
  try {
    await checkQuota(ctx, host.id, 'invitations', offers.length);
    return offers;
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    const { limit = 0, used = 0 } = (error.faults[0]?.meta ?? {}) as { limit?: number; used?: number };
    const room = Math.max(0, limit - used);
    const refused = offers.slice(room);
    const ids = new Set(refused.map(({ id }) => id));
    // Those of the same address, too: what they were told of is not made.
    for (const [index, result] of results.entries()) {
      if (result?.outcome === 'already_invited' && ids.has(result.id)) results[index] = { outcome: 'refused', error };
    }
    for (const { index } of refused) results[index] = { outcome: 'refused', error };
    return offers.slice(0, room);
  }
}

/** What stands in the way of an invitation to an address. */
interface Place {
  /** The address as it is compared; null for a link. */
  readonly key: string | null;
  readonly isMember: boolean;
  readonly pendingId: string | null;
  /** Since the pending one was last mailed; null: never. */
  readonly secondsSinceMail: number | null;
}

/** Marks those whose time is over first: they are in nobody's way (INV-19, INV-20, INV-21). */
async function placesOf(ctx: Context, organizationId: string, offers: readonly Offer[]): Promise<Place[]> {
  return placesOfAddresses(
    ctx,
    organizationId,
    offers.map(({ attributes }) => (attributes.email ?? null) as string | null),
  );
}

/** @param emails null: a link, which nothing stands in the way of */
export async function placesOfAddresses(
  ctx: Context,
  organizationId: string,
  emails: readonly (string | null)[],
): Promise<Place[]> {
  const { db } = ctx;
  const expired = await db.query(
    `update invitations i set status = 'expired' from (select distinct lower(e) from unnest($2::text[]) e) e (email)
     where i.organization_id = $1 and i.status = 'pending' and i.expires_at <= now() and lower(i.email) = e.email
     returning i.id`,
    [organizationId, emails],
  );
  await tellExpired(ctx, expired);
  const rows = await db.query(
    `select e.email, exists (select 1 from users u join members m on m.user_id = u.id
         where lower(u.email) = e.email and m.organization_id = $1),
       i.id, extract(epoch from now() - i.last_sent_at)
     from (select lower(e), n from unnest($2::text[]) with ordinality e (e, n)) e (email, n)
     left join invitations i on i.organization_id = $1 and i.status = 'pending' and lower(i.email) = e.email
     order by e.n`,
    [organizationId, emails],
  );
  return rows.map(
    ([key, isMember, pendingId, seconds]): Place => ({
      key: key as string | null,
      isMember: isMember === true,
      pendingId: pendingId as string | null,
      secondsSinceMail: seconds === null ? null : Number(seconds),
    }),
  );
}

/** INV-22: mails to one person keep their distance, unless nothing is limited here. */
export function pauseFault({ config }: Context, secondsSinceMail: number | null): AppError | undefined {
  if (config.rateLimit === null || secondsSinceMail === null || secondsSinceMail >= PAUSE_SECONDS) return undefined;
  const seconds = Math.ceil(PAUSE_SECONDS - secondsSinceMail);
  return new AppError('rate_limited', `This invitation was sent just now: try again in ${seconds} s.`, undefined, {
    headers: { 'Retry-After': String(seconds) },
  });
}
