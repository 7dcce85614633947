/** Attempts of one process that run at the same time: sockets, and bodies in memory. */
export const MOST_RUNNING = 300;
/** Deliveries of one claim: more would be a long transaction, and their leases begin together. */
export const MOST_CLAIMED = 100;
/** Of one endpoint, over all processes: what a small receiver bears, and enough for some hundreds a second where it is fast. */
export const MOST_PER_ENDPOINT = 20;
/** Of one organization and process: two of its endpoints at full speed. */
const MOST_PER_ORGANIZATION = 40;
/** So much of what is free an organization may take: some is left for newcomers, also when the receivers of many hang. */
const SHARE = 1 / 4;

/** To endpoints that fail: however many hang, the others have slots. */
const MOST_FAILING = 100;

/** An endpoint. */
interface Placed {
  readonly id: string;
  readonly organizationId: string;
  readonly isFailing: boolean;
  /** How many may be on their way at once. */
  readonly bound: number;
}

/** An endpoint whose deliveries are to be taken, and how many at the most. */
export interface Asking extends Placed {
  readonly most: number;
}

/** Which attempts this process makes, and how many more it may. */
export class Slots {
  private running = 0;
  private failing = 0;
  private readonly ofOrganization = new Map<string, number>();
  private readonly ofEndpoint = new Map<string, number>();
  /** Endpoints with as many as they may have. */
  private readonly full = new Set<string>();

  get free(): number {
    return MOST_RUNNING - this.running;
  }

  enter({ id, organizationId, isFailing, bound }: Placed): void {
    this.running++;
    if (isFailing) this.failing++;
    add(this.ofOrganization, organizationId, 1);
    if (add(this.ofEndpoint, id, 1) >= bound) this.full.add(id);
  }

  /** With the endpoint as it was when it entered. */
  leave({ id, organizationId, isFailing }: Placed): void {
    this.running--;
    if (isFailing) this.failing--;
    add(this.ofOrganization, organizationId, -1);
    add(this.ofEndpoint, id, -1);
    this.full.delete(id);
  }

  /** What gets no slot now, so that nobody need look at it: ids, and whether it is all endpoints that fail. */
  get closed(): { endpoints: string[]; organizations: string[]; failing: boolean } {
    const limit = this.limit(this.free);
    return {
      endpoints: [...this.full],
      organizations: [...this.ofOrganization].filter(([, count]) => count >= limit).map(([id]) => id),
      failing: this.failing >= MOST_FAILING,
    };
  }

  /** Deals free slots out, one to each endpoint in turn, until there are none or nobody asks for more. */
  deal(asking: readonly Asking[]): Map<string, number> {
    const dealt = new Map<string, number>();
    const counts = new Map(this.ofOrganization);
    const limit = this.limit(this.free);
    let left = Math.min(this.free, MOST_CLAIMED);
    let failing = this.failing;
    for (let before = left + 1; left < before && left > 0; ) {
      before = left;
      for (const { id, organizationId, isFailing, most } of asking) {
        const has = dealt.get(id) ?? 0;
        if (left === 0 || has >= most || (counts.get(organizationId) ?? 0) >= limit) continue;
        if (isFailing && failing++ >= MOST_FAILING) continue;
        dealt.set(id, has + 1);
        add(counts, organizationId, 1);
        left--;
      }
    }
    return dealt;
  }

  private limit(free: number): number {
    return Math.min(MOST_PER_ORGANIZATION, Math.floor(free * SHARE));
  }
}

function add(counts: Map<string, number>, id: string, change: number): number {
  const count = (counts.get(id) ?? 0) + change;
  if (count === 0) counts.delete(id);
  else counts.set(id, count);
  return count;
}
