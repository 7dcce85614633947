import { Skip } from './check';
import { type Answer, type Client, NoAnswer, resolve } from './client';
import type { Description } from './description';
import { at, isObject, type Json, listOf, textAt } from './json';

/** A resource that was made for a test. */
export interface Row {
  readonly url: string;
  readonly type: string;
  readonly id: string;
  readonly resource: Json;
}

/** The description cannot be used with this server. */
export class Unusable extends Error {}

/** Makes resources of the described type, remembers all that any test made, and takes them away at the end. */
export class Made {
  private uniques = 0;
  private readonly tag = Date.now().toString(36);
  /** URLs of everything made, in order. */
  private readonly urls = new Set<string>();

  constructor(
    private readonly client: Client,
    readonly description: Description,
  ) {
    client.listeners.push((answer) => this.notice(answer));
  }

  get collection(): string {
    return this.description.url;
  }

  get type(): string {
    return String(at(this.description.create, 'data', 'type'));
  }

  /** The change that PATCH takes; ends the check where there is none. */
  get update(): { readonly attribute: string; readonly value: unknown } {
    if (this.description.update === undefined) throw new Skip('the description has no update');
    return this.description.update;
  }

  /** A new resource that is there to be deleted; ends the check where nothing can be. */
  deletable(): Promise<Row> {
    if (this.description.deletable === false) throw new Skip('the description says "deletable": false');
    return this.row();
  }

  /** The value with each `{unique}` in it replaced by the same new text. */
  fill<T>(value: T): T {
    const unique = `${this.tag}${(++this.uniques).toString(36)}`;
    return JSON.parse(JSON.stringify(value).replaceAll('{unique}', unique));
  }

  /** A new document that creates a resource; `more` goes over the members of `data`. */
  document(more: Json = {}): { data: Json } & Json {
    const document = this.fill(this.description.create) as { data: Json } & Json;
    return { ...document, data: { ...document.data, ...more } };
  }

  /** The attributes of a new resource with some of them changed. */
  attributes(more: Json): Json {
    const { attributes } = this.document().data;
    return { ...(isObject(attributes) ? attributes : {}), ...more };
  }

  post(body: unknown, headers: Record<string, string | undefined> = {}, url = this.collection): Promise<Answer> {
    return this.client.ask(url, { method: 'POST', body, headers });
  }

  /**
   * Makes rows before the first rule. An answer that is no error but no resource either is for the rules to judge.
   * @throws Unusable when the server refuses the described document
   */
  async prepare(rows: number): Promise<void> {
    for (let i = 0; i < rows; i++) {
      const { status, text } = await this.post(this.document());
      if (status >= 400)
        throw new Unusable(`The server refuses "create" of the description: ${status} ${text.slice(0, 300)}`);
    }
  }

  /** A new resource. */
  async row(): Promise<Row> {
    const answer = await this.post(this.document());
    const row = rowOf(answer, this.collection);
    if (answer.status !== 201 || row === undefined)
      throw new Skip(`the description's document makes no resource: POST was answered with ${answer.status}`);
    return row;
  }

  /** A document that changes the described attribute of a row, and the value it asks for. */
  change({ type, id }: Row, more: Json = {}): { document: { data: Json }; value: unknown } {
    const { attribute, value } = this.fill(this.update);
    return { document: { data: { type, id, attributes: { [attribute]: value }, ...more } }, value };
  }

  /** Deletes what was made after the first `keep`, the last first; gives the URLs of what could not be deleted. */
  async cleanUp(keep = 0): Promise<string[]> {
    const left: string[] = [];
    const isFinal = this.description.deletable === false;
    for (const url of [...this.urls].slice(keep).reverse()) {
      this.urls.delete(url);
      if (isFinal || !(await this.remove(url))) left.push(url);
    }
    return left;
  }

  private async remove(url: string): Promise<boolean> {
    try {
      const { status } = await this.client.ask(url, { method: 'DELETE' });
      return status < 300 || status === 404 || status === 410;
    } catch (error) {
      if (error instanceof NoAnswer) return false;
      throw error;
    }
  }

  /** Tests that want a refusal may get a resource instead, and operations make several: all are seen here. */
  private notice(answer: Answer): void {
    const { method, url } = answer.sent;
    if (method !== 'POST' || answer.status < 200 || answer.status > 201) return;
    if (answer.status === 201) {
      const row = rowOf(answer, url);
      if (row !== undefined) this.urls.add(row.url);
    }
    for (const [i, result] of listOf(at(answer.body, 'atomic:results')).entries()) {
      const op = at(answer.sent.body === undefined ? undefined : JSON.parse(answer.sent.body), 'atomic:operations', i);
      const data = at(result, 'data');
      if (at(op, 'op') === 'add' && isObject(data) && data.type === this.type)
        this.urls.add(urlOf(data, this.collection));
    }
  }
}

const urlOf = (resource: Json, collection: string): string =>
  resolve(textAt(resource, 'links', 'self') ?? `${collection.replace(/\/?(\?.*)?$/, '')}/${resource.id}`, collection);

function rowOf(answer: Answer, collection: string): Row | undefined {
  const resource = at(answer.body, 'data');
  if (!isObject(resource) || typeof resource.type !== 'string' || typeof resource.id !== 'string') return undefined;
  const location = answer.headers.location;
  const url = location === undefined ? urlOf(resource, collection) : resolve(location, collection);
  return { url, type: resource.type, id: resource.id, resource };
}
