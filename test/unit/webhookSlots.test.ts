import { rateLeft, rateWait } from '../../src/webhooks/rate';
import { MOST_CLAIMED, MOST_PER_ENDPOINT, MOST_RUNNING, Slots } from '../../src/webhooks/slots';

const asking = (organizationId: string, endpoints: number, most = MOST_PER_ENDPOINT, isFailing = false) =>
  Array.from({ length: endpoints }, (_, n) => ({
    id: `${organizationId}/${n}`,
    organizationId,
    isFailing,
    bound: isFailing ? 1 : MOST_PER_ENDPOINT,
    most,
  }));

/** Deals until nothing more is given, as one claim after another does. */
function fill(slots: Slots, wanting: ReturnType<typeof asking>): number {
  let count = 0;
  const left = new Map(wanting.map(({ id, most }) => [id, most]));
  for (;;) {
    const dealt = slots.deal(wanting.map((each) => ({ ...each, most: left.get(each.id) as number })));
    if (dealt.size === 0) return count;
    for (const each of wanting) {
      const given = dealt.get(each.id) ?? 0;
      left.set(each.id, (left.get(each.id) as number) - given);
      for (let n = 0; n < given; n++) slots.enter(each);
      count += given;
    }
  }
}

describe('slots', () => {
  test('are dealt out in turn', () => {
    const dealt = new Slots().deal([...asking('a', 1), ...asking('b', 1, 2), ...asking('c', 1, 0)]);
    expect([...dealt]).toEqual([
      ['a/0', MOST_PER_ENDPOINT],
      ['b/0', 2],
    ]);
  });

  test('are dealt out equally when there are too few, a hundred at a time', () => {
    const dealt = new Slots().deal([...Array(40).keys()].flatMap((n) => asking(String(n), 1)));
    const counts = [...dealt.values()];
    expect(counts.reduce((sum, count) => sum + count)).toBe(MOST_CLAIMED);
    expect(new Set(counts)).toEqual(new Set([2, 3]));
  });

  test('an organization gets forty at the most', () => {
    const slots = new Slots();
    expect(fill(slots, asking('a', 20))).toBe(40);
    expect(slots.closed.organizations).toEqual(['a']);
  });

  test('when ten organizations have taken all they can, another one gets some', () => {
    const slots = new Slots();
    for (let n = 0; n < 10; n++) fill(slots, asking(String(n), 20));
    expect(fill(slots, asking('late', 1))).toBeGreaterThanOrEqual(5);
  });

  test('of endpoints that fail, each gets one and all of them a hundred', () => {
    const slots = new Slots();
    const failing = Array.from({ length: 200 }, (_, n) => asking(String(n), 1, 1, true)).flat();
    expect(fill(slots, failing)).toBe(100);
    expect(slots.closed).toMatchObject({ failing: true });
    expect(slots.closed.endpoints).toHaveLength(100);
    expect(fill(slots, asking('healthy', 4))).toBeGreaterThan(30);
    for (const each of failing.slice(0, 100)) slots.leave(each);
    expect(slots.closed.failing).toBe(false);
  });

  test('that are left are there again', () => {
    const slots = new Slots();
    const [one] = asking('a', 1) as [ReturnType<typeof asking>[number]];
    for (let n = 0; n < MOST_PER_ENDPOINT; n++) slots.enter(one);
    expect(slots.closed.endpoints).toEqual([one.id]);
    slots.leave(one);
    expect(slots.closed).toEqual({ endpoints: [], organizations: [], failing: false });
    expect(slots.free).toBe(MOST_RUNNING - MOST_PER_ENDPOINT + 1);
  });
});

describe('a rate', () => {
  test('saves up a tenth of a second, and one request at the least', () => {
    expect(rateLeft({ perSecond: 100, left: 0, at: null }, 0)).toBe(10_000);
    expect(rateLeft({ perSecond: 100, left: 0, at: 1_000 }, 90_000)).toBe(10_000);
    expect(rateLeft({ perSecond: 1, left: 0, at: 1_000 }, 90_000)).toBe(1_000);
  });

  test('fills evenly, and never runs backwards', () => {
    expect(rateLeft({ perSecond: 2, left: 200, at: 1_000 }, 1_250)).toBe(700);
    expect(rateLeft({ perSecond: 2, left: 200, at: 1_000 }, 500)).toBe(200);
    expect(rateWait(2, 700)).toBe(150);
  });
});
