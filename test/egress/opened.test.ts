import { buffer } from 'node:stream/consumers';
import { Egress } from '../../src/egress/egress';
import type { EgressRequest, OpenedExchange } from '../../src/egress/exchange';
import { until } from '../support/process';
import { makeEgress, startReceiver } from './servers';

/** Answers that are read while they come. */

const open = (egress: Egress, url: string, request: Partial<EgressRequest> = {}): Promise<OpenedExchange> =>
  egress.open({
    url: new URL(url),
    method: 'GET',
    headers: {},
    body: Buffer.alloc(0),
    timeoutMs: 10_000,
    maxBodyBytes: 100,
    ...request,
  });

test('an answer of 2xx is the caller’s to read; its connection is used again when that is done', async () => {
  const receiver = await startReceiver((_request, response) => response.end('x'.repeat(100_000)));
  const egress = makeEgress();
  for (let i = 0; i < 3; i++) {
    const { statusCode, error, body, responseBody } = await open(egress, `http://a.example:${receiver.port}/`);
    expect([statusCode, error, responseBody]).toEqual([200, null, null]);
    expect((await buffer(body as never)).length).toBe(100_000);
  }
  expect(receiver.sockets).toHaveLength(1);
});

test('one that is not read to its end takes its connection along', async () => {
  const receiver = await startReceiver((_request, response) => response.end('x'.repeat(10_000_000)));
  const { body } = await open(makeEgress(), `http://a.example:${receiver.port}/`);
  body?.destroy();
  await until(() => receiver.sockets[0]?.destroyed, 'the end of the connection');
});

test('one that takes longer than the request may ends with an error', async () => {
  const receiver = await startReceiver((_request, response) => {
    response.writeHead(200);
    response.write('begun');
  });
  const { body, error } = await open(makeEgress(), `http://a.example:${receiver.port}/`, { timeoutMs: 300 });
  expect(error).toBeNull();
  await expect(buffer(body as never)).rejects.toThrow();
  await until(() => receiver.sockets[0]?.destroyed, 'the end of the connection');
});

test('one that breaks off ends with an error', async () => {
  const receiver = await startReceiver((_request, response) => {
    response.writeHead(200, { 'Content-Length': 100 });
    response.write('begun', () => response.destroy());
  });
  const { body } = await open(makeEgress(), `http://a.example:${receiver.port}/`);
  await expect(buffer(body as never)).rejects.toThrow();
});

test('other answers have no body to read; their beginning is kept', async () => {
  const receiver = await startReceiver((_request, response) => {
    response.statusCode = 404;
    response.end('y'.repeat(1_000));
  });
  const { statusCode, error, body, responseBody } = await open(makeEgress(), `http://a.example:${receiver.port}/`);
  expect([statusCode, error, body, responseBody?.length]).toEqual([404, 'http_status', null, 100]);
});

test('the address rules hold here, too, and the operator’s own egress goes wherever he says (INV-41)', async () => {
  const receiver = await startReceiver((_request, response) => response.end('x'));
  const url = `http://127.0.0.1:${receiver.port}/`;
  const public_ = makeEgress({ webhookAllowCidrs: [] });
  expect(await open(public_, url)).toMatchObject({ error: 'blocked_address', statusCode: null, body: null });
  const egress = Egress.ofOperator();
  const { body } = await open(egress, url);
  expect(String(await buffer(body as never))).toBe('x');
  egress.close();
});
