import { getMetadataArgsStorage } from 'typeorm';
import { Versioned } from '../../entities/versioned';
import { snakeCase } from '../../ormconfig';
import type { Caller } from '../context';
import type { Condition } from '../selection';
import type { Row } from './database';

/** Adds a value to a statement and returns its placeholder. */
export type Bind = (value: unknown) => string;

/** SQL of a running total, for rows of the parent whose id is `idSql`; false for a parent that the caller can't see. */
export interface CountedBy {
  relation: string;
  visible: (caller: Caller, idSql: string, bind: Bind) => string;
}

/** SQL of a number of rows. */
export type Total = (bind: Bind) => string;

/** Statements call the row `t`. */
export interface TableOptions<Entity extends object> {
  /**
   * Properties that are not columns, or are read in another way: SQL of their value. Those that differ by caller can't be
   * sorted or filtered by, and differ by nothing but his level and what they bind.
   */
  computed?: Partial<Record<keyof Entity & string, string | ((caller: Caller, bind: Bind) => string)>>;
  /** SQL of what is read of a property, where it is another than what it is filtered and sorted by. */
  shown?: Partial<Record<keyof Entity & string, string>>;
  /** Values that the database need not send: what a property is where its SQL is null. */
  defaults?: Partial<Entity>;
  /**
   * SQL that is true for the rows the caller can see; the only way to a row leads through it (INV-18). `isFew` says that
   * other conditions leave few rows, which are then better asked one by one. `reads` leaves out rows that a user sees and
   * may not read by his roles: in lists they are not there, by themselves they are 403.
   */
  visible: (caller: Caller, bind: Bind, isFew: boolean, reads: boolean) => string;
  /** Rows that are there but not shown unless `field` is filtered for `value`; `sql` is true for the others. */
  retired?: { field: keyof Entity & string; value: string; sql: string };
  /** Filters that are not properties: name → SQL of the whole condition. */
  filters?: Record<string, (condition: Condition, bind: Bind) => string>;
  /**
   * Links that are not columns: name → SQL that is true for the rows of the parent whose id is `idSql`, which may also be
   * `any(…)`. A column with the id of a parent is a link by itself.
   */
  links?: Record<string, (idSql: string, bind: Bind, caller: Caller) => string>;
  /** Properties with the id of another row → its table, for filters on what the other holds. */
  references?: Partial<Record<keyof Entity & string, () => Table>>;
  /** Text with a trigram index, SQL as the index has it, and the properties that are part of it. */
  search?: { sql: string; covers: readonly (keyof Entity & string)[] };
  /** Text that is compared in lower case, and has an index on that. */
  caseless?: readonly (keyof Entity & string)[];
  /** Which running total counts the visible rows, and under which scope, or SQL of how many they are; null: count them. */
  counted?: (caller: Caller) => RunningTotal | Total | null;
  /** Link → the running total that counts the rows of one parent, or SQL of how many it has that the caller sees. */
  countedBy?: Record<string, CountedBy | ((caller: Caller, idSql: string, bind: Bind) => string)>;
}

export interface RunningTotal {
  relation: string;
  /** Or SQL of a list of them. */
  scope: string | ((bind: Bind) => string);
  /** Rows that are in no scope. */
  more?: number;
}

export const NIL_UUID = '00000000-0000-0000-0000-000000000000';

type RowReader<Entity> = (row: Row, from: number) => Entity;

/**
 * A constructor with one assignment per property, as one would write it by hand: V8 then knows the size of the objects,
 * and fills them twenty times as fast as a loop over names does. They are entities: the prototype is the class's.
 */
function compileReader<Entity>(
  entity: new () => Entity,
  properties: readonly string[],
  defaults: Partial<Entity>,
): RowReader<Entity> {
  const fallback = (property: string) => (Object.hasOwn(defaults, property) ? ` ?? defaults.${property}` : '');
  const assignments = properties
    .map((property, i) => `this.${property} = row[from + ${i}]${fallback(property)};`)
    .join(' ');
  const body = `function Row(row, from) { ${assignments} }
    Row.prototype = Entity.prototype;
    return (row, from) => new Row(row, from);`;
  return new Function('Entity', 'defaults', body)(entity, defaults);
}

/** What SQL needs to know of an entity, read once from its TypeORM declaration. */
export class Table<Entity extends object = object> {
  readonly name: string;
  /** Property → SQL; columns first, in the order of the class. Those that differ by caller are not here. */
  readonly sql = new Map<string, string>();
  /** Property → its column. */
  readonly columns = new Map<string, string>();
  /** Property → PostgreSQL type of its column; computed properties are not here. */
  readonly types = new Map<string, string>();
  /** Every property that can be read. */
  readonly properties: readonly string[];
  private readonly required = new Set<string>();
  private readonly ofCaller = new Map<string, (caller: Caller, bind: Bind) => string>();
  private readonly selectLists = new WeakMap<readonly string[], Map<Caller['level'], string>>();
  private readonly readers = new WeakMap<readonly string[], RowReader<Entity>>();

  constructor(
    readonly entity: new () => Entity,
    readonly options: TableOptions<Entity>,
  ) {
    const storage = getMetadataArgsStorage();
    this.name = storage.tables.find((table) => table.target === entity)?.name ?? '';
    const classes = entity.prototype instanceof Versioned ? [entity, Versioned] : [entity];
    for (const column of storage.filterColumns(classes)) {
      this.sql.set(column.propertyName, `t.${snakeCase(column.propertyName)}`);
      this.columns.set(column.propertyName, snakeCase(column.propertyName));
      this.types.set(column.propertyName, String(column.options.type));
      if (column.options.nullable !== true) this.required.add(column.propertyName);
    }
    for (const [property, sql] of Object.entries(options.computed ?? {})) {
      if (typeof sql === 'string') this.sql.set(property, sql);
      else this.ofCaller.set(property, sql as (caller: Caller, bind: Bind) => string);
    }
    this.properties = [...this.sql.keys(), ...this.ofCaller.keys()];
  }

  /** Whether the value can be null; computed ones can. */
  isNullable(property: string): boolean {
    return !this.required.has(property);
  }

  /** SQL of a property, as this caller sees it. */
  sqlFor(property: string, caller: Caller, bind: Bind): string {
    const { shown } = this.options;
    if (shown?.[property as keyof Entity & string] !== undefined)
      return shown[property as keyof Entity & string] as string;
    return this.sql.get(property) ?? this.ofCaller.get(property)?.(caller, bind) ?? 'null';
  }

  /**
   * `t.id, t.created_at, …` of these properties; kept for lists of properties that live as long as the table, where it
   * holds nothing of the caller but what his level makes of it.
   */
  selectList(properties: readonly string[], caller: Caller, bind: Bind): string {
    const kept = this.selectLists.get(properties) ?? new Map<Caller['level'], string>();
    const known = kept.get(caller.level);
    if (known !== undefined) return known;
    let isBound = false;
    const noting: Bind = (value) => {
      isBound = true;
      return bind(value);
    };
    const list = properties.map((property) => this.sqlFor(property, caller, noting)).join(', ');
    if (!isBound) this.selectLists.set(properties, kept.set(caller.level, list));
    return list;
  }

  /** An entity with these properties filled from a row, beginning at `from`. */
  read(properties: readonly string[], row: Row, from = 0): Entity {
    let reader = this.readers.get(properties);
    if (reader === undefined) {
      reader = compileReader(this.entity, properties, this.options.defaults ?? {});
      this.readers.set(properties, reader);
    }
    return reader(row, from);
  }
}
