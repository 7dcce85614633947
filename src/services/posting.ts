import type { Wallet, WalletTransaction } from '../../entities';
import { scaleOf } from '../assets';
import type { Context } from '../context';
import { Values } from '../db/conditions';
import { visibleOrganization } from '../db/select';
import { actorOf, causeSql, shapeOf } from '../db/shape';
import type { Table } from '../db/table';
import { AppError, type ErrorSource, notFound } from '../errors';
import type { EventType } from '../eventTypes';
import { type EventContext, nudge } from './events';

/** Which wallet: it need not be there yet (rulings, "Events, delivery, money"). */
export interface Meant {
  readonly organizationId: string;
  readonly asset: string;
}

/** What is to be moved. Amounts and quantities are whole numbers, 1 … 2⁵³−1, in the smallest unit of their asset. */
export interface Posting {
  readonly kind: Exclude<WalletTransaction['kind'], 'transfer'>;
  /** Left out: all of what is held, or the whole of what is reversed. */
  readonly amount?: number;
  readonly direction?: 'credit' | 'debit';
  readonly service?: string | null;
  /** Units that come with a charge, and of which kind. */
  readonly quantity?: number;
  readonly unit?: string;
  readonly reversesId?: string;
  /** Of a capture or a release. */
  readonly holdId?: string;
  /** Of which the hold must have one: those of an `If-Match`. */
  readonly versions?: readonly number[];
  /** As what a release ends the hold. */
  readonly holdStatus?: 'voided' | 'expired';
  /** Of a hold, RFC 3339. */
  readonly expiresAt?: string;
  readonly reason?: string | null;
  readonly reference?: string | null;
  readonly metadata?: object;
}

/** A wallet behind a posting; `available` is null without a limit. */
export interface WalletState extends Pick<Wallet, 'balance' | 'held' | 'available' | 'overageUsed'> {}

/** Which row of a posting it is about: what is told of, and given back. */
export interface Subject<Entity extends object> {
  readonly event: EventType;
  /** JSON:API type. */
  readonly type: string;
  readonly table: Table<Entity>;
  readonly row: 'posted' | 'now_hold';
  /** SQL on the row `t` of what it was before; left out: it is new. */
  readonly previous?: string;
}

/** Rows beside the subject that a posting can tell of: columns with the types of events and with the rows. */
const CROSSED = [
  { kinds: 'told_kinds', rows: 'told_wallets', type: 'wallets' },
  { kinds: 'alert_kinds', rows: 'told_alerts', type: 'walletAlerts' },
] as const;

/**
 * Moves money: one statement, in which `post_transaction` locks, judges and writes, and the events are told of last
 * (INV-36, INV-46). A refusal has written nothing.
 * @param ctx a caller sees the organization, or else all is not found; without one the service itself posts
 * @returns the subject, unless there is no caller to see it, and the wallet behind it
 * @throws AppError `not_found`, `insufficient_funds`, `overage_limit_exceeded`, `wallet_frozen`, `invalid_transition`,
 * `organization_suspended`, `hold_closed`, `already_reversed`, `not_allowed`
 */
export async function post<Entity extends object>(
  ctx: EventContext,
  meant: Meant,
  posting: Posting,
  { event, type, table, row, previous = 'null' }: Subject<Entity>,
): Promise<{ entity: Entity | undefined; wallet: WalletState }> {
  const { list, bind } = new Values();
  const { caller, shapes } = ctx;
  const [organization, asset] = [`${bind(meant.organizationId)}::uuid`, `${bind(meant.asset)}::text`];
  const sees = caller === undefined ? 'true' : visibleOrganization(caller, organization, bind);
  const asked = bind(JSON.stringify({ ...posting, ...scales(meant, posting), actor: actorOf(ctx) }));
  const kinds = [`array[${bind(event)}]`, ...CROSSED.map((each) => `p.${each.kinds}`)].join(' || ');
  const subjects = [
    `array[${shapeOf(shapes, type).sql}]`,
    ...CROSSED.map((each) => `array(select ${shapeOf(shapes, each.type).sql} from unnest(p.${each.rows}) t)`),
  ].join(' || ');
  const columns = caller === undefined ? 'null' : table.selectList(table.properties, caller, bind);
  const [result] = await ctx.db.query(
    `with meant as materialized (select ${organization} as id where ${sees}),
       posted as materialized (select p.* from meant m cross join lateral post_transaction(m.id, ${asset}, ${asked}::jsonb) p)
     select p.refusal, p.facts, case when p.refusal is null
         then record_events(${kinds}, ${organization}, ${subjects}, array[${previous}]::jsonb[], ${causeSql(ctx, bind)}) else 0 end, ${columns}
     from posted p cross join lateral (select (p.${row}).*) t`,
    list,
  );
  if (result === undefined) throw notFound('There is no such organization.', ORGANIZATION);
  const [refusal, facts, due] = result as [string | null, Facts | null, number];
  if (refusal !== null) throw refused(refusal, facts ?? {}, meant, posting);
  nudge(ctx, due);
  const entity = caller === undefined ? undefined : table.read(table.properties, result, 3);
  return { entity, wallet: facts as WalletState };
}

/** Decimal places, for wallets that are made. */
const scales = ({ asset }: Meant, { unit }: Posting) => ({
  scale: scaleOf(asset),
  unitScale: unit === undefined ? undefined : scaleOf(unit),
});

interface Facts {
  readonly asset?: string;
  readonly amount?: number;
  readonly available?: number;
  readonly held?: number;
  readonly whole?: number;
  readonly kind?: string;
  readonly status?: string;
}

const ORGANIZATION = { pointer: '/data/relationships/organization/data' };
const AMOUNT = { pointer: '/data/attributes/amount' };
const REVERSES = { pointer: '/data/relationships/reverses/data' };

type Words = readonly [code: ConstructorParameters<typeof AppError>[0], detail: string, source?: ErrorSource];

/** What `post_transaction` refuses, in words. */
const REFUSALS: Readonly<Record<string, (facts: Facts) => Words>> = {
  not_found: () => ['not_found', 'There is no such organization.', ORGANIZATION],
  organization_suspended: () => ['organization_suspended', 'The organization is suspended.'],
  wallet_closed: ({ asset }) => ['invalid_transition', `The wallet of ${asset} is closed.`],
  wallet_frozen: ({ asset }) => ['wallet_frozen', `The wallet of ${asset} is frozen: it takes top-ups only.`],
  insufficient_funds: ({ amount, asset, available }) => [
    'insufficient_funds',
    `${amount} ${asset} are more than the ${available} that are available.`,
  ],
  overage_limit_exceeded: ({ amount, asset, available }) => [
    'overage_limit_exceeded',
    `${amount} ${asset} are more than the ${available} that are available within the overage limit.`,
  ],
  version_mismatch: () => [
    'version_mismatch',
    'The resource has changed since the version in If-Match.',
    { header: 'If-Match' },
  ],
  hold_closed: ({ status }) => ['hold_closed', `The hold has ended: it is ${status}.`],
  more_than_held: ({ held }) => ['not_allowed', `No more than the ${held} that are held.`, { pointer: '/meta/amount' }],
  not_reversible: ({ kind }) => [
    'not_allowed',
    `A ${kind} is not reversed${kind === 'hold' ? ': void it' : ''}.`,
    REVERSES,
  ],
  not_whole: ({ whole }) => ['not_allowed', `A reversal is of the full amount, ${whole}.`, AMOUNT],
  already_reversed: () => ['already_reversed', 'The transaction has been reversed.'],
};

function refused(refusal: string, facts: Facts, meant: Meant, posting: Posting): AppError {
  const words = REFUSALS[refusal];
  if (words === undefined) throw new Error(`post_transaction: ${refusal}`);
  const [code, detail, source] = words(facts);
  const { asset, amount, available } = facts;
  const meta = available === undefined ? undefined : { asset, amount, available };
  const error = new AppError(code, detail, source, { meta });
  if (posting.kind === 'charge' && available !== undefined) {
    error.aftermath = (ctx) => tellRefusal(ctx, meant, { ...asRefused(posting), code, available });
  }
  return error;
}

const asRefused = ({ amount, service, quantity, unit, reference, reason }: Posting) => ({
  amount,
  service: service ?? null,
  quantity: quantity ?? null,
  quantityAsset: unit ?? null,
  reference: reference ?? null,
  reason: reason ?? null,
});

/** The event of a charge that was refused: the wallet, which comes with it as with a posting, and what was asked of it. */
async function tellRefusal(ctx: Context, { organizationId, asset }: Meant, refusal: object): Promise<void> {
  await ctx.db.query(
    `insert into wallets (id, organization_id, asset, scale) values (new_id(), $1, $2, $3)
     on conflict (organization_id, asset) do nothing`,
    [organizationId, asset, scaleOf(asset)],
  );
  const { list, bind } = new Values();
  const wallet = `${shapeOf(ctx.shapes, 'wallets').sql} || jsonb_build_object('meta', ${bind(JSON.stringify({ refusal }))}::jsonb)`;
  const [row] = await ctx.db.query(
    `select record_events(array['wallet.charge_refused'], t.organization_id, array[${wallet}], null, ${causeSql(ctx, bind)})
     from wallets t where t.organization_id = ${bind(organizationId)} and t.asset = ${bind(asset)}`,
    list,
  );
  nudge(ctx, row?.[0] as number);
}
