import { rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:https';
import { dirname, join } from 'node:path';
import { run, temporaryFolder } from '../support/process';
import { makeCertificate } from './certificate';
import { listen, startRaw, startReceiver } from './servers';

const BUILT = join(__dirname, '..', '..', 'dist', 'src', 'egress', 'egress.js');

/** What the built module answers in a process of its own, which has to end by itself. */
async function sendFrom(env: NodeJS.ProcessEnv, urls: readonly string[], last = 'egress.close()'): Promise<unknown[]> {
  const script = `
    const { Egress } = require(${JSON.stringify(BUILT)});
    const egress = new Egress({ webhookAllowCidrs: ['127.0.0.1'], webhookAllowHttp: 'yes' });
    const send = (url) => egress.request({ url: new URL(url), method: 'POST', headers: {}, body: Buffer.from('{}'), timeoutMs: 1000, maxBodyBytes: 99 });
    Promise.all(${JSON.stringify(urls)}.map(send)).then((all) => {
      console.log(JSON.stringify(all.map(({ error, responseBody }) => error ?? String(responseBody))));
      ${last};
    });`;
  const child = run(['-e', script], env);
  expect(await child.ended).toBe(0);
  return JSON.parse(/^\[.*\]$/m.exec(child.output())?.[0] ?? child.output());
}

test('neither proxies nor NODE_TLS_REJECT_UNAUTHORIZED in the environment change anything (INV-41)', async () => {
  const proxy = await startReceiver((_request, response) => response.end('proxy'));
  const receiver = await startReceiver((_request, response) => response.end('receiver'));
  const secure = await listen(
    createServer(makeCertificate(['127.0.0.1']), (_request, response) => response.end('tls')),
  );
  const url = `http://127.0.0.1:${proxy.port}`;
  const answers = await sendFrom(
    {
      HTTP_PROXY: url,
      http_proxy: url,
      HTTPS_PROXY: url,
      https_proxy: url,
      ALL_PROXY: url,
      NODE_USE_ENV_PROXY: '1',
      NODE_TLS_REJECT_UNAUTHORIZED: '0',
    },
    [`http://127.0.0.1:${receiver.port}/`, `https://127.0.0.1:${secure.port}/`],
  );
  expect(answers).toEqual(['receiver', 'tls_error']);
  expect(proxy.sockets).toHaveLength(0);
});

test('a certificate that NODE_EXTRA_CA_CERTS names is trusted', async () => {
  const certificate = makeCertificate(['127.0.0.1']);
  const file = join(temporaryFolder('guildhall-ca-'), 'ca.pem');
  writeFileSync(file, certificate.cert);
  const secure = await listen(createServer(certificate, (_request, response) => response.end('tls')));
  const url = `https://127.0.0.1:${secure.port}/`;
  expect(await sendFrom({ NODE_EXTRA_CA_CERTS: file }, [url])).toEqual(['tls']);
  expect(await sendFrom({}, [url])).toEqual(['tls_error']);
  rmSync(dirname(file), { recursive: true });
});

test.each([
  ['after close', 'egress.close()'],
  ['without it', '0'],
])('the process ends by itself when there is nothing to do, %s', async (_title, last) => {
  const receiver = await startReceiver((_request, response) => response.end('ok'));
  const silent = await startRaw(() => undefined);
  const urls = [`http://127.0.0.1:${receiver.port}/`, `http://127.0.0.1:${silent.port}/`];
  const started = performance.now();
  expect(await sendFrom({}, urls, last)).toEqual(['ok', 'timeout']);
  // An idle connection lasts 4 s.
  expect(performance.now() - started).toBeLessThan(4_000);
});
