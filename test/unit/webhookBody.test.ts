import { thinBody } from '../../src/webhooks/body';

/** As PostgreSQL writes it: its own order of members, blanks behind colons. */
const FULL =
  '{"type":"member.updated","timestamp":"2026-01-02T03:04:05.678+00:00","id":"e1","sequence":9007199254740991,' +
  '"apiVersion":"2","organizationId":"o1","actor":{"type":"system","id":null},"requestId":null,' +
  '"data":{"id": "m1", "type": "members", "attributes": {"name": "Zoë \\u2028 😀"}, "relationships": {}},' +
  '"previous":{"attributes": {"name": "x"}}}';

test('a thin body has the members of the full one in their order, of data only type and id, and no previous', () => {
  expect(thinBody(FULL)).toBe(
    '{"type":"member.updated","timestamp":"2026-01-02T03:04:05.678+00:00","id":"e1","sequence":9007199254740991,' +
      '"apiVersion":"2","organizationId":"o1","actor":{"type":"system","id":null},"requestId":null,' +
      '"data":{"type":"members","id":"m1"}}',
  );
});

test('a thin body is the same bytes every time, and of itself (INV-40)', () => {
  const thin = thinBody(FULL);
  expect(thinBody(FULL)).toBe(thin);
  expect(thinBody(thin)).toBe(thin);
});
