import { withQuery } from '../core/client';
import { at, isObject, type Json, listOf, objectAt } from '../core/json';
import { isIdentifier } from '../core/members';
import { asks, type Chapter, each, watches } from '../core/rules';
import type { Seen } from '../core/seen';

const identifiers = (seen: Seen) => seen.identifiers;
const keyOf = (value: unknown): string => `${at(value, 'type')} ${at(value, 'id')}`;

export const identifierChapter: Chapter = {
  id: 'RID',
  title: 'Resource identifiers',
  rules: [
    watches(
      'RID-1',
      'MUST',
      'An identifier has type and id',
      each(identifiers, (value) => isObject(value) && 'type' in value && 'id' in value, 'type and id'),
    ),
    watches(
      'RID-2',
      'MUST',
      'type and id of an identifier are text',
      each(
        identifiers,
        (value) => ['type', 'id', 'lid'].every((name) => ['string', 'undefined'].includes(typeof at(value, name))),
        'text as type and id',
      ),
    ),
    watches(
      'RID-3',
      'NOT',
      'An identifier has no members but type, id, lid and meta',
      each(identifiers, (value, seen) => isIdentifier(value, seen), 'only type, id, lid, meta'),
    ),
    watches(
      'RID-4',
      'MAY',
      'meta of an identifier is an object',
      each(
        (seen) => seen.identifiers.filter(({ value }) => at(value, 'meta') !== undefined),
        (value) => isObject(at(value, 'meta')),
        'an object',
      ),
    ),
    asks('RID-5', 'MUST', 'An identifier without id in a request is refused with 400', async (t) => {
      const made = t.need(t.world.made, 'no description of a writable type');
      const { reference } = made.description;
      const { name, type } = t.need(reference, 'the description has no reference');
      await t.status(made.post(made.document({ relationships: { [name]: { data: { type } } } })), 400);
    }),
  ],
};

/** Type and id of everything that linkage in the document reaches from the primary data. */
function reached(document: Json): Set<string> {
  const all = [...listOf(document.data), ...listOf(document.included)];
  const byKey = new Map(all.map((resource) => [keyOf(resource), resource]));
  const found = new Set<string>(document.included === undefined ? [] : listOf(document.data).map(keyOf));
  const waiting = [...listOf(document.data)];
  for (let resource = waiting.pop(); resource !== undefined; resource = waiting.pop())
    for (const relationship of Object.values(objectAt(resource, 'relationships')))
      for (const identifier of listOf(at(relationship, 'data'))) {
        const key = keyOf(identifier);
        if (found.has(key)) continue;
        found.add(key);
        if (byKey.has(key)) waiting.push(byKey.get(key));
      }
  return found;
}

export const compoundChapter: Chapter = {
  id: 'CMP',
  title: 'Compound documents',
  rules: [
    watches('CMP-1', 'MUST', 'included is an array of resource objects', ({ document, answer }, t) => {
      if (!('included' in document)) return;
      const { included } = document;
      t.expect(Array.isArray(included) && included.every(isObject), 'an array of objects', answer, '/included');
    }),
    watches('CMP-2', 'MUST', 'Everything included is linked from the primary data', (seen, t) => {
      const { document, answer } = seen;
      // A sparse fieldset may take the linking relationship away.
      if (!Array.isArray(document.included) || /[?&]fields(?:\[|%5b)/i.test(answer.sent.url)) return;
      const found = reached(document);
      for (const [i, resource] of document.included.entries())
        t.expect(found.has(keyOf(resource)), 'linkage to it in the document', answer, `/included/${i}`);
    }),
    watches('CMP-3', 'NOT', 'No resource is in a document twice', (seen, t) => {
      const { document, answer, isLinkage } = seen;
      if (!('data' in document)) return;
      const known = new Set<string>();
      // Linkage names what is included; only two objects for one resource are too many.
      const primary = isLinkage ? [] : [...listOf(document.data).entries()].map(([i, each]) => [each, `/data/${i}`]);
      const included = [...listOf(document.included).entries()].map(([i, each]) => [each, `/included/${i}`]);
      for (const [resource, place] of [...primary, ...included]) {
        t.expect(!known.has(keyOf(resource)), `${keyOf(resource)} once`, answer, String(place));
        known.add(keyOf(resource));
      }
    }),
    asks('CMP-4', 'MUST', 'What a dotted path leads over is included too', async (t) => {
      const [path] = await t.world.dottedIncludes();
      const [first, second] = t.need(path, 'no dotted include is taken');
      const answer = await t.get(withQuery(t.url, `include=${first}.${second}`));
      const included = new Set(listOf(at(answer.body, 'included')).map(keyOf));
      for (const item of listOf(at(answer.body, 'data')))
        for (const identifier of listOf(at(item, 'relationships', first, 'data')))
          t.expect(
            included.has(keyOf(identifier)),
            `${keyOf(identifier)} of ${first} as included`,
            answer,
            '/included',
          );
    }),
    asks('CMP-5', 'MUST', 'Linkage stands along each included path', async (t) => {
      for (const collection of t.world.collections)
        for (const name of await t.world.includes(collection)) {
          const answer = await t.get(withQuery(collection.url, `include=${name}`));
          for (const [i, item] of listOf(at(answer.body, 'data')).entries()) {
            const relationship = at(item, 'relationships', name);
            if (relationship !== undefined)
              t.expect(
                isObject(relationship) && 'data' in relationship,
                `data of ${name}`,
                answer,
                `/data/${i}/relationships/${name}`,
              );
          }
        }
    }),
  ],
};
