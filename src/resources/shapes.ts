import type { Shape } from '../db/shape';
import type { Table } from '../db/table';
import type { Relationship, ResourceDefinition } from '../jsonapi/define';

/** How the rows of a type stand in events: its attributes and linkage as its definition declares them. */
export function shapeOf(definition: ResourceDefinition<never>): Shape {
  const { type, tenant, attributes, relationships, rows } = definition;
  const table = rows.table as unknown as Table;
  const shown = Object.entries(attributes)
    .filter(([name, { reveal, schema }]) => reveal === undefined && schema.writeOnly !== true && table.sql.has(name))
    .map(([name]) => `'${name}', ${valueSql(table, name)}`);
  const linked = Object.entries(relationships).flatMap(([name, relationship]) => {
    const linkage = linkageSql(table, relationship as Relationship);
    return linkage === null ? [] : [`'${name}', jsonb_build_object('data', ${linkage})`];
  });
  return {
    type,
    table: table.name,
    sql: `jsonb_build_object('type', '${type}', 'id', t.id, 'attributes', jsonb_build_object(${shown.join(', ')}),
      'relationships', jsonb_build_object(${linked.join(', ')}))`,
    organization: tenant === null ? null : `${table.sql.get(tenant)}`,
  };
}

/** As the serializer shows it: times as text, and what the table leaves out filled in. */
function valueSql(table: Table, name: string): string {
  const sql = table.options.shown?.[name as never] ?? (table.sql.get(name) as string);
  if (table.types.get(name) === 'timestamptz' && table.options.shown?.[name as never] === undefined) {
    return `json_time(${sql})`;
  }
  const { defaults } = table.options as { defaults?: Record<string, unknown> };
  if (defaults?.[name] === undefined) return sql;
  return `coalesce(${sql}, '${JSON.stringify(defaults[name]).replaceAll("'", "''")}'::jsonb)`;
}

/** null: it has links only. */
function linkageSql(table: Table, relationship: Relationship): string | null {
  const { type } = relationship;
  const identifier = (id: string) => `jsonb_build_object('type', '${type}', 'id', ${id})`;
  if ('one' in relationship) {
    const id = table.sql.get(relationship.key);
    return id === undefined ? null : `case when ${id} is not null then ${identifier(id)} end`;
  }
  const ids = relationship.keys === undefined ? undefined : table.sql.get(relationship.keys);
  if (ids === undefined) return null;
  return `coalesce((select jsonb_agg(${identifier('k.id')} order by k.place) from unnest(${ids}) with ordinality k (id, place)), '[]')`;
}
