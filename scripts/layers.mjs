// Dependencies point one way (docs/ARCHITECTURE.md): this reads every import and refuses those that point back.
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { ROOT } from './prepare.mjs';

/** Folder → folders and packages that its files must not import. Types alone may cross: they are gone at run time. */
const FORBIDDEN = {
  entities: ['src', 'serializers', 'express'],
  serializers: ['src/controllers', 'src/services', 'src/db', 'src/http', 'src/resources', 'express', 'typeorm'],
  'src/jsonapi': [
    'src/controllers',
    'src/services',
    'src/db',
    'src/http',
    'src/resources',
    'src/endpoints',
    'serializers',
    'express',
    'typeorm',
  ],
  'src/services': [
    'src/controllers',
    'src/jobs',
    'src/jsonapi',
    'src/http',
    'src/resources',
    'src/endpoints',
    'serializers',
    'express',
    'ajv',
  ],
  'src/jobs': ['src/controllers', 'src/jsonapi', 'src/http', 'src/resources', 'serializers', 'express', 'ajv'],
  'src/webhooks': [
    'src/controllers',
    'src/jobs',
    'src/jsonapi',
    'src/http',
    'src/resources',
    'src/endpoints',
    'serializers',
    'express',
    'ajv',
  ],
  'src/egress': [
    'src/controllers',
    'src/services',
    'src/webhooks',
    'src/jobs',
    'src/db',
    'src/jsonapi',
    'src/http',
    'src/resources',
    'express',
    'typeorm',
  ],
  'src/mail': [
    'src/controllers',
    'src/services',
    'src/jobs',
    'src/db',
    'src/jsonapi',
    'src/http',
    'express',
    'typeorm',
  ],
  'src/legacy': ['src/db', 'src/jobs', 'src/resources', 'src/endpoints', 'entities', 'serializers', 'typeorm', 'ajv'],
  'src/db': [
    'src/controllers',
    'src/services',
    'src/jobs',
    'src/jsonapi',
    'src/http',
    'src/resources',
    'src/endpoints',
    'serializers',
    'express',
    'ajv',
  ],
};
/** The error body is the one thing of JSON:API that the HTTP layer shares with it. */
const PACKAGE = /^(@[^/]+\/)?[^./][^/]*/;
const IMPORT = /^(?:import|export)\s+(?!type\b)([^;]*?)\s+from\s+'([^']+)'/gm;

const faults = [];
for (const [folder, forbidden] of Object.entries(FORBIDDEN)) {
  for (const name of readdirSync(join(ROOT, folder), { recursive: true })) {
    if (!name.endsWith('.ts')) continue;
    const file = join(ROOT, folder, name);
    for (const [, names, from] of readFileSync(file, 'utf8').matchAll(IMPORT)) {
      const onlyTypes =
        /^\{[^}]*\}$/.test(names) &&
        names
          .slice(1, -1)
          .split(',')
          .every((each) => /^\s*(type\s|$)/.test(each));
      const target = from.startsWith('.') ? relative(ROOT, resolve(dirname(file), from)) : PACKAGE.exec(from)?.[0];
      const broken = forbidden.find((each) => target === each || target?.startsWith(`${each}/`));
      if (broken !== undefined && !onlyTypes) faults.push(`${relative(ROOT, file)} imports ${from}`);
    }
  }
}
for (const fault of faults) console.error(fault);
process.exitCode = faults.length > 0 ? 1 : 0;
