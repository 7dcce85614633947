// The process that sends the load, so that making requests costs the servers nothing but a share of the cores.
import autocannon from 'autocannon';
import type { Job, Outcome } from './load';
import { percentile } from './measure';
import { type Plan, requestOf } from './requests';

/** Makes every name of this process another one: two organizations of one name need two tries at a slug. */
let names = 0;
const nextName = (): string => `Bench ${process.pid} ${++names}`;

/** Every connection has its own rows: two that change the same one would wait for each other, not for the server. */
function requestsOf(plan: Plan, connection: number, connections: number): autocannon.Request[] {
  const { method, paths, credentials = [], wallets = [] } = plan;
  const places = [...Array(Math.max(paths.length, credentials.length, wallets.length)).keys()];
  const own = places.length < connections ? places : places.filter((place) => place % connections === connection);
  if (method === 'GET') return own.map((place) => requestOf(plan, place, nextName()));
  // Made when they are sent: nothing is created twice, and no change is one to what is there already.
  return own.map((place) => ({
    method,
    path: paths[place % paths.length],
    setupRequest: (request) => {
      const { headers, body } = requestOf(plan, place, nextName());
      return { ...request, headers: { ...request.headers, ...headers }, body };
    },
  }));
}

function send({ origin, headers, plan, seconds, connections }: Job): Promise<Outcome> {
  let connection = 0;
  const latencies: number[] = [];
  const startedAt = performance.now();
  let endedAt = startedAt;
  const options: autocannon.Options = {
    url: origin,
    connections,
    duration: seconds,
    // How often it looks whether the time is over.
    sampleInt: 50,
    headers: { ...headers },
    setupClient: (client) => client.setRequests(requestsOf(plan, connection++, connections)),
  };
  return new Promise((resolve, reject) => {
    const running = autocannon(options, (error, result) => {
      if (error) reject(error);
      else resolve(outcomeOf(result, latencies, endedAt - startedAt));
    });
    // Its own histogram is in whole milliseconds, too coarse for an answer within one.
    running.on('response', (_client, _status, _bytes, ms) => {
      latencies.push(ms);
      endedAt = performance.now();
    });
  });
}

function outcomeOf(result: autocannon.Result, latencies: number[], ms: number): Outcome {
  const { non2xx, errors, timeouts, mismatches, statusCodeStats } = result;
  const isClean = non2xx + errors + timeouts + mismatches === 0 && latencies.length > 0;
  latencies.sort((a, b) => a - b);
  return {
    requests: latencies.length,
    requestsPerSecond: (latencies.length * 1000) / ms,
    p50: percentile(latencies, 0.5),
    p99: percentile(latencies, 0.99),
    failures: isClean
      ? undefined
      : JSON.stringify({ non2xx, errors, timeouts, mismatches, statusCodeStats, answers: latencies.length }),
  };
}

process.on('message', async (job: Job) => process.send?.(await send(job)));
process.on('disconnect', () => process.exit(0));
process.send?.('ready');
