import type { Check } from '../core/check';
import { type Answer, resolve, withQuery } from '../core/client';
import { at, isObject, pointsSomewhere } from '../core/json';
import { isJsonApi } from '../core/mediaType';
import { foreignMembers } from '../core/members';
import { asks, type Chapter, each, watches } from '../core/rules';
import { hrefOf, type Seen } from '../core/seen';

const ERROR = ['id', 'links', 'status', 'code', 'title', 'detail', 'source', 'meta'];
const TOKEN = /^[!#$%&'*+.^_`|~\w-]+$/;

const objects = (seen: Seen) => seen.errors.filter(({ value }) => isObject(value));
const having =
  (...path: string[]) =>
  (seen: Seen) =>
    objects(seen).filter(({ value }) => at(value, ...path) !== undefined);

const isError = ({ status }: Answer): boolean => status >= 400;

/** Statuses in the errors of a document, each once. */
const statusesOf = ({ errors }: Seen): string[] => [...new Set(errors.map(({ value }) => String(at(value, 'status'))))];

/** An error of each kind that can be provoked with GET. */
const provoke = async (t: Check): Promise<void> => {
  await t.get(withQuery(t.url, 'unknown=1'));
  await t.get(withQuery(t.url, 'include=no-such-relationship'));
  const missing = t.world.missingUrl();
  if (missing !== undefined) await t.get(missing);
  const { made } = t.world;
  if (made?.description.invalid === undefined) return;
  const { attribute, value } = made.description.invalid;
  await made.post(made.document({ attributes: made.attributes({ [attribute]: value }) }));
  await made.post(made.document({ type: 'no-such-type' }));
};

export const errorChapter: Chapter = {
  id: 'ERR',
  title: 'Errors',
  rules: [
    watches(
      'ERR-1',
      'MUST',
      'errors is an array of objects, one at least',
      ({ document, answer }, t) => {
        if (!('errors' in document)) return;
        const { errors } = document;
        const holds = Array.isArray(errors) && errors.length > 0 && errors.every(isObject);
        t.expect(holds, 'an array of objects', answer, '/errors');
      },
      provoke,
    ),
    watches(
      'ERR-2',
      'MUST',
      'An error has one of the defined members at least, and no other',
      each(
        objects,
        (value, seen) =>
          foreignMembers(value, ERROR, seen).length === 0 && ERROR.some((name) => at(value, name) !== undefined),
        `only ${ERROR.join(', ')}`,
      ),
      provoke,
    ),
    watches(
      'ERR-3',
      'SHOULD',
      'status is there as text, and that of the answer when it is all errors’',
      (seen, t) => {
        for (const { value, at: place } of objects(seen)) {
          const status = at(value, 'status');
          const agrees = statusesOf(seen).length > 1 || status === String(seen.answer.status);
          t.expect(typeof status === 'string' && agrees, `"${seen.answer.status}" as text`, seen.answer, place);
        }
      },
      provoke,
    ),
    watches(
      'ERR-4',
      'MUST',
      'id, status, code, title and detail are text',
      each(
        objects,
        (value) =>
          ['id', 'status', 'code', 'title', 'detail'].every((name) =>
            ['string', 'undefined'].includes(typeof at(value, name)),
          ),
        'text in each',
      ),
      provoke,
    ),
    watches(
      'ERR-5',
      'MUST',
      'links of an error are about and type',
      each(
        ({ links }) => links.filter(({ owner }) => owner === 'error'),
        (value, _seen, { name }) => ['about', 'type'].includes(name) && !Array.isArray(value),
        'about or type',
      ),
    ),
    asks('ERR-6', 'SHOULD', 'The type of an error leads to a description', async (t) => {
      const answer = await t.get(withQuery(t.url, 'unknown=1'));
      const href = hrefOf(at(answer.body, 'errors', 0, 'links', 'type'));
      const url = resolve(t.need(href, 'errors have no link to their type'), t.url);
      if (!t.world.client.reaches(url)) t.skip('the description is on another server');
      await t.status(t.ask(url, { headers: { accept: '*/*' }, isDocument: false }), 200);
    }),
    watches(
      'ERR-7',
      'SHOULD',
      'One code has one title',
      (seen, t) => {
        const titles = t.memory;
        for (const { value, at: place } of having('code')(seen)) {
          const [code, title] = [String(at(value, 'code')), at(value, 'title')];
          if (titles.has(code)) t.expect(titles.get(code) === title, `${titles.get(code)}`, seen.answer, place);
          titles.set(code, titles.get(code) ?? title);
        }
      },
      async (t) => {
        await t.get(withQuery(t.url, 'unknown=1'));
        await t.get(withQuery(t.url, 'another=1'));
      },
    ),
    watches(
      'ERR-8',
      'SHOULD',
      'source names a pointer, a parameter or a header, and the parameter where one is at fault',
      each(
        having('source'),
        (value) => ['pointer', 'parameter', 'header'].some((name) => typeof at(value, 'source', name) === 'string'),
        'pointer, parameter or header',
      ),
      async (t) => {
        const answer = await t.get(withQuery(t.url, 'unknown=1'));
        if (answer.status !== 400) t.skip(`an unknown parameter is no error here: ${answer.status}`);
        const named = at(answer.body, 'errors', 0, 'source', 'parameter');
        t.expect(named === 'unknown', 'source.parameter "unknown"', answer, '/errors/0');
      },
    ),
    watches(
      'ERR-9',
      'MUST',
      'A pointer addresses something that is in the request',
      (seen, t) => {
        for (const { value, at: place } of having('source', 'pointer')(seen)) {
          const pointer = at(value, 'source', 'pointer');
          const { body } = seen.answer.sent;
          const holds = typeof pointer === 'string' && pointsSomewhere(parsed(body), pointer);
          t.expect(holds, 'a pointer to a value of the request', seen.answer, place);
        }
      },
      provoke,
    ),
    watches(
      'ERR-10',
      'MUST',
      'parameter is the name of a query parameter of the request',
      (seen, t) => {
        const names = [...new URL(seen.answer.sent.url).searchParams.keys()];
        for (const { value, at: place } of having('source', 'parameter')(seen))
          t.expect(
            names.includes(String(at(value, 'source', 'parameter'))),
            `one of ${names.join(', ') || 'none'}`,
            seen.answer,
            place,
          );
      },
      provoke,
    ),
    watches(
      'ERR-11',
      'MUST',
      'header is the name of one header',
      each(having('source', 'header'), (value) => TOKEN.test(String(at(value, 'source', 'header'))), 'one header name'),
    ),
    watches('ERR-12', 'SHOULD', 'Different problems in one answer have the most general status', (seen, t) => {
      const { status } = seen.answer;
      if (seen.errors.length > 0 && statusesOf(seen).length > 1)
        t.expect([400, 500].includes(status), '400 or 500', seen.answer);
    }),
    watches(
      'ERR-13',
      'OURS',
      'Errors of every layer are JSON:API documents',
      ({ answer }, t) => {
        if (isError(answer) && answer.sent.method !== 'HEAD')
          t.expect(isJsonApi(answer.headers['content-type']), 'a JSON:API document', answer);
      },
      provoke,
    ),
    watches(
      'ERR-14',
      'OURS',
      'Errors show no stack, SQL or file path',
      ({ answer }, t) => {
        if (isError(answer) && answer.bytes.length > 0)
          t.expect(
            !/\bat .+:\d+:\d+|\bselect .+ from\b|\/node_modules\//i.test(answer.text),
            'no inner workings',
            answer,
          );
      },
      provoke,
    ),
    asks('ERR-15', 'OURS', 'Each error has an id of its own', async (t) => {
      const ids = new Set<unknown>();
      for (let i = 0; i < 2; i++) ids.add(at((await t.get(withQuery(t.url, 'unknown=1'))).body, 'errors', 0, 'id'));
      if (ids.has(undefined)) t.skip('errors have no id');
      t.expect(ids.size === 2, 'another id for the second error');
    }),
    watches('ERR-16', 'HTTP', '401 has WWW-Authenticate, 405 has Allow', judgeHeaders, async (t) => {
      const headers = Object.fromEntries(Object.keys(t.world.client.credentials).map((name) => [name, undefined]));
      if (Object.keys(headers).length > 0) await t.get(t.url, headers);
    }),
    asks('ERR-17', 'OURS', 'A body that is too deep is refused as a document', async (t) => {
      const made = t.need(t.world.made, 'no description of a writable type');
      await t.status(made.post(`{"data":${'['.repeat(10_000)}${']'.repeat(10_000)}}`), [400, 413]);
    }),
    asks('ERR-18', 'OURS', 'A path that cannot be decoded is refused with 400', (t) =>
      t.status(t.get(`${t.url.replace(/\/?(\?.*)?$/, '')}/%E0%A4%A`), 400),
    ),
  ],
};

function judgeHeaders({ answer }: Seen, t: Check): void {
  const { status, headers } = answer;
  if (status === 401) t.expect(headers['www-authenticate'] !== undefined, 'WWW-Authenticate', answer);
  if (status === 405) t.expect(headers.allow !== undefined, 'Allow', answer);
  if (status === 429 || status === 503) t.expect(headers['retry-after'] !== undefined, 'Retry-After', answer);
}

function parsed(body: string | undefined): unknown {
  try {
    return JSON.parse(body ?? '');
  } catch {
    return undefined;
  }
}
