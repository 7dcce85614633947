import { Event } from '../../entities';
import type { Caller } from '../context';
import { compare } from '../db/conditions';
import { logOf } from '../db/log';
import { type Bind, Table } from '../db/table';
import { EVENT_TYPES } from '../eventTypes';
import type { Condition } from '../selection';
import { crud } from './crud';
import { organizationTable } from './organizations';

/** SQL of who did what a row `t` tells, with the name as it is now; those of keys are for those who have them. */
export function actorSql({ level, partnerId }: Caller, bind: Bind): string {
  const theirs = level === 'partner' ? ` or k.partner_id = ${bind(partnerId)}` : '';
  const known = level === 'platform' ? 'true' : `(k.organization_id = t.organization_id${theirs})`;
  return `json_build_object('type', t.actor_type, 'id', t.actor_id, 'name', case t.actor_type
    when 'user' then (select u.name from users u where u.id = t.actor_id)
    when 'apiKey' then (select k.name from api_keys k where k.id = t.actor_id and ${known}) end)`;
}

/** Types by their beginning, or by `prefix.*` as endpoints ask for them, are those that begin so: equality has an index. */
function typeSql({ operator, value }: Condition, bind: Bind): string {
  const types = [value].flat().flatMap((each) => {
    const text = String(each);
    const prefix = operator === 'startsWith' ? text : text.endsWith('.*') ? text.slice(0, -1) : undefined;
    return prefix === undefined ? [text] : EVENT_TYPES.filter((type) => type.startsWith(prefix.toLowerCase()));
  });
  if (types.length === 0) return 'false';
  const [only] = types;
  const condition: Condition =
    types.length === 1
      ? { field: 'eventType', operator: 'eq', value: only as string }
      : { field: 'eventType', operator: 'in', value: types };
  return compare('t.event_type', 'text', condition, bind);
}

export const eventTable = new Table(Event, {
  ...logOf('events', 'events:read'),
  computed: {
    version: '1',
    apiVersion: "'2'",
    data: "t.body::json->'data'",
    previous: "t.body::json->'previous'",
    actor: actorSql,
  },
  shown: { occurredAt: 'json_time_ms(t.occurred_at)' },
  filters: { eventType: typeSql },
  references: { organizationId: () => organizationTable as unknown as Table },
});

export const { list: listEvents, get: getEvent, rows: eventRows } = crud(eventTable);
