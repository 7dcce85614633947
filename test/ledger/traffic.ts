import { randomUUID } from 'node:crypto';
import { type Made, SERVICES, type Step, UNITS } from './book';
import {
  type Answer,
  type Body,
  type Call,
  call,
  capture,
  hold,
  release,
  reverse,
  succeed,
  to,
  transact,
} from './calls';

const S = '/public/v2';
const M = '/public/v2/management';

/** One request, and what came of it; times by the clock of this process. */
export interface Attempt {
  readonly organizationId: string;
  readonly step: Step;
  /** `Idempotency-Key`. */
  readonly key: string | undefined;
  readonly sentAt: number;
  readonly answeredAt: number;
  readonly answer: Answer;
  /** Id of the resource that the answer shows. */
  readonly id: string;
  readonly transactions: readonly Made[];
}

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
class Known {
  readonly wallets = new Map<string, string>();
  readonly limits = new Map<string, string>();
  readonly holds: string[] = [];
  readonly transactions: string[] = [];
}

interface Traffic {
  /** Where the processes are. */
  readonly origins: readonly string[];
  readonly organizationIds: readonly string[];
  readonly seed: number;
  readonly clients: number;
  readonly operations: number;
}

/** Money; and small change, whose wallets are closed now and then. */
const ASSETS = ['USD', 'USD', 'USD', 'EUR', 'EUR'];
const SMALL = ['COIN', 'TOKEN', 'POINT'];
/** What the repetitions of a request are like: at the same time, afterwards, with another body, without a key. */
type Repetition = 'none' | 'beside' | 'after' | 'other' | 'keyless';

/** Sends random operations from several clients at once, each by turns to one of the processes. */
export async function sendTraffic({
  origins,
  organizationIds,
  seed,
  clients,
  operations,
}: Traffic): Promise<Attempt[]> {
  const attempts: Attempt[] = [];
  const known = new Map(organizationIds.map((id) => [id, new Known()]));
  let begun = 0;
  const client = async (number: number): Promise<void> => {
    const random = new Random(seed + number);
    while (begun++ < operations) {
      const organizationId = random.of(organizationIds);
      const one = known.get(organizationId) as Known;
      const sender = new Sender(origins, organizationId, one, attempts);
      await sender.perform(stepOf(random, one), repetitionOf(random), random);
    }
  };
  await Promise.all(Array.from({ length: clients }, (_, i) => client(i)));
  return attempts;
}

function repetitionOf(random: Random): Repetition {
  const place = random.next();
  if (place < 0.05) return 'beside';
  if (place < 0.1) return 'after';
  if (place < 0.13) return 'other';
  return place < 0.14 ? 'keyless' : 'none';
}

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

function stepOf(random: Random, known: Known): Step {
  const place = random.between(1, 100);
  let upTo = 0;
  for (const [share, make] of MIX) {
    upTo += share;
    const step = place <= upTo ? make(random, known) : undefined;
    if (step !== undefined) return step;
  }
  return topup(random, known) as Step;
}

/** Sends one operation with its repetitions, and notes what they were answered. */
class Sender {
  constructor(
    private readonly origins: readonly string[],
    private readonly organizationId: string,
    private readonly known: Known,
    private readonly attempts: Attempt[],
  ) {}

  async perform(step: Step, repetition: Repetition, random: Random): Promise<void> {
    const wanted = this.callOf(step);
    const isKeyed = wanted.key !== undefined;
    if (repetition === 'keyless' && isKeyed && step.kind !== 'void') {
      await this.send(step, { ...wanted, key: undefined }, random);
    } else if (repetition === 'beside' && isKeyed) {
      await Promise.all(Array.from({ length: 3 }, () => this.send(step, wanted, random)));
    } else {
      const { status } = await this.send(step, wanted, random);
      // What was refused before it began is not kept (INV-57): the key is free for anything.
      const isKept = isKeyed && [200, 201, 402, 409].includes(status);
      if (isKept && repetition === 'after') await this.send(step, wanted, random);
      if (isKept && repetition === 'other') {
        await this.send(step, { ...wanted, body: { ...wanted.body, meta: { other: true } } }, random);
      }
    }
  }

  private async send(step: Step, wanted: Call, random: Random): Promise<Answer> {
    const origin = random.of(this.origins);
    const sentAt = performance.timeOrigin + performance.now();
    const answer = await call(origin, { ...wanted, requestId: randomUUID() });
    const answeredAt = performance.timeOrigin + performance.now();
    if (answer?.status === 503) return this.send(step, wanted, random);
    if (answer === undefined || answer.status >= 500) throw new Error(`${wanted.path}: ${JSON.stringify(answer)}`);
    const data: Body = answer.status < 300 && answer.body !== undefined ? answer.body.data : undefined;
    const transactions = data === undefined ? [] : await this.transactionsOf(origin, data);
    this.learn(step, data, transactions);
    const { organizationId } = this;
    const id = data?.id ?? '';
    this.attempts.push({ organizationId, step, key: wanted.key, sentAt, answeredAt, answer, id, transactions });
    return answer;
  }

  /** What a posting or a hold has made, the newest first. */
  private async transactionsOf(origin: string, { type, id, attributes }: Body): Promise<Made[]> {
    if (type === 'walletTransactions') return [{ id, kind: attributes.kind, amount: attributes.amount }];
    if (type !== 'holds') return [];
    const { data } = await succeed(origin, { method: 'GET', path: `${S}/holds/${id}/transactions` });
    return data.map(({ id: made, attributes: { kind, amount } }: Body) => ({ id: made, kind, amount }));
  }

  private learn(step: Step, data: Body, transactions: readonly Made[]): void {
    const { wallets, limits, holds, transactions: all } = this.known;
    const name = step.kind === 'limit' ? `${step.asset} ${step.service}` : '';
    if (step.kind === 'limit' && limits.get(name) === step.limitId && step.maxOverage === undefined)
      limits.delete(name);
    if (data === undefined) return;
    if (step.kind === 'limit') limits.set(name, data.id);
    if (data.type === 'holds' && !holds.includes(data.id)) holds.push(data.id);
    for (const { id } of transactions) if (!all.includes(id)) all.push(id);
    const wallet = data.relationships?.wallet?.data?.id;
    if (wallet !== undefined && 'asset' in step) wallets.set(step.asset, wallet);
  }

  private callOf(step: Step): Call {
    const { organizationId, known } = this;
    const key = randomUUID();
    switch (step.kind) {
      case 'topup':
      case 'charge':
        return transact(organizationId, step, key);
      case 'adjustment':
        return transact(organizationId, { ...step, reason: 'By hand' }, key);
      case 'hold': {
        const { kind: _kind, expiresAt, ...attributes } = step;
        return hold(organizationId, { ...attributes, expiresAt: new Date(expiresAt).toISOString() }, key);
      }
      case 'capture':
        return capture(step.holdId, step.amount, key);
      case 'void':
        return release(step.holdId, key);
      case 'reversal':
        return reverse(step.transactionId, { reason: 'A mistake', amount: step.amount }, key);
      case 'status':
        return change(`${S}/wallets`, 'wallets', known.wallets.get(step.asset) as string, { status: step.status });
      case 'suspension': {
        const attributes = step.isSuspended ? { status: 'suspended', statusReason: 'A test' } : { status: 'active' };
        return change(`${M}/organizations`, 'organizations', organizationId, attributes);
      }
      case 'limit':
        return this.limitCall(step);
      case 'expire':
        throw new Error('Nobody asks for it.');
    }
  }

  private limitCall({ asset, service, maxOverage, limitId }: Extract<Step, { kind: 'limit' }>): Call {
    const path = `${S}/overageLimits`;
    if (maxOverage === undefined) return { method: 'DELETE', path: `${path}/${limitId}` };
    if (limitId !== undefined) return change(path, 'overageLimits', limitId, { maxOverage });
    const relationships = { organization: to('organizations', this.organizationId) };
    const data = { type: 'overageLimits', attributes: { asset, service, maxOverage }, relationships };
    return { method: 'POST', path, body: { data } };
  }
}

const change = (path: string, type: string, id: string, attributes: object): Call => ({
  method: 'PATCH',
  path: `${path}/${id}`,
  body: { data: { type, id, attributes } },
});
