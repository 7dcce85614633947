import { Book, type Held, type Objection, type Step } from './book';
import type { Body } from './calls';
import type { Attempt } from './traffic';

/** By which event a step is told. */
const TOLD: Readonly<Record<Exclude<Step['kind'], 'status' | 'suspension'>, string>> = {
  topup: 'wallet.topped_up',
  charge: 'wallet.charged',
  adjustment: 'wallet.adjusted',
  reversal: 'wallet.transaction_reversed',
  hold: 'wallet.hold_placed',
  capture: 'wallet.hold_captured',
  void: 'wallet.hold_voided',
  expire: 'wallet.hold_expired',
  limit: 'overage_limit.updated',
};
const REFUSED = 'wallet.charge_refused';
const CHANGED = { active: 'wallet.unfrozen', frozen: 'wallet.frozen', closed: 'wallet.closed' };

function toldBy(step: Step): string {
  if (step.kind === 'status') return CHANGED[step.status];
  if (step.kind === 'suspension') return step.isSuspended ? 'organization.suspended' : 'organization.reactivated';
  return TOLD[step.kind];
}

/** A step that was done, at its place among those of its organization. */
interface Done {
  readonly step: Step;
  readonly id: string;
  readonly attempt: Attempt | undefined;
  /** Numbers of its events. */
  readonly first: number;
  readonly types: readonly string[];
  /** Between these it was done; unknown of what the service did by itself. */
  readonly sentAt: number;
  readonly answeredAt: number;
}

/** An answer that changed nothing, and the states in which it may have been judged: before which of the steps. */
interface Unchanged {
  readonly attempt: Attempt;
  readonly from: number;
  readonly upTo: number;
}

export interface Replayed {
  readonly book: Book;
  /** What does not agree, in words. */
  readonly problems: readonly string[];
  readonly done: number;
  readonly refused: number;
}

/**
 * Does what was done to an organization once more, in the order of its events: postings lock the organization until they
 * are committed, and take their numbers last, so that the numbers are the order in which they were judged. Each that was
 * done must have been possible there, and each refusal right in one of the states that there were between the request and
 * its answer.
 * @param attempts of this organization
 * @param events of it by number
 */
export function replay(attempts: readonly Attempt[], events: readonly Body[]): Replayed {
  return new Replay(attempts, events).run();
}

class Replay {
  private readonly book = new Book();
  private readonly problems: string[] = [];
  private readonly byRequest = new Map<string, Body[]>();
  private readonly byKey = new Map<string, Attempt[]>();

  constructor(
    private readonly attempts: readonly Attempt[],
    private readonly events: readonly Body[],
  ) {
    for (const { attributes } of events) push(this.byRequest, attributes.requestId, attributes);
    for (const attempt of attempts) if (attempt.key !== undefined) push(this.byKey, attempt.key, attempt);
  }

  run(): Replayed {
    this.events.forEach(({ attributes }, i) => {
      if (attributes.sequence !== i + 1) this.problems.push(`event ${i + 1} has the number ${attributes.sequence}`);
    });
    const known = new Set(this.attempts.map(({ answer }) => answer.requestId));
    for (const { attributes } of this.events) {
      const isOfMoney = /^(wallet|overage_limit)[.]/.test(attributes.eventType) && attributes.eventType !== TOLD.expire;
      if (isOfMoney && !known.has(attributes.requestId))
        this.problems.push(`nobody asked for event ${attributes.sequence}`);
    }
    const done = this.findDone();
    const unchanged = this.findUnchanged(done);
    const refused = unchanged.length;
    const isRight = new Set<Unchanged>();
    for (let place = 0; place <= done.length; place++) {
      for (const each of unchanged) {
        if (place >= each.from && place <= each.upTo && this.isRight(each.attempt)) isRight.add(each);
      }
      const next = done[place];
      if (next !== undefined) this.take(next, place, done);
    }
    for (const each of unchanged) {
      if (!isRight.has(each)) this.problem(each.attempt, `was never right between ${each.from} and ${each.upTo}`);
    }
    return { book: this.book, problems: this.problems, done: done.length, refused };
  }

  private problem({ step, answer }: Attempt, what: string): void {
    const { status, body } = answer;
    this.problems.push(`${JSON.stringify(step)} → ${status} ${JSON.stringify(body?.errors ?? body?.meta)}: ${what}`);
  }

  /** In the order of the events. */
  private findDone(): Done[] {
    const done: Done[] = [];
    const keys = new Set<string>();
    for (const attempt of this.attempts) {
      const { step, id, sentAt, answeredAt, answer, key } = attempt;
      const told = this.byRequest.get(answer.requestId) ?? [];
      if (told.length === 0 || told[0].eventType === REFUSED) continue;
      if (answer.status >= 300 || answer.isReplay) this.problem(attempt, 'has done something');
      if (key !== undefined && keys.has(key)) this.problem(attempt, 'was done twice');
      if (key !== undefined) keys.add(key);
      const types = told.map(({ eventType }) => eventType as string);
      done.push({ step, id, attempt, first: told[0].sequence, types, sentAt, answeredAt });
    }
    for (const { attributes } of this.events) {
      const { eventType, sequence, data, occurredAt } = attributes;
      if (eventType !== TOLD.expire) continue;
      const step = { kind: 'expire', holdId: data.id } as const;
      const unknown = { sentAt: Number.NEGATIVE_INFINITY, answeredAt: Number.POSITIVE_INFINITY };
      if (Date.parse(data.attributes.expiresAt) > Date.parse(occurredAt) + 999)
        this.problems.push(`${data.id} expired early`);
      done.push({ step, id: data.id, attempt: undefined, first: sequence, types: [eventType], ...unknown });
    }
    return done.sort((a, b) => a.first - b.first);
  }

  /** Answers to which nothing was done; what the protocol says of keys is judged at once. */
  private findUnchanged(done: readonly Done[]): Unchanged[] {
    const found: Unchanged[] = [];
    const isDone = new Set(done.map(({ attempt }) => attempt));
    for (const attempt of this.attempts) {
      if (isDone.has(attempt) || this.isOfKeys(attempt)) continue;
      const told = this.byRequest.get(attempt.answer.requestId)?.[0];
      const isTold = attempt.step.kind === 'charge' && attempt.answer.status === 402;
      if ((told !== undefined) !== isTold) this.problem(attempt, 'a refusal of a charge is told, and no other');
      const from = 1 + done.findLastIndex(({ answeredAt }) => answeredAt < attempt.sentAt);
      const after = done.findIndex(({ sentAt }) => sentAt > attempt.answeredAt);
      const untold = told === undefined ? -1 : done.findIndex(({ first }) => first > told.sequence);
      const upTo = Math.min(...[after, untold].map((place) => (place < 0 ? done.length : place)));
      if (from > upTo) this.problem(attempt, 'was told before what had been answered before it was sent');
      found.push({ attempt, from, upTo });
    }
    return found;
  }

  /** INV-48, INV-56: whether it was answered for its key alone, and by right. */
  private isOfKeys(attempt: Attempt): boolean {
    const { key, answer, sentAt, answeredAt } = attempt;
    const code = answer.body?.errors?.[0]?.code;
    const others = (this.byKey.get(key ?? '') ?? []).filter((each) => each !== attempt);
    if (code === 'idempotency_key_required') {
      if (key !== undefined) this.problem(attempt, 'has a key');
    } else if (code === 'request_in_progress') {
      const isBeside = others.some((other) => other.sentAt < answeredAt && other.answeredAt > sentAt);
      if (!isBeside) this.problem(attempt, 'nothing was in progress');
    } else if (code === 'idempotency_key_reused') {
      if (others.length === 0) this.problem(attempt, 'nobody has used the key');
    } else if (answer.isReplay) {
      const text = JSON.stringify(answer.body);
      const isSame = ({ answer: { isReplay, status, body } }: Attempt) =>
        !isReplay && status === answer.status && JSON.stringify(body) === text;
      if (!others.some(isSame)) this.problem(attempt, 'nobody else got this answer');
    } else return false;
    return true;
  }

  /** Whether the answer is what the state calls for. */
  private isRight({ step, answer, answeredAt }: Attempt): boolean {
    if (answer.status < 300) return this.book.isSo(step) && this.book.objections(step, answeredAt).length === 0;
    const { code, meta } = answer.body.errors[0];
    const isSame = (one: Objection) =>
      one.code === code &&
      (one.available === undefined ||
        (one.available === meta?.available && one.amount === meta.amount && one.asset === meta.asset));
    return this.book.objections(step, answeredAt).some(isSame);
  }

  private take(next: Done, place: number, done: readonly Done[]): void {
    const { step, id, attempt, types, sentAt } = next;
    const note = (what: string) => {
      if (attempt === undefined) this.problems.push(`${JSON.stringify(step)}: ${what}`);
      else this.problem(attempt, what);
    };
    const overtaken = done.findLastIndex(({ answeredAt }) => answeredAt < sentAt);
    if (overtaken >= place) note('was done before what had been answered before it was sent');
    const objections = this.book.objections(step, sentAt);
    if (objections.length > 0) note(`was not possible: ${JSON.stringify(objections)}`);
    const crossed = this.book.take(step, id, attempt?.transactions ?? []);
    const wanted = [toldBy(step), ...crossed];
    if (types[0] !== wanted[0] || [...types].sort().join() !== wanted.sort().join()) note(`is told by ${types}`);
    if (attempt !== undefined) this.compareState(attempt, note);
  }

  /** What the answer says of the wallet behind it. */
  private compareState({ step, answer: { body } }: Attempt, note: (what: string) => void): void {
    const told = body?.meta?.wallet;
    if (told === undefined) {
      if (step.kind !== 'status' && step.kind !== 'limit' && step.kind !== 'suspension') note('tells no wallet');
      return;
    }
    const asset: string = body.data.attributes.asset;
    const is = stateOf(this.book, asset);
    const { balanceAfter } = body.data.attributes;
    const isSame = Object.entries(is).every(([name, value]) => told[name] === value);
    if (!isSame || (balanceAfter !== undefined && balanceAfter !== is.balance))
      note(`the wallet is ${JSON.stringify(is)}`);
  }
}

/** A wallet as answers show it. */
export function stateOf(book: Book, asset: string) {
  const { balance, held } = book.purse(asset);
  const available = book.available(asset);
  return {
    balance,
    held,
    available: available === Number.POSITIVE_INFINITY ? null : available,
    overageUsed: Math.max(0, -balance),
  };
}

/** A hold as it is shown: it is over as soon as its time is. */
export function holdOf(book: Book, id: string) {
  const { amount, captured, released, status, expiresAt } = book.holds.get(id) as Held;
  return { amount, captured, released, status: status === 'open' && expiresAt <= Date.now() ? 'expired' : status };
}

function push<T>(map: Map<string, T[]>, key: string, value: T): void {
  const list = map.get(key);
  if (list === undefined) map.set(key, [value]);
  else list.push(value);
}
