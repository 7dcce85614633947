import { readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';

const ROOT = join(__dirname, '..', '..');

/** Modules that can open a connection, and who may import them for what; types are gone at run time. */
const MODULES: Readonly<Record<string, readonly string[]>> = {
  undici: ['src/egress/pool.ts'],
  'node:net': [
    'src/egress/connect.ts',
    // Reading addresses.
    'src/addresses.ts',
    'src/egress/addressRules.ts',
    'src/egress/egress.ts',
    'src/http/address.ts',
    // Listening, to find a free port.
    'src/db/embedded.ts',
  ],
  'node:tls': ['src/egress/connect.ts'],
  'node:dns/promises': ['src/egress/egress.ts'],
  // Listening.
  'node:http': ['src/http/server.ts'],
  // To sign what egress sends.
  aws4fetch: ['src/media/s3.ts'],
  // The mail server of the operator.
  nodemailer: ['src/mail/mailer.ts'],
};
const NEVER = ['node:https', 'node:http2', 'node:dgram', 'node:dns', 'axios', 'got', 'node-fetch', 'superagent'];

/** Calls that need no import, and who may make them: the health check asks its own server. */
const CALLS =
  /(?<![\w.'])(?:globalThis\.)?(?:fetch|WebSocket|EventSource|XMLHttpRequest)\(|\b(?:https?|http2)\.(?:request|get|connect)\(/;
const CONNECTS =
  /(?<![\w.])(?:connect|createConnection|request)\(|\b(?:net|http)\.(?:connect|createConnection|request|get)\(|new (?:net\.)?Socket\(/g;
const CALLERS = ['src/cli/health.ts'];

const IMPORT = /^import\s+(?!type\b)[^;]*?from\s+'([^']+)'|\b(?:require|import)\(\s*'([^']+)'\s*\)/gm;

const sources = ['src', 'entities', 'serializers'].flatMap((folder) =>
  readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts'))
    .map((name) => {
      const file = join(ROOT, folder, name);
      const text = readFileSync(file, 'utf8').replace(/\/\*[\s\S]*?\*\/|^\s*\/\/.*$/gm, '');
      const modules = [...text.matchAll(IMPORT)].map(([, from, called]) => plain(from ?? called ?? ''));
      return { path: relative(ROOT, file).replaceAll('\\', '/'), text, modules };
    }),
);

/** `net` is `node:net`, and a folder of a package is the package. */
function plain(from: string): string {
  if (/^(net|tls|https?|http2|dns|dgram)(\/|$)/.test(from)) return `node:${from}`;
  return /^undici\//.test(from) ? 'undici' : from;
}

test('there are sources to look at', () => expect(sources.length).toBeGreaterThan(150));

test.each(Object.entries(MODULES))(
  '%s is imported by those who are named here, and nobody else (INV-41)',
  (name, files) => {
    const importers = sources.filter(({ modules }) => modules.includes(name)).map(({ path }) => path);
    expect(importers.sort()).toEqual([...files].sort());
  },
);

test.each(NEVER)('%s is imported by nobody (INV-41)', (name) => {
  expect(sources.filter(({ modules }) => modules.includes(name)).map(({ path }) => path)).toEqual([]);
});

test('no request is made but through the egress module (INV-41)', () => {
  expect(sources.filter(({ text }) => CALLS.test(text)).map(({ path }) => path)).toEqual(CALLERS);
});

test('of those who listen, none connects', () => {
  for (const path of ['src/db/embedded.ts', 'src/http/server.ts', 'src/addresses.ts', 'src/http/address.ts']) {
    const text = sources.find((each) => each.path === path)?.text ?? '';
    expect([path, text.match(CONNECTS)]).toEqual([path, null]);
  }
});
