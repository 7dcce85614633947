/**
 * The rules of money once more (INV-44…50), in plain words and nothing of the service: one organization, one step after the
 * other. Amounts stay far below what a number holds exactly.
 */

/** Services that sell units, and which. */
export const UNITS: Readonly<Record<string, string>> = { sms: 'SMS_POINT', voice: 'VOICE_MINUTE' };
export const SERVICES = ['sms', 'voice', 'storage'];

/** What is asked of one organization; a hold and a transaction by their ids. */
export type Step =
  | { readonly kind: 'topup'; readonly asset: string; readonly amount: number }
  | {
      readonly kind: 'charge';
      readonly asset: string;
      readonly amount: number;
      readonly service?: string;
      readonly quantity?: number;
    }
  | {
      readonly kind: 'adjustment';
      readonly asset: string;
      readonly amount: number;
      readonly direction: 'credit' | 'debit';
    }
  | {
      readonly kind: 'hold';
      readonly asset: string;
      readonly amount: number;
      readonly service?: string;
      readonly expiresAt: number;
    }
  | { readonly kind: 'capture'; readonly holdId: string; readonly amount?: number }
  | { readonly kind: 'void' | 'expire'; readonly holdId: string }
  | { readonly kind: 'reversal'; readonly transactionId: string; readonly amount?: number }
  | { readonly kind: 'status'; readonly asset: string; readonly status: Status }
  | {
      readonly kind: 'limit';
      readonly asset: string;
      readonly service?: string;
      /** null: as far as it likes; undefined: the limit goes. */
      readonly maxOverage: number | null | undefined;
      /** Of the one that is changed or goes; left out: it is made. */
      readonly limitId?: string;
    }
  | { readonly kind: 'suspension'; readonly isSuspended: boolean };

type Status = 'active' | 'frozen' | 'closed';

export interface Purse {
  balance: number;
  held: number;
  status: Status;
}

export interface Held {
  readonly asset: string;
  readonly amount: number;
  /** Milliseconds since 1970. */
  readonly expiresAt: number;
  status: 'open' | 'captured' | 'voided' | 'expired';
  captured: number;
  released: number;
}

/** What a reversal turns round. */
export interface Moved {
  readonly kind: string;
  readonly asset: string;
  readonly amount: number;
  /** At the wallet: above zero raised it. */
  readonly change: number;
  readonly unit?: string;
  readonly quantity: number;
  isReversed: boolean;
}

/** A transaction that a step has made. */
export interface Made {
  readonly id: string;
  readonly kind: string;
  readonly amount: number;
}

/** Why a step is not possible; the facts of a refused payment are part of its reason. */
export interface Objection {
  readonly code: string;
  readonly asset?: string;
  readonly amount?: number;
  readonly available?: number;
}

/** One organization's wallets, holds, limits and transactions. */
export class Book {
  readonly purses = new Map<string, Purse>();
  readonly holds = new Map<string, Held>();
  readonly moved = new Map<string, Moved>();
  /** By asset, and by asset and service. */
  readonly limits = new Map<string, number | null>();
  readonly limitIds = new Set<string>();
  isSuspended = false;

  purse(asset: string): Purse {
    const purse = this.purses.get(asset) ?? { balance: 0, held: 0, status: 'active' };
    this.purses.set(asset, purse);
    return purse;
  }

  /** Whether something has moved in it, so that it must be there. */
  isUsed(asset: string): boolean {
    return [...this.moved.values()].some((each) => each.asset === asset || each.unit === asset);
  }

  /** How far below zero it may go: by the limit of the service, else of the asset, else not at all (INV-46, 9.6). */
  most(asset: string, service?: string): number {
    const own = service === undefined ? undefined : this.limits.get(limitName(asset, service));
    const found = own === undefined ? this.limits.get(limitName(asset)) : own;
    return found === undefined ? 0 : (found ?? Number.POSITIVE_INFINITY);
  }

  available(asset: string, service?: string): number {
    const { balance, held } = this.purse(asset);
    return balance - held + this.most(asset, service);
  }

  /**
   * Everything that forbids a step as things are; nothing: it must be done.
   * @param now milliseconds since 1970, by which holds run out
   */
  objections(step: Step, now: number): Objection[] {
    const found: Objection[] = [];
    const isTaking = step.kind === 'charge' || step.kind === 'hold' || step.kind === 'capture';
    if (this.isSuspended && isTaking) found.push({ code: 'organization_suspended' });
    const changes = this.changesOf(step);
    for (const { asset } of changes) {
      if (this.purse(asset).status === 'closed') found.push({ code: 'invalid_transition' });
    }
    // INV-50; units that come with a charge are as good as a top-up of theirs.
    const paid = changes[0];
    if (isTaking && paid !== undefined && this.purse(paid.asset).status === 'frozen')
      found.push({ code: 'wallet_frozen' });
    for (const { asset, free, service } of changes) {
      const available = this.available(asset, service);
      if (free >= 0 || available + free >= 0) continue;
      const code = this.most(asset, service) === 0 ? 'insufficient_funds' : 'overage_limit_exceeded';
      found.push({ code, asset, amount: -free, available });
    }
    if (step.kind === 'capture' || step.kind === 'void') found.push(...this.objectionsToEnd(step, now));
    if (step.kind === 'reversal') found.push(...this.objectionsToReverse(step));
    if (step.kind === 'status') found.push(...this.objectionsToStatus(step));
    if (step.kind === 'limit') found.push(...this.objectionsToLimit(step));
    return found;
  }

  private objectionsToEnd(step: { holdId: string; amount?: number }, now: number): Objection[] {
    const held = this.holds.get(step.holdId);
    if (held === undefined) return [{ code: 'not_found' }];
    const found: Objection[] = [];
    if (held.status !== 'open' || held.expiresAt <= now) found.push({ code: 'hold_closed' });
    if ((step.amount ?? 0) > held.amount) found.push({ code: 'not_allowed' });
    return found;
  }

  private objectionsToReverse({ transactionId, amount }: { transactionId: string; amount?: number }): Objection[] {
    const was = this.moved.get(transactionId);
    if (was === undefined) return [{ code: 'not_found' }];
    const found: Objection[] = [];
    if (!['topup', 'charge', 'capture', 'adjustment'].includes(was.kind)) found.push({ code: 'not_allowed' });
    if (amount !== undefined && amount !== was.amount) found.push({ code: 'not_allowed' });
    if (was.isReversed) found.push({ code: 'already_reversed' });
    return found;
  }

  private objectionsToStatus({ asset, status }: { asset: string; status: Status }): Objection[] {
    const purse = this.purse(asset);
    if (purse.status === status) return [];
    const isKept = purse.balance !== 0 || purse.held !== 0 || purse.status === 'frozen';
    return purse.status === 'closed' || (status === 'closed' && isKept) ? [{ code: 'invalid_transition' }] : [];
  }

  private objectionsToLimit({ asset, service, limitId }: Extract<Step, { kind: 'limit' }>): Objection[] {
    if (limitId !== undefined) return this.limitIds.has(limitId) ? [] : [{ code: 'not_found' }];
    return this.limits.has(limitName(asset, service)) ? [{ code: 'limit_exists' }] : [];
  }

  /** Whether there is nothing to do for it, and nothing to tell. */
  isSo(step: Step): boolean {
    if (step.kind === 'status') return this.purse(step.asset).status === step.status;
    if (step.kind === 'suspension') return this.isSuspended === step.isSuspended;
    return step.kind === 'limit' && this.limits.get(limitName(step.asset, step.service)) === step.maxOverage;
  }

  /** What becomes of what is free in which wallet, the one that is paid from first; the service whose limit counts. */
  private changesOf(step: Step): { asset: string; free: number; service?: string }[] {
    if (step.kind === 'topup') return [{ asset: step.asset, free: step.amount }];
    if (step.kind === 'hold') return [{ asset: step.asset, free: -step.amount, service: step.service }];
    if (step.kind === 'adjustment') {
      return [{ asset: step.asset, free: step.direction === 'credit' ? step.amount : -step.amount }];
    }
    if (step.kind === 'charge') {
      const paid = { asset: step.asset, free: -step.amount, service: step.service };
      const unit = unitOf(step);
      return unit === undefined ? [paid] : [paid, { asset: unit, free: step.quantity ?? 0 }];
    }
    if (step.kind === 'capture' || step.kind === 'void' || step.kind === 'expire') {
      const held = this.holds.get(step.holdId);
      if (held === undefined) return [];
      const taken = step.kind === 'capture' ? (step.amount ?? held.amount) : 0;
      return [{ asset: held.asset, free: Math.max(0, held.amount - taken) }];
    }
    if (step.kind !== 'reversal') return [];
    const was = this.moved.get(step.transactionId);
    if (was === undefined) return [];
    const back = { asset: was.asset, free: -was.change };
    return was.unit === undefined ? [back] : [back, { asset: was.unit, free: -was.quantity }];
  }

  /**
   * Does a step that nothing forbids.
   * @param id of the hold or the limit, when it makes one
   * @param transactions that it made
   * @returns types of the events that are told beside that of the step itself
   */
  take(step: Step, id: string, transactions: readonly Made[]): string[] {
    const changes = this.changesOf(step);
    const before = new Map(changes.map(({ asset }) => [asset, { ...this.purse(asset) }]));
    if (step.kind === 'status') this.purse(step.asset).status = step.status;
    else if (step.kind === 'suspension') this.isSuspended = step.isSuspended;
    else if (step.kind === 'limit') this.limit(step, id);
    else if (step.kind === 'hold') this.hold(step, id);
    else if (step.kind === 'capture') this.end(step.holdId, 'captured', step.amount);
    else if (step.kind === 'void') this.end(step.holdId, 'voided', 0);
    else if (step.kind === 'expire') this.end(step.holdId, 'expired', 0);
    else for (const { asset, free } of changes) this.purse(asset).balance += free;
    for (const made of transactions) this.note(made, changes);
    if (step.kind === 'reversal') (this.moved.get(step.transactionId) as Moved).isReversed = true;
    return [...before].flatMap(([asset, was]) => crossings(was, this.purse(asset), this.most(asset)));
  }

  private limit({ asset, service, maxOverage, limitId }: Extract<Step, { kind: 'limit' }>, id: string): void {
    const name = limitName(asset, service);
    if (maxOverage !== undefined) this.limits.set(name, maxOverage);
    else this.limits.delete(name);
    if (maxOverage !== undefined) this.limitIds.add(limitId ?? id);
    else this.limitIds.delete(limitId as string);
  }

  private hold({ asset, amount, expiresAt }: Extract<Step, { kind: 'hold' }>, id: string): void {
    this.purse(asset).held += amount;
    this.holds.set(id, { asset, amount, expiresAt, status: 'open', captured: 0, released: 0 });
  }

  /** INV-49. @param taken all when left out */
  private end(id: string, status: Held['status'], taken?: number): void {
    const held = this.holds.get(id) as Held;
    held.status = status;
    held.captured = taken ?? held.amount;
    held.released = held.amount - held.captured;
    const purse = this.purse(held.asset);
    purse.held -= held.amount;
    purse.balance -= held.captured;
  }

  /** What a reversal of it would turn round; what holds make but captures can't be. */
  private note({ id, kind, amount }: Made, changes: readonly { asset: string; free: number }[]): void {
    const [paid, units] = changes;
    if (paid === undefined) return;
    const change = kind === 'capture' ? -amount : paid.free;
    this.moved.set(id, {
      kind,
      asset: paid.asset,
      amount,
      change,
      unit: units?.asset,
      quantity: units?.free ?? 0,
      isReversed: false,
    });
  }
}

const limitName = (asset: string, service?: string): string => (service === undefined ? asset : `${asset} ${service}`);

/** The units that a charge buys; a charge of units uses them up. */
export function unitOf({ asset, service }: { asset: string; service?: string }): string | undefined {
  const unit = UNITS[service ?? ''];
  return unit === asset ? undefined : unit;
}

/** Section 7.2: below zero, at the limit, back at zero; each when it happens, not as long as it is so. */
function crossings(was: Purse, now: Purse, most: number): string[] {
  const found: string[] = [];
  if (was.balance >= 0 && now.balance < 0) found.push('wallet.overage_started');
  if (was.balance < 0 && now.balance >= 0) found.push('wallet.overage_cleared');
  const isAtLimit = ({ balance, held }: Purse) => balance - held + most <= 0;
  if (most > 0 && !isAtLimit(was) && isAtLimit(now)) found.push('wallet.overage_limit_reached');
  return found;
}
