import { join } from 'node:path';
import S3rver from '@20minutes/s3rver';
import { DUMMY_ACCOUNT } from '@20minutes/s3rver/lib/models/account';

/** A server that speaks the protocol of S3 and verifies signatures, with one bucket. */
export interface S3Server {
  readonly port: number;
  /** Settings that lead to it, with this secret. */
  url(secret?: string): string;
  /** Where it keeps what was put into the bucket. */
  readonly folder: string;
  close(): Promise<void>;
}

/** With everything in it that a URL would take for something else. */
const SECRET = 'p/a+s s:w?o#r=d@';
DUMMY_ACCOUNT.createKeyPair('AKIDEXAMPLE', SECRET);

/** @param directory for its own, which it makes */
export async function startS3(directory: string, port = 0): Promise<S3Server> {
  const configureBuckets = [{ name: 'pictures', configs: [] }];
  const server = new S3rver({ address: '127.0.0.1', port, silent: true, directory, configureBuckets });
  const { port: taken } = await server.run();
  const url = (secret = SECRET) =>
    `s3://AKIDEXAMPLE:${encodeURIComponent(secret)}@127.0.0.1:${taken}/pictures/ava-tars/2?region=eu-north-1&tls=false`;
  return { port: taken, url, folder: join(directory, 'pictures'), close: () => server.close() };
}
