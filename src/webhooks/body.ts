/**
 * The `thin` form of a body (domain sheet 7.1): the same members in the same order, but of `data` only `type` and `id`,
 * and no `previous`. The same bytes every time for the same body, so that it need not be stored (INV-40).
 */
export function thinBody(fullBody: string): string {
  const thin: Record<string, unknown> = {};
  for (const [name, value] of Object.entries<unknown>(JSON.parse(fullBody))) {
    if (name === 'previous') continue;
    thin[name] = name === 'data' ? identifierOf(value as { type: string; id: string }) : value;
  }
  return JSON.stringify(thin);
}

const identifierOf = ({ type, id }: { type: string; id: string }) => ({ type, id });
