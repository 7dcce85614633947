import type { Body } from '../support/app';
import type { Answered, Asked, Spoiler } from './proxy';

/** A fault that a server might have, and what must find it. */
export interface Fault {
  readonly title: string;
  readonly spoiler: Spoiler;
  /** Rules that must turn red. */
  readonly red: readonly string[];
  /** Rules that may turn red with them, as one fault can be against several. */
  readonly may?: readonly string[];
  /** Chapters and rules that are run: the chapters of `red` unless stated. */
  readonly only?: readonly string[];
}

export const primary = (body: Body): Body[] => [body?.data ?? []].flat();
export const isGet = ({ method }: Asked): boolean => method === 'GET';
/** A query parameter as a client sends it, brackets plain or encoded. */
export const hasParameter = ({ url }: Asked, name: string): boolean => new URL(url, 'http://x').searchParams.has(name);
export const parameter = ({ url }: Asked, name: string): string | null =>
  new URL(url, 'http://x').searchParams.get(name);
export function setParameter(asked: Asked, name: string, value: string | undefined): void {
  const { pathname, searchParams } = new URL(asked.url, 'http://x');
  if (value === undefined) searchParams.delete(name);
  else searchParams.set(name, value);
  asked.url = searchParams.size === 0 ? pathname : `${pathname}?${searchParams}`;
}

/** Spoils each successful document of a GET. */
export const documents = (spoil: (body: Body, asked: Asked) => void): Spoiler => ({
  answer: ({ status, body }, asked) => {
    if (isGet(asked) && status === 200 && body?.data !== undefined) spoil(body, asked);
  },
});
/** Spoils each primary resource of a GET. */
export const resources = (spoil: (resource: Body, asked: Asked) => void): Spoiler =>
  documents((body, asked) => {
    if (!asked.url.includes('/relationships/')) for (const each of primary(body)) spoil(each, asked);
  });
export const errors = (spoil: (error: Body) => void): Spoiler => ({
  answer: ({ body }) => {
    for (const each of body?.errors ?? []) spoil(each);
  },
});
export const refusal = (status: number): Answered => ({
  status,
  headers: { 'content-type': 'application/vnd.api+json', vary: 'Accept' },
  body: { errors: [{ status: String(status), title: 'No' }] },
});
export const status = (from: number, to: number, when: (asked: Asked) => boolean): Spoiler => ({
  answer: (answered, asked) => {
    if (answered.status === from && when(asked)) answered.status = to;
  },
});

export function setParameterFrom(asked: Asked, name: string, change: (value: string) => string | undefined): undefined {
  const value = parameter(asked, name);
  if (value !== null) setParameter(asked, name, change(value));
}
