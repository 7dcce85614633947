import { at, canonical, isObject, objectAt } from '../core/json';
import { foreignMembers } from '../core/members';
import { asks, type Chapter, each, watches } from '../core/rules';
import type { Seen } from '../core/seen';

const RESOURCE = ['type', 'id', 'lid', 'attributes', 'relationships', 'links', 'meta'];

const fieldsOf = (resource: unknown): string[] => [
  ...Object.keys(objectAt(resource, 'attributes')),
  ...Object.keys(objectAt(resource, 'relationships')),
];

const resources = (seen: Seen) => [...seen.resources, ...seen.noResources];

export const resourceChapter: Chapter = {
  id: 'RES',
  title: 'Resource objects',
  rules: [
    watches(
      'RES-1',
      'MUST',
      'Every resource object has type and id',
      each(resources, (value) => isObject(value) && 'type' in value && 'id' in value, 'type and id'),
    ),
    watches(
      'RES-2',
      'MUST',
      'type, id and lid are text',
      each(
        ({ resources }) => resources,
        (value) => ['type', 'id', 'lid'].every((name) => value[name] === undefined || typeof value[name] === 'string'),
        'text as type and id',
      ),
    ),
    asks('RES-3', 'MUST', 'A type and an id mean one resource, by whatever URL it comes', async (t) => {
      const known = new Map<string, { attributes: unknown; url: string }>();
      for (const { resources, answer } of (await t.world.crawl()).documents)
        for (const { value, at: place } of resources) {
          const key = `${value.type} ${value.id}`;
          const { attributes } = value;
          const first = known.get(key);
          if (attributes === undefined) continue;
          if (first === undefined) known.set(key, { attributes, url: answer.sent.url });
          else if (first.url !== answer.sent.url)
            t.expect(
              canonical(first.attributes) === canonical(attributes),
              `the attributes that ${first.url} gives`,
              answer,
              `${place}/attributes`,
            );
        }
    }),
    watches('RES-4', 'MUST', 'A type is spelled in one way everywhere', (seen, t) => {
      const spelled = t.memory as Map<string, string>;
      for (const { value, at: place } of [...seen.resources, ...seen.identifiers]) {
        const type = at(value, 'type');
        if (typeof type !== 'string') continue;
        const key = type.toLowerCase().replace(/[-_ ]/g, '');
        if (!spelled.has(key)) spelled.set(key, type);
        t.expect(spelled.get(key) === type, `"${spelled.get(key)}" as elsewhere`, seen.answer, `${place}/type`);
      }
    }),
    watches(
      'RES-5',
      'NOT',
      'A resource object has no members but those defined for it',
      each(
        ({ resources }) => resources,
        (value, seen) => foreignMembers(value, RESOURCE, seen).length === 0,
        `only ${RESOURCE.join(', ')}`,
      ),
    ),
    watches('RES-6', 'MUST', 'A lid that comes back is the one that was sent', ({ resources, answer }, t) => {
      for (const { value, at: place } of resources)
        if (value.lid !== undefined)
          t.expect(
            answer.sent.body?.includes(JSON.stringify(value.lid)) === true,
            'a lid of the request',
            answer,
            `${place}/lid`,
          );
    }),
    asks('RES-7', 'MAY', 'A new resource may be sent with a lid in place of an id', async (t) => {
      const made = t.need(t.world.made, 'no description of a writable type');
      const answer = await made.post(made.document({ lid: 'local-1' }));
      if (answer.status !== 201) t.skip(`not offered: ${answer.status}`);
      t.expect(typeof at(answer.body, 'data', 'id') === 'string', 'an id', answer, '/data');
    }),
    asks(
      'RES-8',
      'OURS',
      'An id of null on creation counts as none, any other value but text is refused',
      async (t) => {
        const made = t.need(t.world.made, 'no description of a writable type');
        await t.status(made.post(made.document({ id: null })), 201);
        await t.status(made.post(made.document({ id: 5 })), 400);
      },
    ),
    asks('RES-9', 'MUST', 'A resource object without a type is refused', async (t) => {
      const made = t.need(t.world.made, 'no description of a writable type');
      await t.status(made.post(made.document({ type: undefined })), [400, 409, 422]);
    }),
    watches(
      'RES-10',
      'OURS',
      'Ids are lower-case letters, digits and hyphens',
      each(
        ({ resources }) => resources,
        (value) => /^[a-z0-9-]+$/.test(String(value.id)),
        'an id of a-z, 0-9 and -',
      ),
    ),
  ],
};

export const fieldChapter: Chapter = {
  id: 'FLD',
  title: 'Fields',
  rules: [
    watches(
      'FLD-1',
      'MUST',
      'attributes is an object',
      each(
        ({ resources }) => resources.filter(({ value }) => 'attributes' in value),
        (value) => isObject(value.attributes),
        'attributes that are an object',
      ),
    ),
    watches(
      'FLD-2',
      'NOT',
      'No field is called type or id',
      each(
        ({ resources }) => resources,
        (value) => !fieldsOf(value).some((name) => name === 'type' || name === 'id'),
        'fields with other names',
      ),
    ),
    watches(
      'FLD-3',
      'NOT',
      'No name is that of an attribute and of a relationship',
      each(
        ({ resources }) => resources,
        (value) => new Set(fieldsOf(value)).size === fieldsOf(value).length,
        'each name once',
      ),
    ),
    watches(
      'FLD-4',
      'SHOULD',
      'Foreign keys are relationships, not attributes',
      // A name in Id may be anything; one beside a relationship of that name is a key.
      each(
        ({ resources }) => resources,
        (value) => {
          const relationships = Object.keys(objectAt(value, 'relationships'));
          return !Object.keys(objectAt(value, 'attributes')).some((name) =>
            relationships.includes(name.replace(/(?:_id|Id|-id)(?:s?)$/, '')),
          );
        },
        'no attribute with the key of a relationship',
      ),
    ),
    watches(
      'FLD-5',
      'MUST',
      'Objects inside attributes have member names too',
      each(
        ({ names }) => names.filter(({ at: place }) => /\/attributes\/[^/]+\/.+/.test(place)),
        (name) => name !== '' && !/[+,.[\]{}()!"#$%&'*/:;<=>?\\^`~|\u007f]/.test(name),
        'a member name',
      ),
    ),
  ],
};
