import { type Failed, pauseAfter } from '../../src/webhooks/schedule';

const SCHEDULE = [5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400];
const NOW = new Date('2030-01-01T00:00:00Z');
const failed = (more: Partial<Failed> = {}): Failed => ({
  error: 'http_status',
  statusCode: 500,
  responseHeaders: {},
  ...more,
});
const busy = (retryAfter: string, statusCode = 503) =>
  failed({ statusCode, responseHeaders: { 'retry-after': retryAfter } });
/** Seconds with the least and the most that chance makes of it. */
const range = (schedule: number[], failures: number, how: Failed) =>
  [0, 1 - 1e-9].map(
    (chance) => Math.round((pauseAfter(schedule, failures, how, NOW, () => chance) as number) / 10) / 100,
  );

test('each failure is followed by its step, a fifth earlier or later', () => {
  for (const [index, step] of SCHEDULE.entries()) {
    expect(range(SCHEDULE, index + 1, failed())).toEqual([step * 0.8, step * 1.2]);
  }
});

test('pauses differ', () => {
  const pauses = Array.from({ length: 50 }, () => pauseAfter(SCHEDULE, 2, failed(), NOW));
  expect(new Set(pauses).size).toBeGreaterThan(40);
});

test('after the last step there is none, nor with no steps at all', () => {
  expect(pauseAfter(SCHEDULE, SCHEDULE.length + 1, failed(), NOW)).toBeNull();
  expect(pauseAfter([], 1, failed(), NOW)).toBeNull();
});

describe('Retry-After', () => {
  test.each([
    ['less than the step', '10', [300, 360]],
    ['nothing', '0', [300, 360]],
    ['more than the step', '400', [400, 480]],
    ['nearly twice the step', '590', [590, 600]],
    ['more than twice the step', '90000', [600, 600]],
    ['a date', 'Tue, 01 Jan 2030 00:06:40 GMT', [400, 480]],
    ['a date that has passed', 'Mon, 31 Dec 2029 23:00:00 GMT', [300, 360]],
  ])('is heeded between once and twice the step: %s', (_name, text, expected) => {
    expect(range(SCHEDULE, 2, busy(text))).toEqual(expected);
  });

  test.each(['soon', '-5', '1.5', '2030-01-01T00:06:40Z', '99999999999', ''])('%j is none', (text) => {
    expect(range(SCHEDULE, 2, busy(text))).toEqual([240, 360]);
  });
});

describe('a pause is at least a minute', () => {
  test.each([
    ['a time-out', failed({ error: 'timeout', statusCode: null })],
    ['429', failed({ statusCode: 429 })],
    ['502', failed({ statusCode: 502 })],
    ['504', failed({ statusCode: 504 })],
  ])('after %s', (_name, how) => {
    expect(range(SCHEDULE, 1, how)).toEqual([60, 72]);
    expect(range(SCHEDULE, 2, how)).toEqual([240, 360]);
  });

  test('not after other failures', () => {
    expect(range(SCHEDULE, 1, failed({ statusCode: 503 }))).toEqual([4, 6]);
    expect(range(SCHEDULE, 1, failed({ error: 'connection_refused', statusCode: null }))).toEqual([4, 6]);
  });

  test('but never longer than the longest step', () => {
    expect(range([1, 2, 3], 1, failed({ statusCode: 429 }))).toEqual([3, 3]);
  });
});
