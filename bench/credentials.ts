import type { Client } from 'pg';
import { v7 as uuidv7 } from 'uuid';
import { hashKey, type KeyKind, keyStart, makeKey } from '../src/secrets';
import { BIG_ORGANIZATION } from './fill';

/** Far from any use of them: that a use is noted once a minute is not what is measured. */
const LAST_USED = "now() + interval '1 day'";

/** Each with the ids that it is bound to; null where it is not. */
const INSERT_KEYS = `
insert into api_keys (id, level, partner_id, organization_id, user_id, name, hash, start, scopes, ceiling, last_used_at)
select k.id, $1, $2::uuid, $3::uuid, $4::uuid, 'Bench', k.hash, k.start, '{*}', '{*}', ${LAST_USED}
from unnest($5::uuid[], $6::bytea[], $7::text[]) k(id, hash, start)`;
const INSERT_TOKENS = `
insert into access_tokens (id, family_id, api_key_id, organization_id, user_id, hash, refresh_hash, scopes, expires_at,
  refresh_expires_at, family_ends_at, last_used_at)
select k.id, k.id, $1::uuid, $2::uuid, $3::uuid, k.hash, sha256(k.hash), '{*}', now() + interval '1 day',
  now() + interval '1 day', now() + interval '1 day', ${LAST_USED}
from unnest($4::uuid[], $5::bytea[]) k(id, hash)`;

/** Kind of a credential → secrets of that kind, which may all do the same. */
export type Credentials = ReadonlyMap<string, readonly string[]>;

/**
 * Makes credentials of every kind that reads the organization with very many members: of the operator, its partner, the
 * organization itself and its owner. By SQL, as thousands over HTTP would take longer than all that is measured.
 * @param count of each kind
 */
export async function makeCredentials(client: Client, count: number): Promise<Credentials> {
  const { rows } = await client.query('select id, partner_id, owner_id from organizations where number = $1', [
    BIG_ORGANIZATION,
  ]);
  const { id, partner_id: partner, owner_id: owner } = rows[0];
  const credentials = new Map<string, readonly string[]>();
  const addKeys = async (kind: string, prefix: KeyKind, level: string, of: (string | null)[]) => {
    const secrets = Array.from({ length: count }, () => makeKey(prefix));
    const ids = secrets.map(() => uuidv7());
    await client.query(INSERT_KEYS, [level, ...of, ids, secrets.map(hashKey), secrets.map(keyStart)]);
    credentials.set(kind, secrets);
    return ids[0] as string;
  };
  await addKeys('platform key', 'pk', 'platform', [null, null, null]);
  await addKeys('partner key', 'pk', 'partner', [partner, null, null]);
  const keyId = await addKeys('organization key', 'sk', 'organization', [null, id, null]);
  await addKeys('personal key', 'pat', 'user', [null, null, owner]);
  credentials.set('access token of a key', await addTokens(client, count, [keyId, id, null]));
  credentials.set('access token of a user', await addTokens(client, count, [null, null, owner]));
  await client.query('vacuum (analyze) api_keys, access_tokens');
  return credentials;
}

/** @param of ids of the key, of its organization, and of the user */
async function addTokens(client: Client, count: number, of: readonly (string | null)[]): Promise<string[]> {
  const secrets = Array.from({ length: count }, () => makeKey('at'));
  await client.query(INSERT_TOKENS, [...of, secrets.map(() => uuidv7()), secrets.map(hashKey)]);
  return secrets;
}

/** Signs a user in for as long as the bench runs. */
export async function signIn(client: Client, userId: string): Promise<string> {
  const [token] = await addTokens(client, 1, [null, null, userId]);
  return token as string;
}
