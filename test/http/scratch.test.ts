import { connect } from 'node:net';
import { createOrganization, document, M, S, startApp, type TestApp } from '../support/app';

let app: TestApp;
beforeAll(async () => {
  app = await startApp();
});
afterAll(() => app.close());
const raw = (text: string | Buffer, end = false) =>
  new Promise<string>((resolve) => {
    const socket = connect(app.port, '127.0.0.1');
    let got = '';
    socket.on('data', (d) => { got += d; });
    socket.on('close', () => resolve(got));
    socket.on('error', () => resolve(got));
    socket.write(text);
    if (end) socket.end();
    setTimeout(() => socket.destroy(), 700);
  });
test('probe', async () => {
  const out: unknown[] = [];
  const show = (name: string, a: any) => out.push(name, a.status, a.text?.slice(0, 400));
  const k = app.platform.key;
  const org = await createOrganization(app.platform);
  show('expiresAt +23', await app.platform.post(`${S}/apiKeys`, document('apiKeys', { name: 'x', expiresAt: '2035-01-01T00:00:00+23:00' })));
  show('expiresAt 9999-', await app.platform.post(`${S}/apiKeys`, document('apiKeys', { name: 'x', expiresAt: '9999-12-31T23:59:59-01:00' })));
  show('expiresAt leap', await app.platform.post(`${S}/apiKeys`, document('apiKeys', { name: 'x', expiresAt: '2030-12-31T23:59:60Z' })));
  show('expiresAt blank', await app.platform.post(`${S}/apiKeys`, document('apiKeys', { name: 'x', expiresAt: '2030-12-31 23:59:50Z' })));
  for (const t of ['0000-01-01', '9999-12-31T23:59:59-23:59', '0000-01-01T00:00:00%2B23:59', '0001-01-01', '2026-01-31T24:00:00Z','2026-01-31T23:59:60Z'])
    show(`filter ${t}`, await app.platform.get(`${M}/organizations?filter[createdAt][gte]=${t}`));
  show('meta key', await app.platform.patch(`${M}/organizations/${org.id}`, `{"data":{"type":"organizations","id":"${org.id}","attributes":{"metadata":{"a\\ud800":1}}}}`));
  show('meta key0080', await app.platform.patch(`${M}/organizations/${org.id}`, `{"data":{"type":"organizations","id":"${org.id}","attributes":{"metadata":{"a\\u0085b":1}}}}`));
  show('links only', await app.platform.post(`${S}/members`, { data: { type: 'members', relationships: { organization: { links: {} }, user: { meta: {} } } } }));
  const got = await app.platform.get(`${M}/organizations/${org.id}`);
  show('round', await app.platform.patch(`${M}/organizations/${org.id}`, got.body));
  show('post livez', await app.anonymous.post('/livez', {}));
  const o = await app.anonymous.options('/livez'); show('options livez', o); out.push(o.headers);
  out.push('no host', await raw('GET /public/v2/users HTTP/1.1\r\n\r\n'));
  out.push('expect', await raw(`GET /public/v2/users HTTP/1.1\r\nHost: x\r\nExpect: foo\r\nAuthorization: ${k}\r\n\r\n`));
  out.push('short body', await raw(`POST /public/v2/users HTTP/1.1\r\nHost: x\r\nContent-Type: application/vnd.api+json\r\nContent-Length: 100\r\nAuthorization: ${k}\r\n\r\n{"data"`, true));
  out.push('short body 415', await raw(`POST /public/v2/users HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100\r\nAuthorization: ${k}\r\n\r\n{"data"`, true));
  out.push('TE', await raw(`POST /public/v2/users HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n`));
  out.push('TE+CL', await raw(`POST /public/v2/users HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`));
  out.push('TE gzip, chunked', await raw(`POST /public/v2/users HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n`));
  out.push('h2', await raw('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'));
  out.push('garbage', await raw('hello\r\n\r\n'));
  out.push('431', (await raw(`GET / HTTP/1.1\r\nHost: x\r\nX: ${'a'.repeat(20000)}\r\n\r\n`)).slice(0, 300));
  out.push('414', (await raw(`GET /public/v2/users?q=${'a'.repeat(9000)} HTTP/1.1\r\nHost: x\r\n\r\n`)).slice(0, 500));
  out.push('abs url', (await raw(`GET http://evil/public/v2/users HTTP/1.1\r\nHost: x\r\nAuthorization: ${k}\r\n\r\n`)).slice(0, 500));
  out.push('*', (await raw(`OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n`)).slice(0, 500));
  out.push('upgrade', (await raw(`GET /public/v2/me HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nAuthorization: ${k}\r\n\r\n`)).slice(0, 300));
  out.push('chunk garbage', (await raw(`POST /public/v2/users HTTP/1.1\r\nHost: x\r\nContent-Type: application/vnd.api+json\r\nTransfer-Encoding: chunked\r\nAuthorization: ${k}\r\n\r\nzz\r\n`)));
  console.log(out.map((e) => (typeof e === 'object' ? JSON.stringify(e) : e)).join('\n'));
  console.log(JSON.stringify(app.logLines.filter((l) => l.level === 50), null, 1).slice(0, 6000));
});
