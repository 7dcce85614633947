import { createReadStream } from 'node:fs';
import { type ExportVerdict, verifyExport } from '../audit/exportCheck';
import { PublicKey, Sealer } from '../audit/seal';
import type { Config } from '../config';
import { findSecretKey } from '../secretKey';

/** Exit codes: all is good, something is wrong, something can't be read. */
const GOOD = 0;
const BAD = 1;
const UNREADABLE = 2;

const say = (line: string): void => void process.stdout.write(`${line}\n`);

/**
 * Verifies exports of the audit trail, without a database. Ends with 0 when all is good, 1 when something is wrong, and 2 when
 * a file can't be read or is no export.
 * @param files `-` is the standard input
 * @param publicKey that the signatures must be of; null: that of this installation if its SECRET_KEY is here, else the files' own
 */
export async function verifyFiles(config: Config, files: readonly string[], publicKey: string | null): Promise<void> {
  let worst = GOOD;
  try {
    const key = await trustedKey(config, publicKey);
    for (const file of files) worst = Math.max(worst, await verifyFile(file, key));
  } catch (error) {
    say((error as Error).message);
    worst = UNREADABLE;
  }
  process.exitCode = worst;
}

async function trustedKey(config: Config, given: string | null): Promise<PublicKey | null> {
  if (given !== null) return new PublicKey(given);
  const secretKey = await findSecretKey(config);
  return secretKey === undefined ? null : new Sealer(Buffer.from(secretKey, 'base64')).publicKey;
}

/** Only a line feed ends a line: whatever else looks like an end is within a text. */
async function* linesOf(chunks: AsyncIterable<string | Buffer>): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let rest = '';
  for await (const chunk of chunks) {
    const lines = (rest + (typeof chunk === 'string' ? chunk : decoder.decode(chunk, { stream: true }))).split('\n');
    rest = lines.pop() as string;
    yield* lines;
  }
  if (rest !== '') yield rest;
}

async function verifyFile(file: string, key: PublicKey | null): Promise<number> {
  const name = file === '-' ? 'standard input' : file;
  let verdict: ExportVerdict;
  try {
    verdict = await verifyExport(linesOf(file === '-' ? process.stdin : createReadStream(file, 'utf8')), key);
  } catch (error) {
    say(`${name}: can't be read: ${(error as Error).message}`);
    return UNREADABLE;
  }
  if (verdict.isForeign) {
    say(`${name}: this is no export of an audit trail.`);
    return UNREADABLE;
  }
  for (const line of wordsOf(verdict)) say(`${name}: ${line}`);
  return verdict.problems.length === 0 ? GOOD : BAD;
}

function wordsOf(verdict: ExportVerdict): string[] {
  const { problems, isCut, rows, checkpoints, organizationId, lastSequence, isPartial, keyId, isOwnKey } = verdict;
  const of = organizationId === null ? 'the installation' : `organization ${organizationId}`;
  const told = problems.map(({ kind, line, sequence, detail }) => {
    const place = [line === null ? [] : `line ${line}`, sequence === null ? [] : `row ${sequence}`].flat().join(', ');
    return `${place === '' ? '' : `${place}: `}${kind}: ${detail}`;
  });
  const many = `${problems.length}${isCut ? ' or more' : ''} ${problems.length === 1 ? 'problem' : 'problems'}`;
  const good = problems.length === 0 ? 'good' : many;
  return [
    ...told,
    `${rows} rows of ${of}, the last is ${lastSequence ?? 'none'}; ${checkpoints} signatures: ${good}.`,
    ...(isPartial ? ['Rows were left out by a filter: each was verified by itself, the chain was not.'] : []),
    ...(isOwnKey
      ? [`The key ${keyId} is from the file itself, which proves nothing of who made it; name one with --public-key.`]
      : []),
  ];
}
