import type { Check } from '../core/check';
import { encode, withQuery } from '../core/client';
import { at, isObject, listOf } from '../core/json';
import { ATOMIC, ATOMIC_URI, CURSOR, CURSOR_URI, isJsonApi, JSON_API, readMediaType, urisOf } from '../core/mediaType';
import { asks, type Chapter, isUnseen, type Rule, watches } from '../core/rules';

const NOPE = 'https://example.com/nope';
const UNKNOWN = 'https://example.com/unknown';

/** A rule about one Accept on the first collection. */
const accepts = (id: string, level: Rule['level'], title: string, accept: string | undefined, status: number): Rule =>
  asks(id, level, title, (t) => t.status(t.get(t.url, { accept }), status));

const madeOf = (t: Check) => t.need(t.world.made, 'no description of a writable type');

/** A rule about one Content-Type on a POST that would otherwise succeed. */
const refuses = (id: string, level: Rule['level'], title: string, type: string | undefined): Rule =>
  asks(id, level, title, async (t) => {
    const made = madeOf(t);
    await t.status(made.post(made.document(), { 'content-type': type }), 415);
  });

const operationsOf = (t: Check): string => t.need(t.world.operations, 'no URL of atomic operations is given');

/** One operation that adds a resource. */
const addOne = (t: Check) => ({ 'atomic:operations': [{ op: 'add', data: madeOf(t).document().data }] });

export const negotiationChapter: Chapter = {
  id: 'CN',
  title: 'Content negotiation',
  rules: [
    watches('CN-1', 'MUST', 'Documents are labelled with the JSON:API media type', ({ answer }, t) => {
      if (answer.status < 300 && answer.bytes.length > 0)
        t.expect(isJsonApi(answer.headers['content-type']), JSON_API, answer);
    }),
    watches(
      'CN-2',
      'MUST',
      'Error documents are labelled with it too',
      ({ answer, document }, t) => {
        if (answer.status >= 400 && 'errors' in document)
          t.expect(isJsonApi(answer.headers['content-type']), JSON_API, answer);
      },
      async (t) => {
        const missing = t.world.missingUrl();
        if (missing !== undefined) await t.get(missing);
      },
    ),
    watches('CN-3', 'NOT', 'The media type has no parameters but ext and profile', ({ answer }, t) => {
      const type = readMediaType(answer.headers['content-type']);
      if (type?.essence === JSON_API)
        t.expect(
          type.parameters.every(([name]) => name === 'ext' || name === 'profile'),
          'only ext and profile',
          answer,
        );
    }),
    refuses('CN-4', 'MUST', 'A charset in the Content-Type of a request is refused', `${JSON_API};charset=utf-8`),
    refuses('CN-5', 'MUST', 'Any other parameter in it is refused too', `${JSON_API};version=1`),
    refuses('CN-6', 'MUST', 'An extension in it that is not supported is refused', `${JSON_API};ext="${NOPE}"`),
    asks('CN-7', 'MUST', 'A supported extension does not save one that is not', async (t) => {
      const url = operationsOf(t);
      const headers = { 'content-type': `${JSON_API};ext="${ATOMIC_URI} ${NOPE}"` };
      await t.status(t.ask(url, { method: 'POST', body: addOne(t), headers }), 415);
    }),
    asks('CN-8', 'NOT', 'A profile in it is no reason for 415', async (t) => {
      const made = madeOf(t);
      const type = `${JSON_API};profile="${UNKNOWN}"`;
      const answer = await made.post(made.document(), { 'content-type': type });
      t.expect(answer.status < 300, 'the request carried out', answer);
    }),
    refuses('CN-9', 'HTTP', 'A body of another media type is refused', 'application/json'),
    refuses('CN-10', 'HTTP', 'A body without a media type is refused', undefined),
    asks('CN-11', 'MUST', 'The Content-Type of PATCH is judged in the same way', async (t) => {
      const made = madeOf(t);
      const row = await made.row();
      const body = made.change(row).document;
      const headers = { 'content-type': `${JSON_API};a=b` };
      await t.status(t.ask(row.url, { method: 'PATCH', body, headers }), 415);
    }),
    asks('CN-12', 'OURS', 'A Content-Type without a body is harmless', (t) =>
      t.status(t.get(t.url, { 'content-type': JSON_API }), 200),
    ),
    accepts(
      'CN-13',
      'MUST',
      'In Accept, an instance of the type with another parameter is passed over',
      `${JSON_API};charset=utf-8, ${JSON_API}`,
      200,
    ),
    accepts('CN-14', 'MUST', 'Accept with nothing but such instances is 406', `${JSON_API};charset=utf-8`, 406),
    accepts('CN-15', 'MUST', 'Accept that wants an unsupported extension is 406', `${JSON_API};ext="${NOPE}"`, 406),
    accepts(
      'CN-16',
      'MUST',
      'One acceptable instance in Accept is enough',
      `${JSON_API};ext="${NOPE}", ${JSON_API}`,
      200,
    ),
    accepts(
      'CN-17',
      'MUST',
      'Two instances, each unacceptable for another reason, are 406',
      `${JSON_API};x=1, ${JSON_API};ext="${NOPE}"`,
      406,
    ),
    accepts('CN-18', 'HTTP', 'A q in Accept is a weight, not a parameter of the type', `${JSON_API};q=0.8`, 200),
    accepts('CN-19', 'HTTP', 'A weight of 0 excludes the type', `${JSON_API};q=0`, 406),
    asks('CN-20', 'HTTP', 'Wildcards and a missing Accept get JSON:API', async (t) => {
      for (const accept of [undefined, '*/*', 'application/*']) {
        const answer = await t.status(t.get(t.url, { accept }), 200);
        t.expect(isJsonApi(answer.headers['content-type']), JSON_API, answer);
      }
    }),
    accepts('CN-21', 'OURS', 'Accept without JSON:API is 406', 'text/html', 406),
    accepts(
      'CN-22',
      'HTTP',
      'Types and parameter names are the same in any case',
      `Application/VND.API+JSON;PROFILE="${UNKNOWN}"`,
      200,
    ),
    accepts(
      'CN-23',
      'HTTP',
      'Commas and semicolons in quotes are part of the value',
      `${JSON_API};profile="https://example.com/a;b,c"`,
      200,
    ),
    asks('CN-24', 'OURS', 'A value without quotes is taken where the extension is supported', async (t) => {
      operationsOf(t);
      await t.status(t.get(t.url, { accept: `${JSON_API};ext=${ATOMIC_URI}` }), 200);
    }),
    asks('CN-25', 'MUST', 'An unknown profile is ignored', async (t) => {
      const answer = await t.status(t.get(t.url, { accept: `${JSON_API};profile="${UNKNOWN}"` }), 200);
      t.expect(!String(answer.headers['content-type']).includes(UNKNOWN), 'no claim of it in the answer', answer);
    }),
    asks('CN-26', 'SHOULD', 'A known profile that Accept names is applied', async (t) => {
      if (!(await t.world.hasCursors())) t.skip('the server does not know the cursor pagination profile');
      const answer = await t.status(t.get(withQuery(t.url, 'page[size]=1'), { accept: CURSOR }), 200);
      t.expect(
        urisOf(answer.headers['content-type'], 'profile').includes(CURSOR_URI),
        'profile in Content-Type',
        answer,
      );
    }),
    asks('CN-27', 'MUST', 'A profile that was applied is in the Content-Type, asked for or not', async (t) => {
      if (!(await t.world.hasCursors())) t.skip('the server does not know the cursor pagination profile');
      const first = await t.get(withQuery(t.url, 'page[size]=1'), { accept: CURSOR });
      const cursor = at(first.body, 'data', 0, 'meta', 'page', 'cursor');
      const query = `page[size]=1&page[after]=${encode(t.need(cursor, 'items have no cursor'))}`;
      const answer = await t.status(t.get(withQuery(t.url, query)), 200);
      t.expect(
        urisOf(answer.headers['content-type'], 'profile').includes(CURSOR_URI),
        'profile in Content-Type',
        answer,
      );
    }),
    asks('CN-28', 'MUST', 'An extension that was applied is in the Content-Type', async (t) => {
      const headers = { 'content-type': ATOMIC, accept: ATOMIC };
      const answer = await t.ask(operationsOf(t), { method: 'POST', body: addOne(t), headers });
      await t.status(answer, 200);
      t.expect(urisOf(answer.headers['content-type'], 'ext').includes(ATOMIC_URI), 'ext in Content-Type', answer);
    }),
    watches('CN-29', 'MUST', 'ext and profile are one list each, in quotes, with a space between', ({ answer }, t) => {
      const header = answer.headers['content-type'];
      for (const name of ['ext', 'profile']) {
        const values = readMediaType(header)?.parameters.filter(([each]) => each === name) ?? [];
        if (values.length === 0) continue;
        const [, value = ''] = values[0] ?? [];
        const isList = value.split(' ').every((uri) => URL.canParse(uri));
        t.expect(values.length === 1 && isList && header?.includes(`${name}="${value}"`) === true, 'one list', answer);
      }
    }),
    watches('CN-30', 'SHOULD', 'Vary names Accept', ({ answer }, t) => {
      const names = (answer.headers.vary ?? '').split(',').map((name) => name.trim().toLowerCase());
      t.expect(names.includes('accept') || names.includes('*'), 'Accept in Vary', answer);
    }),
    asks('CN-31', 'NOT', 'ext in the body does not stand for ext in the header', async (t) => {
      const body = { ...addOne(t), jsonapi: { ext: [ATOMIC_URI] } };
      const answer = await t.ask(operationsOf(t), { method: 'POST', body, headers: { 'content-type': JSON_API } });
      t.expect(answer.status >= 400, 'a refusal', answer);
    }),
    asks('CN-32', 'OURS', '415 and 406 name the header', async (t) => {
      const answer = await t.status(t.get(t.url, { accept: `${JSON_API};charset=utf-8` }), 406);
      const errors = listOf(at(answer.body, 'errors')).filter(isObject);
      t.expect(at(errors[0], 'source', 'header') === 'Accept', 'source.header Accept', answer, '/errors/0');
    }),
    asks('CN-33', 'OURS', 'A GET that wants a supported extension is answered without it', async (t) => {
      operationsOf(t);
      await t.status(t.get(t.url, { accept: ATOMIC }), 200);
    }),
    isUnseen(
      'CN-34',
      'SHOULD',
      'URIs of own extensions and profiles lead to a description',
      'nobody can tell from outside which URIs are the server’s own',
    ),
  ],
};
