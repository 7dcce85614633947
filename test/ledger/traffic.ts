import { randomUUID } from 'node:crypto';
import type { Made, Step } from './book';
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
import { Known, Random, stepOf } from './choices';

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

interface Traffic {
  /** Where the processes are. */
  readonly origins: readonly string[];
  readonly organizationIds: readonly string[];
  readonly seed: number;
  readonly clients: number;
  readonly operations: number;
}

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
