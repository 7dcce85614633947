import { Event } from '../../entities';
import type { Caller } from '../context';
import { familyFilter, logOf } from '../db/log';
import { type Bind, Table } from '../db/table';
import { EVENT_TYPES } from '../eventTypes';
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
  filters: { eventType: familyFilter('t.event_type', EVENT_TYPES) },
  references: { organizationId: () => organizationTable as unknown as Table },
});

export const { list: listEvents, get: getEvent, rows: eventRows } = crud(eventTable);
