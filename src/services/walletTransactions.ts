import { WalletTransaction } from '../../entities';
import type { Context } from '../context';
import { compare } from '../db/conditions';
import { logOf } from '../db/log';
import { type Bind, Table } from '../db/table';
import { AppError, type Fault } from '../errors';
import type { EventType } from '../eventTypes';
import type { Condition } from '../selection';
import { type Create, crud, type Input } from './crud';
import { actorSql } from './eventFeed';
import { holdTable } from './holds';
import { atAnother, foundAt, linkage, meantWallet, sameWallet } from './namedWallet';
import { organizationTable } from './organizations';
import { type Meant, type Posting, post, type Subject } from './posting';
import { seesWallet, walletTable } from './wallets';

const ofOrganizations = (ids: string): string =>
  `(select coalesce(sum(w.transactions), 0) from wallets w where w.organization_id ${ids})`;
const log = logOf('wallet_transactions', 'wallets:read', ofOrganizations);

const REVERSED_BY = '(select r.id from wallet_transactions r where r.reverses_id = t.id)';

/** A reversal that is named says itself which row it is of. */
function reversedBySql(condition: Condition, bind: Bind): string {
  if (condition.operator !== 'eq' && condition.operator !== 'in') return compare(REVERSED_BY, 'uuid', condition, bind);
  return `t.id in (select r.reverses_id from wallet_transactions r where ${compare('r.id', 'uuid', condition, bind)})`;
}

export const transactionTable: Table<WalletTransaction> = new Table(WalletTransaction, {
  ...log,
  countedBy: {
    ...log.countedBy,
    walletId: (caller, idSql, bind) =>
      `(select coalesce(sum(w.transactions), 0) from wallets w where w.id = ${idSql} and ${seesWallet(caller, idSql, bind)})`,
  },
  computed: {
    actor: actorSql,
    reversedById: REVERSED_BY,
    version: '(select 1 + count(*) from wallet_transactions r where r.reverses_id = t.id)',
  },
  filters: { reversedById: reversedBySql },
  references: {
    organizationId: () => organizationTable as unknown as Table,
    walletId: () => walletTable as unknown as Table,
    holdId: () => holdTable as unknown as Table,
    reversesId: () => transactionTable as unknown as Table,
    reversedById: () => transactionTable as unknown as Table,
  },
});

const plain = crud(transactionTable);
export const { list: listTransactions, get: getTransaction, rows: transactionRows } = plain;

/** The kinds that are made by themselves; the others are made by holds. */
export const MADE_KINDS = ['topup', 'charge', 'adjustment', 'reversal'] as const;
type MadeKind = (typeof MADE_KINDS)[number];

const EVENTS: Readonly<Record<MadeKind, EventType>> = {
  topup: 'wallet.topped_up',
  charge: 'wallet.charged',
  adjustment: 'wallet.adjusted',
  reversal: 'wallet.transaction_reversed',
};

/** What a transaction of the kind is told of and shown as. */
export const subjectOf = (kind: MadeKind): Subject<WalletTransaction> => ({
  event: EVENTS[kind],
  type: 'walletTransactions',
  table: transactionTable,
  row: 'posted',
});

type Attributes = Partial<
  Pick<
    WalletTransaction,
    'kind' | 'amount' | 'asset' | 'direction' | 'service' | 'quantity' | 'reason' | 'reference' | 'metadata'
  >
>;

/**
 * Tops up, charges, adjusts or reverses. The wallet is named, or it is that of an organization in an asset; a reversal is at
 * the wallet of what it reverses.
 * @throws AppError those of `post`
 */
export const createTransaction: Create<WalletTransaction> = async (ctx, input) => {
  const kind = kindOf(input.attributes as Attributes);
  const meant = await meantBy(ctx, input, kind);
  const posting = postingOf(ctx, input, kind, meant);
  const { entity, wallet } = await post(ctx, meant, posting, subjectOf(kind));
  return Object.assign(entity as WalletTransaction, { walletState: wallet });
};

/**
 * Charges an organization that the caller may charge, in the asset that its first wallet is of, for a service that is named.
 * @throws AppError those of `post`
 */
export async function charge(ctx: Context, organizationId: string, attributes: Attributes): Promise<void> {
  const meant = { organizationId, asset: ctx.config.walletAsset };
  const posting = postingOf(ctx, { attributes, relationships: {} }, 'charge', meant);
  await post(ctx, meant, posting, subjectOf('charge'));
}

function kindOf({ kind }: Attributes): MadeKind {
  const made = MADE_KINDS.find((each) => each === kind);
  if (made !== undefined) return made;
  const detail = `kind must be one of ${MADE_KINDS.join(', ')}: the others are made by holds.`;
  throw AppError.of([fault('kind', 'not_allowed', detail)]);
}

function fault(attribute: string, code: Fault['code'], detail: string): Fault {
  const pointer = code === 'required' ? '/data/attributes' : `/data/attributes/${attribute}`;
  return { code, detail, source: { pointer }, meta: { attribute, message: detail } };
}

/** The wallet, for a caller who may do this to it; a reversal is at the wallet of what it reverses. */
async function meantBy(ctx: Context, input: Input, kind: MadeKind): Promise<Meant> {
  const { wallet, reverses } = input.relationships as Record<string, string | null | undefined>;
  const operation = `walletTransactions.${kind}`;
  if ((kind === 'reversal') !== (typeof reverses === 'string')) {
    const detail = kind === 'reversal' ? 'A reversal names what it reverses.' : 'A reversal alone reverses something.';
    const at = kind === 'reversal' ? { pointer: '/data' } : linkage('reverses');
    throw new AppError(kind === 'reversal' ? 'required' : 'not_allowed', detail, at, {
      meta: { attribute: 'reverses', message: detail },
    });
  }
  if (typeof reverses !== 'string') return meantWallet(ctx, operation, input);
  const find = () => getTransaction(ctx, reverses, ['organizationId', 'asset', 'walletId']);
  const found = await foundAt(ctx, operation, 'reverses', find);
  if (typeof wallet === 'string' && wallet !== found.walletId) throw atAnother('wallet');
  return sameWallet(ctx, found, input);
}

/** Which attributes belong to which kinds. */
const OWN: readonly [name: keyof Attributes, kinds: readonly MadeKind[], required: readonly MadeKind[]][] = [
  ['amount', MADE_KINDS, ['topup', 'charge', 'adjustment']],
  ['direction', ['adjustment'], ['adjustment']],
  ['service', ['charge'], []],
  ['quantity', ['charge'], []],
  ['reason', MADE_KINDS, ['adjustment', 'reversal']],
];

/** @throws AppError with all faults of attributes that do not fit the kind, the service or each other */
function postingOf(ctx: Context, input: Input, kind: MadeKind, { asset }: Meant): Posting {
  const attributes = input.attributes as Attributes;
  const faults: Fault[] = [];
  for (const [name, kinds, required] of OWN) {
    const isGiven = attributes[name] !== undefined && attributes[name] !== null;
    if (!isGiven && required.includes(kind)) faults.push(fault(name, 'required', `${name} is required for a ${kind}.`));
    if (isGiven && !kinds.includes(kind)) faults.push(fault(name, 'not_allowed', `${name} is not for a ${kind}.`));
  }
  const { amount, direction, service, quantity, reason, reference, metadata } = attributes;
  const unit = kind === 'charge' ? unitOf(ctx, attributes, asset, faults) : undefined;
  if (faults.length > 0) throw AppError.of(faults);
  return {
    kind,
    amount: amount ?? undefined,
    direction: direction ?? undefined,
    service,
    quantity: unit === undefined ? undefined : (quantity ?? undefined),
    unit,
    reversesId: (input.relationships.reverses as string | undefined) ?? undefined,
    reason,
    reference,
    metadata,
  };
}

/**
 * The unit that a charge buys (9.6): for a service that has one, `quantity` says how many. A charge of the units themselves
 * is how they are used up, and buys none.
 */
function unitOf(
  { config }: Pick<Context, 'config'>,
  { service, quantity }: Pick<Attributes, 'service' | 'quantity'>,
  asset: string,
  faults: Fault[],
): string | undefined {
  const isCounted = quantity !== undefined && quantity !== null;
  const services = config.walletServices;
  if (typeof service === 'string' && !services.has(service)) {
    faults.push(fault('service', 'not_allowed', `service must be one of ${[...services.keys()].join(', ')}.`));
    return undefined;
  }
  const unit = services.get(service ?? '') ?? undefined;
  const buys = unit !== undefined && unit !== asset;
  if (buys && !isCounted)
    faults.push(fault('quantity', 'required', `quantity is required for the service ${service}.`));
  if (!buys && isCounted) {
    const detail = unit === asset ? `A charge of ${asset} buys none.` : 'quantity is for a service that sells units.';
    faults.push(fault('quantity', 'not_allowed', detail));
  }
  return buys ? unit : undefined;
}
