import type { Schema } from './define';
import { isUuid, uuid } from './schemas';

const TEXT_ID = { type: 'string', pattern: '^[\\w:.-]{1,100}$' };
const TEXT = new RegExp(TEXT_ID.pattern);

/** Types whose ids are texts that mean something, as the definitions say; all others have UUIDs. */
const textTypes = new Set<string>();

export const declareTextIds = (type: string): void => void textTypes.add(type);

export const hasTextIds = (type: string): boolean => textTypes.has(type);

/** The id as rows have it; undefined for a text that can be the id of nothing of this type (FET-7). */
export function readId(type: string, text: string): string | undefined {
  if (textTypes.has(type)) return TEXT.test(text) ? text : undefined;
  return isUuid(text) ? text.toLowerCase() : undefined;
}

/** The schema of an id, for filters and OpenAPI. */
export const idSchema = (type: string): Schema => (textTypes.has(type) ? TEXT_ID : uuid);
