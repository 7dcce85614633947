import { Hold } from '../../entities';
import type { Context, Services } from '../context';
import { logOf } from '../db/log';
import { Table } from '../db/table';
import type { IfMatch } from '../db/write';
import { AppError } from '../errors';
import type { EventType } from '../eventTypes';
import { type Create, crud } from './crud';
import { checkService, meantWallet } from './namedWallet';
import { organizationTable } from './organizations';
import { type Posting, post, type Subject, type WalletState } from './posting';
import { walletTable } from './wallets';
import { attributeFault } from './webhookEndpointRules';

export const holdTable = new Table(Hold, {
  ...logOf('holds', 'wallets:read'),
  // It is over as soon as its time is, like an invitation (INV-21); what it holds is given back within a minute.
  computed: { status: "case when t.status = 'open' and t.expires_at <= now() then 'expired' else t.status end" },
  references: {
    organizationId: () => organizationTable as unknown as Table,
    walletId: () => walletTable as unknown as Table,
  },
});

const plain = crud(holdTable);
export const { list: listHolds, get: getHold, rows: holdRows } = plain;

/** What a hold was before it has ended, as far as that is another thing now. */
const WAS_OPEN = `jsonb_build_object('attributes', jsonb_strip_nulls(jsonb_build_object('status', 'open',
  'captured', case when t.captured > 0 then 0 end, 'released', case when t.released > 0 then 0 end)))`;

const subjectOf = (event: EventType, previous?: string): Subject<Hold> => ({
  event,
  type: 'holds',
  table: holdTable,
  row: 'now_hold',
  previous,
});
const PLACED = subjectOf('wallet.hold_placed');
const CAPTURED = subjectOf('wallet.hold_captured', WAS_OPEN);
const VOIDED = subjectOf('wallet.hold_voided', WAS_OPEN);
const EXPIRED = subjectOf('wallet.hold_expired', WAS_OPEN);

const DAY_MS = 86_400_000;
/** Days that a hold is open unless it says otherwise, and at the most (domain sheet 11). */
const USUAL_DAYS = 7;
const MOST_DAYS = 30;

type Attributes = Pick<Hold, 'amount'> & Partial<Pick<Hold, 'service' | 'reason' | 'expiresAt'>>;

/**
 * Reserves an amount: what is available falls, the balance stays. The wallet is named, or it is that of an organization in
 * an asset.
 * @returns the hold, with the wallet behind it as `walletState`
 * @throws AppError `not_allowed` for an unknown service or an end that is not ahead by 30
 * days at the most, and those of `post`
 */
export const createHold: Create<Hold> = async (ctx, input) => {
  const meant = await meantWallet(ctx, 'holds.create', input);
  const { amount, service, reason, expiresAt } = input.attributes as unknown as Attributes;
  checkService(ctx, service);
  const posting = { kind: 'hold', amount, service, reason, expiresAt: endOf(ctx, expiresAt) } as const;
  return withWallet(await post(ctx, meant, posting, PLACED));
};

/** Whole seconds: that is how it is shown. */
function endOf(ctx: Context, expiresAt: string | undefined): string {
  const now = ctx.now().getTime();
  const given = expiresAt === undefined ? now + USUAL_DAYS * DAY_MS : Date.parse(expiresAt);
  const end = Math.floor(given / 1_000) * 1_000;
  if (end > now && end <= now + MOST_DAYS * DAY_MS) return new Date(end).toISOString();
  const detail = `expiresAt must be ahead, by ${MOST_DAYS} days at the most.`;
  throw AppError.of([attributeFault('not_allowed', detail, 'expiresAt')]);
}

/**
 * Takes all or a part of what is held; the rest is free again. It ends the hold.
 * @param settings `amount` in the smallest unit; left out: all
 * @throws AppError `hold_closed` when it has ended or its time is over (INV-49),
 * `not_allowed` for more than is held, and those of `post`
 */
export const captureHold = (
  ctx: Context,
  id: string,
  { amount }: { readonly amount?: number },
  ifMatch: IfMatch,
): Promise<Hold> => endHold(ctx, id, { kind: 'capture', amount }, CAPTURED, ifMatch);

/**
 * Frees all that is held. It ends the hold.
 * @throws AppError `hold_closed` (INV-49)
 */
export const voidHold = (ctx: Context, id: string, _settings: object, ifMatch: IfMatch): Promise<Hold> =>
  endHold(ctx, id, { kind: 'release', holdStatus: 'voided' }, VOIDED, ifMatch);

async function endHold(
  ctx: Context,
  holdId: string,
  posting: Posting,
  subject: Subject<Hold>,
  ifMatch: IfMatch,
): Promise<Hold> {
  const meant = await plain.get(ctx, holdId, ['organizationId', 'asset']);
  // Judged with all the rest: the hold is locked behind its wallet.
  const versions = ifMatch?.includes('*') ? undefined : (ifMatch as readonly number[] | undefined);
  return withWallet(await post(ctx, meant, { ...posting, holdId, versions }, subject));
}

const withWallet = ({ entity, wallet }: { entity: Hold | undefined; wallet: WalletState }): Hold =>
  Object.assign(entity as Hold, { walletState: wallet });

/** What the service itself posts with. */
type ServiceContext = Pick<Services, 'db' | 'shapes' | 'deliveries'>;

/** Holds that one statement looks for at the most. */
const MOST_FOUND = 200;
const IS_DUE = "status = 'open' and expires_at <= now()";
type Found = readonly [id: string, organizationId: string, asset: string, isDue: boolean];

async function findHolds({ db }: ServiceContext, condition: string, values: unknown[] = []): Promise<readonly Found[]> {
  const rows = await db.query(
    `select id, organization_id, asset, ${IS_DUE} from holds where ${condition} order by expires_at, id limit ${MOST_FOUND}`,
    values,
  );
  return rows as unknown as Found[];
}

/** Ends an open hold as nobody's doing. */
async function free(
  { db, shapes, deliveries }: ServiceContext,
  [holdId, organizationId, asset, isDue]: Found,
): Promise<void> {
  const [holdStatus, subject] = isDue ? (['expired', EXPIRED] as const) : (['voided', VOIDED] as const);
  await post({ db, shapes, deliveries }, { organizationId, asset }, { kind: 'release', holdId, holdStatus }, subject);
}

/**
 * Frees what is held beyond its time, also of organizations that are being deleted and in frozen wallets (INV-50): each for
 * itself and in turn with who else posts there. To skip what is locked would be to skip the busy ones for ever.
 */
export async function expireHolds(ctx: ServiceContext): Promise<void> {
  let ended: number;
  do {
    ended = 0;
    for (const due of await findHolds(ctx, IS_DUE)) if (await isFreed(ctx, due)) ended++;
  } while (ended > 0);
}

/** Not, where another process or the purge of the organization was first. */
async function isFreed(ctx: ServiceContext, due: Found): Promise<boolean> {
  try {
    await free(ctx, due);
    return true;
  } catch (error) {
    if (error instanceof AppError && ['hold_closed', 'not_found'].includes(error.faults[0]?.code ?? '')) return false;
    throw error;
  }
}

/**
 * Ends whatever is open in an organization that is about to be purged, in the transaction that has it locked.
 * @returns whether there was something
 */
export async function endHoldsOf(ctx: ServiceContext, organizationId: string): Promise<boolean> {
  let found: readonly Found[];
  let wasOpen = false;
  do {
    found = await findHolds(ctx, "organization_id = $1 and status = 'open'", [organizationId]);
    for (const each of found) await free(ctx, each);
    wasOpen ||= found.length > 0;
  } while (found.length === MOST_FOUND);
  return wasOpen;
}
