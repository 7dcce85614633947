import 'reflect-metadata';
import { DataSource, type DataSourceOptions, DefaultNamingStrategy, type NamingStrategyInterface } from 'typeorm';
import { entities } from './entities';
import { migrations } from './src/db/migrations';

/** TypeScript is camelCase, SQL snake_case: this is the one place that turns one into the other. */
export function snakeCase(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

class SnakeNaming extends DefaultNamingStrategy implements NamingStrategyInterface {
  override columnName(property: string, custom: string | undefined): string {
    return custom || snakeCase(property);
  }
}

/**
 * The one description of the database for the service, the tests and the TypeORM command line.
 * `synchronize` is off everywhere: the schema comes from the migrations alone.
 */
export function dataSource(
  connection: { url: string } | { host: string; port: number; username: string; database: string; password?: string },
  more: Partial<DataSourceOptions> = {},
): DataSource {
  return new DataSource({
    type: 'postgres',
    ...connection,
    entities,
    migrations,
    namingStrategy: new SnakeNaming(),
    synchronize: false,
    installExtensions: false,
    ...more,
  } as DataSourceOptions);
}

/** For the TypeORM command line alone; the service reads its settings in `src/config.ts`. */
export default dataSource({ url: process.env.DATABASE_URL ?? 'postgres://localhost/guildhall' });
