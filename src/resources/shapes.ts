import type { Shape } from '../db/shape';
import type { Table } from '../db/table';
import type { Relationship, ResourceDefinition } from '../jsonapi/define';

/** One member of the attributes or relationships. */
interface Part {
  readonly name: string;
  /** What it is read from. */
  readonly property: string;
  readonly sql: string;
}

/** How the rows of a type stand in events: its attributes and linkage as its definition declares them. */
export function shapeOf({ type, tenant, attributes, relationships, rows }: ResourceDefinition<never>): Shape {
  const table = rows.table as unknown as Table;
  const shown = Object.entries(attributes)
    .filter(([name, { reveal, schema }]) => reveal === undefined && schema.writeOnly !== true && table.sql.has(name))
    .map(([name]): Part => ({ name, property: name, sql: valueSql(table, name) }));
  const linked = Object.entries(relationships).flatMap(([name, relationship]) =>
    linkageOf(table, name, relationship as Relationship),
  );
  const object = (parts: readonly Part[]) =>
    `jsonb_build_object(${parts.map(({ name, sql }) => `'${name}', ${sql}`).join(', ')})`;
  return {
    type,
    table: table.name,
    sql: `jsonb_build_object('type', '${type}', 'id', t.id, 'attributes', ${object(shown)}, 'relationships', ${object(linked)})`,
    partOf: (properties) => {
      // What is computed may follow from anything.
      const differs = ({ property }: Part) => properties.includes(property) || !table.columns.has(property);
      return `jsonb_build_object('attributes', ${object(shown.filter(differs))}, 'relationships', ${object(linked.filter(differs))})`;
    },
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

/** Nothing where it has links only. */
function linkageOf(table: Table, name: string, relationship: Relationship): Part[] {
  const property = 'one' in relationship ? relationship.key : relationship.keys;
  const value = property === undefined ? undefined : table.sql.get(property);
  if (property === undefined || value === undefined) return [];
  const identifier = (id: string) => `jsonb_build_object('type', '${relationship.type}', 'id', ${id})`;
  const data =
    'one' in relationship
      ? `case when ${value} is not null then ${identifier(value)} end`
      : `coalesce((select jsonb_agg(${identifier('k.id')} order by k.place)
          from unnest(${value}) with ordinality k (id, place)), '[]')`;
  return [{ name, property, sql: `jsonb_build_object('data', ${data})` }];
}
