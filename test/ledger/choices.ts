import { SERVICES, type Step, UNITS } from './book';

/** Numbers that follow from a seed (mulberry32). */
export class Random {
  constructor(private state: number) {}

  /** From 0 on, below 1. */
  next(): number {
    this.state = (this.state + 0x6d2b79f5) | 0;
    let t = Math.imul(this.state ^ (this.state >>> 15), 1 | this.state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  }

  /** Whole, both ends included. */
  between(least: number, most: number): number {
    return least + Math.floor(this.next() * (most - least + 1));
  }

  of<T>(list: readonly T[]): T {
    return list[this.between(0, list.length - 1)] as T;
  }

  is(probability: number): boolean {
    return this.next() < probability;
  }
}

/** What clients know of an organization: from answers, and nothing else. */
export class Known {
  readonly wallets = new Map<string, string>();
  readonly limits = new Map<string, string>();
  readonly holds: string[] = [];
  readonly transactions: string[] = [];
}

/** Money; and small change, whose wallets are closed now and then. */
const ASSETS = ['USD', 'USD', 'USD', 'EUR', 'EUR'];
const SMALL = ['COIN', 'TOKEN', 'POINT'];
type Maker = (random: Random, known: Known) => Step | undefined;

const amountOf = (random: Random, asset: string): number =>
  SMALL.includes(asset) ? random.between(1, 3) : random.between(1, random.is(0.1) ? 5_000 : 500);
const assetOf = (random: Random): string => random.of(random.is(0.1) ? SMALL : ASSETS);

const topup: Maker = (random) => {
  const asset = assetOf(random);
  return { kind: 'topup', asset, amount: amountOf(random, asset) };
};

function charge(random: Random): Step {
  const service = random.is(0.6) ? random.of(SERVICES) : undefined;
  const unit = UNITS[service ?? ''];
  // Units are used up by a charge of them.
  if (random.is(0.2)) return { kind: 'charge', asset: random.of(Object.values(UNITS)), amount: random.between(1, 12) };
  const asset = assetOf(random);
  const quantity = unit === undefined ? undefined : random.between(1, 9);
  return { kind: 'charge', asset, amount: amountOf(random, asset), service, quantity };
}

const adjustment: Maker = (random) => {
  const asset = assetOf(random);
  const direction = random.is(0.5) ? 'credit' : 'debit';
  return { kind: 'adjustment', asset, amount: amountOf(random, asset), direction };
};

const newHold: Maker = (random) => {
  const asset = assetOf(random);
  const service = random.is(0.4) ? random.of(SERVICES) : undefined;
  // Some run out while they are asked for.
  const seconds = random.is(0.2) ? random.between(2, 4) : 3_600;
  const expiresAt = (Math.floor(Date.now() / 1_000) + seconds) * 1_000;
  return { kind: 'hold', asset, amount: amountOf(random, asset), service, expiresAt };
};

/** Mostly one of the last, which may be open. */
const recent = (random: Random, ids: readonly string[]): string | undefined =>
  random.of(random.is(0.8) ? ids.slice(-10) : ids);

const captureHold: Maker = (random, { holds }) => {
  const holdId = recent(random, holds);
  const amount = random.is(0.5) ? random.between(1, 600) : undefined;
  return holdId === undefined ? undefined : { kind: 'capture', holdId, amount };
};

const voidHold: Maker = (random, { holds }) => {
  const holdId = recent(random, holds);
  return holdId === undefined ? undefined : { kind: 'void', holdId };
};

const reversal: Maker = (random, { transactions }) => {
  const transactionId = recent(random, transactions);
  const amount = random.is(0.05) ? random.between(1, 600) : undefined;
  return transactionId === undefined ? undefined : { kind: 'reversal', transactionId, amount };
};

const status: Maker = (random, { wallets }) => {
  const asset = random.of([...wallets.keys()]);
  if (asset === undefined) return undefined;
  // What is frozen does not stay so for long, or little else would be told.
  const place = random.next();
  const closes = SMALL.includes(asset) || random.is(0.1);
  return { kind: 'status', asset, status: place < 0.35 ? 'frozen' : place < 0.85 || !closes ? 'active' : 'closed' };
};

const limit: Maker = (random, { limits }) => {
  const service = random.is(0.5) ? random.of(SERVICES) : undefined;
  const asset = random.of([...ASSETS, ...Object.values(UNITS)]);
  const most = ASSETS.includes(asset) ? 3_000 : 20;
  const limitId = limits.get(`${asset} ${service}`);
  const goes = limitId !== undefined && random.is(0.1);
  const maxOverage = goes ? undefined : random.is(0.05) ? null : random.between(0, most);
  return { kind: 'limit', asset, service, maxOverage, limitId };
};

const suspension: Maker = (random) => ({ kind: 'suspension', isSuspended: random.is(0.3) });

/** Of a hundred operations, so many. */
const MIX: readonly [share: number, make: Maker][] = [
  [24, topup],
  [30, charge],
  [8, adjustment],
  [10, newHold],
  [8, captureHold],
  [5, voidHold],
  [7, reversal],
  [3, status],
  [4, limit],
  [1, suspension],
];

/** What a client asks for next. */
export function stepOf(random: Random, known: Known): Step {
  const place = random.between(1, 100);
  let upTo = 0;
  for (const [share, make] of MIX) {
    upTo += share;
    const step = place <= upTo ? make(random, known) : undefined;
    if (step !== undefined) return step;
  }
  return topup(random, known) as Step;
}
