import type { EmbeddedPostgres } from '../src/db/embedded';
import { allCases, type Case, credentialCases, firstPage } from './cases';
import { Closers } from './closers';
import { type BenchDatabase, makeDatabase, type Program } from './database';
import { checkTotals } from './fill';
import { type Bench, type Figures, measure } from './measure';
import type { Options } from './options';
import { type PageTimes, timePages } from './pageTimes';
import { say } from './progress';
import type { CredentialResult, Measured, Report, Result } from './report';
import { checkSameBodies } from './sameBody';
import { type ServerUnderTest, startBare, startGuildhall } from './servers';
import { counted, countStatements } from './statements';

export interface Surroundings {
  readonly options: Options;
  readonly program: Program;
  readonly postgres: EmbeddedPostgres;
  readonly bench: Bench;
  readonly closers: Closers;
}

/** Measures every case beside the yardstick where it has one, and the first page at every size of the table. */
export async function measureCases(surroundings: Surroundings): Promise<Report> {
  const { options, program, postgres, closers } = surroundings;
  const results: Result[] = [];
  const firstPages = new Map<number, Result>();
  const pageTimes: PageTimes[] = [];
  const credentials: CredentialResult[] = [];
  for (const rows of options.sizes) {
    say(`Making ${rows} organizations`);
    const isMain = rows === options.mainSize;
    const database = await makeDatabase(postgres, `bench_${rows}`, rows, program, closers);
    pageTimes.push(await timePages(database));
    const cases = isMain ? await allCases(database, program.env.SECRET_KEY ?? '') : [firstPage];
    const measured = await measureAt(database, cases, surroundings);
    if (isMain) {
      results.push(...measured);
      credentials.push(...(await measureCredentials(database, surroundings)));
    }
    if (measured[0] !== undefined) firstPages.set(rows, measured[0]);
    await checkTotals(database.client);
  }
  return { results, firstPages, pageTimes, credentials };
}

type Servers = readonly [guildhall: ServerUnderTest, bare: ServerUnderTest];

/** Starts both servers on a database for as long as `work` takes. */
async function withServers<T>(
  { program, closers }: Surroundings,
  database: BenchDatabase,
  work: (servers: Servers) => Promise<T>,
): Promise<T> {
  const own = new Closers();
  closers.add(() => own.closeAll());
  try {
    return await work([await startGuildhall(program, database, own), await startBare(program, database, own)]);
  } finally {
    await own.closeAll();
  }
}

/** Checks that both servers answer the same, counts their statements, and measures the cases on fresh ones. */
async function measureAt(
  database: BenchDatabase,
  cases: readonly Case[],
  surroundings: Surroundings,
): Promise<Result[]> {
  const statements = await withServers(surroundings, counted(database), async (servers) => {
    await checkSameBodies(database, servers, cases);
    const counts = new Map<Case, number[]>();
    for (const each of cases) counts.set(each, await countAll(database, each, servers));
    return counts;
  });
  return withServers(surroundings, database, async (servers) => {
    const results: Result[] = [];
    for (const each of cases) {
      say(`Measuring ${each.name} at ${database.rows} rows`);
      const contenders = serversOf(each, servers).map((server) => ({ server, plan: each.plan }));
      const figures = await measure(surroundings.bench, contenders);
      const [guildhall, bare] = figures.map(
        (one: Figures, i): Measured => ({ ...one, statements: statements.get(each)?.[i] ?? Number.NaN }),
      );
      results.push({ case: each, guildhall: guildhall as Measured, bare });
    }
    return results;
  });
}

/** Measures all kinds of credentials turn by turn, each believed and looked up. */
async function measureCredentials(database: BenchDatabase, surroundings: Surroundings): Promise<CredentialResult[]> {
  const cases = await credentialCases(database);
  const plans = cases.flatMap(({ believed, lookedUp }) => [believed, lookedUp]);
  const statements = await withServers(surroundings, counted(database), async ([server]) => {
    const counts: number[] = [];
    for (const plan of plans) counts.push(await countStatements(database, server, plan));
    return counts;
  });
  say(`Measuring ${cases.length} kinds of credentials`);
  const figures = await withServers(surroundings, database, ([server]) =>
    measure(
      surroundings.bench,
      plans.map((plan) => ({ server, plan })),
    ),
  );
  const measured = figures.map((one, i): Measured => ({ ...one, statements: statements[i] ?? Number.NaN }));
  return cases.map(({ kind }, i) => ({
    kind,
    believed: measured[2 * i] as Measured,
    lookedUp: measured[2 * i + 1] as Measured,
  }));
}

const serversOf = ({ bare, anonymous }: Case, servers: Servers): readonly ServerUnderTest[] =>
  servers.slice(0, bare ? 2 : 1).map((server) => (anonymous ? { ...server, headers: {} } : server));

async function countAll(database: BenchDatabase, each: Case, servers: Servers): Promise<number[]> {
  const counts: number[] = [];
  for (const server of serversOf(each, servers)) counts.push(await countStatements(database, server, each.plan));
  return counts;
}
