import { Client as PgClient, type Pool } from 'pg';
import { createOrganization, document, M, S, type TestApp } from '../support/app';

/** Changes what is insert-only, as somebody can who has the database and no scruple. */
export async function tamper(app: TestApp, ...statements: [sql: string, values?: unknown[]][]): Promise<void> {
  const { master } = app.source.driver as unknown as { master: Pool };
  const client = new PgClient(master.options);
  await client.connect();
  try {
    await client.query('set session_replication_role = replica');
    for (const [sql, values] of statements) await client.query(sql, values);
  } finally {
    await client.end();
  }
}

/** An organization with a chain of twelve rows, people among them. */
export async function chainOfTwelve(app: TestApp): Promise<string> {
  const person = await app.user({ name: 'Ada' });
  const { id } = await createOrganization(person, { name: 'Acme' });
  for (let i = 1; i <= 6; i++) {
    await person.patch(`${M}/organizations/${id}`, document('organizations', { name: `Acme ${i}` }, { id }));
  }
  await person.post(
    `${S}/invitations`,
    document(
      'invitations',
      { email: 'grace@example.com' },
      { relationships: { organization: { data: { type: 'organizations', id } } } },
    ),
  );
  await person.patch(`${S}/users/${person.id}`, document('users', { name: 'Ada L.' }, { id: person.id }));
  const [row] = await app.db.query('select audit_last from event_sequences where organization_id = $1', [id]);
  if (row?.[0] !== 12) throw new Error(`the chain has ${row?.[0]} rows`);
  return id;
}
