import { createHash } from 'node:crypto';
import type { Readable } from 'node:stream';
import { AwsV4Signer } from 'aws4fetch';
import type { Egress } from '../egress/egress';
import type { EgressRequest } from '../egress/exchange';
import type { AppError } from '../errors';
import type { Picture } from './pictures';
import type { MediaStore } from './store';
import { storeError } from './storeError';

/** A bucket, or a part of one, of a server that speaks the protocol of S3. */
export interface S3Location {
  /** Scheme, host and port. */
  readonly endpoint: string;
  readonly bucket: string;
  /** Without slashes around it; empty: names are at the top of the bucket. */
  readonly prefix: string;
  /** undefined: as the host tells, else `us-east-1`. */
  readonly region: string | undefined;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
}

/** Milliseconds for an answer without a body. */
const TIMEOUT_MS = 15_000;
/** The same to read an image to its end, by a client as slow as it may be. */
const READING_MS = 120_000;
/** What is kept of the document that says what went wrong. */
const MOST_WORDS = 4_096;
const NOTHING = Buffer.alloc(0);

type Request = Pick<EgressRequest, 'method' | 'body'> & { headers?: Record<string, string> };

/** Images in a bucket, which stays closed to all others: they are read through this service. */
export class S3Store implements MediaStore {
  /** Keys that signatures are made with, a new one each day. */
  private readonly cache = new Map<string, ArrayBuffer>();

  constructor(
    private readonly location: S3Location,
    private readonly egress: Egress,
  ) {}

  async put({ name, mediaType, bytes }: Picture): Promise<void> {
    const request = await this.signed(name, { method: 'PUT', body: bytes, headers: { 'content-type': mediaType } });
    const { statusCode, error, responseBody } = await this.egress.request(request);
    if (error !== null) throw failure(request, statusCode ?? error, responseBody);
  }

  async open(name: string): Promise<Readable | null> {
    const request = await this.signed(name, { method: 'GET', body: NOTHING });
    const { statusCode, error, responseBody, body } = await this.egress.open({ ...request, timeoutMs: READING_MS });
    if (body !== null) return body;
    if (statusCode === 404) return null;
    throw failure(request, statusCode ?? error, responseBody);
  }

  async remove(name: string): Promise<void> {
    const request = await this.signed(name, { method: 'DELETE', body: NOTHING });
    const { statusCode, error, responseBody } = await this.egress.request(request);
    if (error !== null && statusCode !== 404) throw failure(request, statusCode ?? error, responseBody);
  }

  private async signed(name: string, { method, body, headers = {} }: Request): Promise<EgressRequest> {
    const { endpoint, bucket, prefix, region, accessKeyId, secretAccessKey } = this.location;
    const path = [bucket, ...(prefix === '' ? [] : [prefix]), name].join('/');
    const hash = createHash('sha256').update(body).digest('hex');
    const signer = new AwsV4Signer({
      method,
      url: `${endpoint}/${path}`,
      headers: { ...headers, 'x-amz-content-sha256': hash },
      accessKeyId,
      secretAccessKey,
      region,
      service: 's3',
      cache: this.cache,
    });
    const { url, headers: all } = await signer.sign();
    return {
      url,
      method,
      headers: Object.fromEntries(all),
      body,
      timeoutMs: TIMEOUT_MS,
      maxBodyBytes: MOST_WORDS,
    };
  }
}

/** What went wrong: the status, or the class of error, and the code that the server gives. */
function failure({ method }: EgressRequest, why: string | number | null, words: Buffer | null): AppError {
  const code = /<Code>(\w{1,64})<\/Code>/.exec(words?.toString() ?? '')?.[1] ?? '';
  return storeError(new Error(`MEDIA_URL: ${method} ${why} ${code}`.trim()));
}
