/**
 * Milliseconds for which what was looked up is believed. Less than the second within which a revocation must reach every
 * process (INV-34), so that no process needs to be told; the one that revokes forgets at once.
 */
export const BELIEVED_MS = 900;
const MOST_REMEMBERED = 10_000;

interface Entry<Value> {
  readonly value: Value;
  readonly lookedUpAt: number;
}

/** Answers of look-ups, remembered for less than a second. Times are milliseconds since the epoch. */
export class Believed<Value> {
  private readonly remembered = new Map<string, Entry<Value>>();
  /** Goes up when everything is forgotten: a look-up begun before is not remembered. */
  private generation = 0;
  private readonly running = new Map<string, { generation: number; begunAt: number; found: Promise<Value> }>();

  /** At once when it is remembered. One look-up serves all who wait for the same: a busy key would else fill the pool. */
  find(key: string, now: number, lookUp: () => Promise<Value>): Value | Promise<Value> {
    const known = this.remembered.get(key);
    if (known !== undefined && now - known.lookedUpAt < BELIEVED_MS) return known.value;
    const running = this.running.get(key);
    // A slow one is not joined for longer than its answer would be believed (INV-34).
    const isFresh = running?.generation === this.generation && now - running.begunAt < BELIEVED_MS;
    if (running !== undefined && isFresh) return running.found;
    const found = this.remember(key, now, lookUp).finally(() => {
      if (this.running.get(key)?.found === found) this.running.delete(key);
    });
    this.running.set(key, { generation: this.generation, begunAt: now, found });
    return found;
  }

  forget(): void {
    this.generation++;
    this.remembered.clear();
  }

  private async remember(key: string, now: number, lookUp: () => Promise<Value>): Promise<Value> {
    const { generation } = this;
    const value = await lookUp();
    if (generation === this.generation) {
      // Old entries are useless after a second: when there are too many, most are.
      if (this.remembered.size >= MOST_REMEMBERED) this.remembered.clear();
      this.remembered.set(key, { value, lookedUpAt: now });
    }
    return value;
  }
}
