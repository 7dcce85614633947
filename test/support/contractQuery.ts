import { type Any, compiled, queryParameters } from './openapi';

/** The query parameters of an operation by name; a request asks for few of them. */
const known = new WeakMap<object, Map<string, Any>>();

function parametersOf(operation: Any): Map<string, Any> {
  let parameters = known.get(operation);
  if (parameters === undefined) {
    parameters = new Map(queryParameters({ operation }).map((each) => [each.name, each]));
    known.set(operation, parameters);
  }
  return parameters;
}

/** A text of the query as the schema of its parameter sees it. */
function parsedText(text: string, { type, items, minItems = 0 }: Any): unknown {
  if (type === 'array')
    return text === '' && minItems === 0 ? [] : text.split(',').map((each) => parsedText(each, items));
  if (type === 'integer') return /^-?\d+$/.test(text) ? Number(text) : text;
  if (type === 'boolean') return { true: true, false: false }[text];
  // In times: a plus sign that was not encoded has become a blank.
  return text.replace(/ (\d\d:\d\d)$/, '+$1');
}

/** What the document lets a client write that has no literal name: operators behind listed filters, paths into JSON. */
function isFilter(name: string, operation: Any): boolean {
  const asArray = name.endsWith('[]');
  const [, target = '', given = 'eq'] =
    /^filter\[([^\]]+)\](?:\[(\w+)\])?$/.exec(asArray ? name.slice(0, -2) : name) ?? [];
  const operator = asArray ? 'in' : given;
  const parameters = parametersOf(operation);
  if (parameters.has(`filter[${target}][${operator}]`)) return true;
  if (parameters.get(`filter[${target}]`)?.['x-operators']?.includes(operator)) return true;
  const json: [string, string[]][] = Object.entries(operation['x-json-filters'] ?? {});
  return json.some(([path, operators]) => target.startsWith(`${path}.`) && operators.includes(operator));
}

/** @returns what is in the query of a request and not in the document */
export function queryFaults(path: string, operation: Any): string[] {
  const search = path.split('?', 2)[1];
  if (search === undefined) return [];
  return [...new URLSearchParams(search)].flatMap(([name, text]) => {
    const parameter = parametersOf(operation).get(name);
    if (parameter === undefined) return isFilter(name, operation) ? [] : [`the parameter ${name} is not described`];
    const validate = compiled(parameter.schema);
    return validate(parsedText(text, parameter.schema))
      ? []
      : [`${name}=${text} is not as described: ${validate.errors?.[0]?.message}`];
  });
}
