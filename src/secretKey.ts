import { randomBytes } from 'node:crypto';
import { link, mkdir, readFile, unlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Config, ConfigError } from './config';
import type { Database } from './db/database';
import { Secrets } from './secrets';

const PURPOSE = 'installation/secretKeyCheck';

/**
 * The encryption of secrets at rest, with SECRET_KEY or, in local mode, the key in DATA_DIR.
 * @throws ConfigError when the database was filled with another key
 */
export async function openSecrets(config: Config, db: Database): Promise<Secrets> {
  const secrets = new Secrets(Buffer.from(config.secretKey ?? (await localKey(config.dataDir)), 'base64'));
  await db.query('insert into installation (secret_key_check) values ($1) on conflict do nothing', [
    secrets.encrypt('guildhall', PURPOSE),
  ]);
  const [row] = await db.query('select secret_key_check from installation');
  try {
    secrets.decrypt(row?.[0] as Buffer, PURPOSE);
  } catch {
    throw new ConfigError('SECRET_KEY is not the key that this database was filled with.');
  }
  return secrets;
}

/** The key of this installation, if it is here: that of the settings, or the one in DATA_DIR. None is made. */
export async function findSecretKey({ secretKey, dataDir }: Config): Promise<string | undefined> {
  if (secretKey !== undefined) return secretKey;
  return (await readFile(join(dataDir, 'secret.key'), 'utf8').catch(() => undefined))?.trim();
}

/** Made once, mode 0600, under another name first, so that no start ever reads half a key. */
async function localKey(dataDir: string): Promise<string> {
  const file = join(dataDir, 'secret.key');
  try {
    return (await readFile(file, 'utf8')).trim();
  } catch (error) {
    if ((error as { code?: string }).code !== 'ENOENT') throw new ConfigError(`${file} can't be read.`);
  }
  await mkdir(dataDir, { recursive: true });
  const fresh = `${file}.${process.pid}`;
  await writeFile(fresh, `${randomBytes(32).toString('base64')}\n`, { mode: 0o600 });
  // `link` refuses to replace: of two first starts one key wins, and both read that one.
  await link(fresh, file).catch(() => undefined);
  await unlink(fresh);
  return (await readFile(file, 'utf8')).trim();
}
