import { ATOMIC_TYPE } from '../../src/jsonapi/negotiate';
import { type Answer, type Body, type Client, S } from '../support/app';
import { errorsOf, headersOf } from './world';

export const OPERATIONS = `${S}/operations`;
/** Says that a body applies the Atomic Operations extension. */
export const ATOMIC = { 'Content-Type': ATOMIC_TYPE };

export const documentOf = (...operations: unknown[]) => ({ 'atomic:operations': operations });

/** Sends these operations in one request, with a key where one moves money. */
export const perform = (client: Client, ...operations: unknown[]): Promise<Answer> => {
  const types = operations.map((each) => (each as { data?: { type?: string } }).data?.type ?? '');
  const [keys = {}] = types.map(headersOf).filter((each) => Object.keys(each).length > 0);
  return client.post(OPERATIONS, documentOf(...operations), { ...ATOMIC, ...keys });
};

export const add = (type: string, attributes: object = {}, more: object = {}) => ({
  op: 'add',
  data: { type, attributes, ...more },
});
export const update = (type: string, id: string, attributes: object = {}, more: object = {}) => ({
  op: 'update',
  data: { type, id, attributes, ...more },
});
export const remove = (type: string, id: string) => ({ op: 'remove', ref: { type, id } });

/** `meta.ifMatch` of an operation. */
export const when = (ifMatch: string, operation: object) => ({ ...operation, meta: { ifMatch } });

/** An identifier of what an operation before this one makes. */
export const local = (type: string, lid: string) => ({ data: { type, lid } });

/** The results of an answer that must have some. */
export function resultsOf(answer: Answer): Body[] {
  if (answer.status !== 200) throw new Error(`not performed: ${answer.text}`);
  return answer.body['atomic:results'];
}

/** The only error of an answer. */
export function errorOf(answer: Answer): [status: string, code: string, where: string | undefined] | undefined {
  const errors = errorsOf(answer);
  if (errors.length !== 1) throw new Error(`not one error: ${answer.text}`);
  return errors[0];
}

/** JSON pointer into an operation. */
export const at = (i: number, below = ''): string => `/atomic:operations/${i}${below}`;
