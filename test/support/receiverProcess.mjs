// A receiver of webhooks in a process of its own. It does on each path what it was told; receiver.ts says what can be told.
import { createServer } from 'node:http';

const DRIP_MS = 100;
const RESET_MS = 20;
const FLOOD = Buffer.alloc(64 * 1024, 'x');
/** What a path without a program does. */
const TAKES = { status: 200 };

/** What is kept of a request, see `Keep`. */
let keep = 'all';
/** In the order of their coming. */
let requests = [];
let received = 0;
const places = new Map();
const waiting = new Set();

const FAULTS = {
  hang: (res, place) => {
    place.hanging.add(res);
    res.once('close', () => place.hanging.delete(res));
  },
  drip: (res) => {
    res.socket.write('HTTP/1.1 200 OK\r\nX-Drip: ');
    dripOf(res, () => res.socket.write('.'));
  },
  dripBody: (res) => {
    res.writeHead(200, { 'Content-Type': 'text/plain' });
    dripOf(res, () => res.write('.'));
  },
  flood: (res) => {
    const more = () => {
      while (!res.destroyed && res.write(FLOOD));
    };
    res.on('drain', more);
    more();
  },
  reset: (res) => res.socket.resetAndDestroy(),
  resetInBody: (res) => {
    res.writeHead(200, { 'Content-Type': 'text/plain', 'Content-Length': 1_000 });
    const { socket } = res;
    // Not at once: a sender that finds bytes and RST together sees a plain end of the connection.
    res.write('only the beginning', () => setTimeout(() => socket.resetAndDestroy(), RESET_MS));
  },
};

function dripOf(res, drop) {
  const timer = setInterval(drop, DRIP_MS);
  res.once('close', () => clearInterval(timer));
}

function placeOf(path) {
  let place = places.get(path);
  if (place === undefined) {
    place = { steps: [TAKES], next: 0, received: 0, open: 0, mostOpen: 0, hanging: new Set() };
    places.set(path, place);
  }
  return place;
}

function perform(behaviour, res, place) {
  if (res.destroyed) return;
  if (typeof behaviour === 'string') FAULTS[behaviour](res, place);
  else if (behaviour.delayMs > 0) setTimeout(perform, behaviour.delayMs, { ...behaviour, delayMs: 0 }, res, place);
  else if (behaviour.raw !== undefined) res.socket.end(behaviour.raw);
  else {
    const { redirect, status = redirect === undefined ? 200 : 302, headers = {}, body } = behaviour;
    res.statusCode = status;
    for (const name in headers) res.setHeader(name, headers[name]);
    if (redirect !== undefined) res.setHeader('Location', redirect);
    res.end(body);
  }
}

function note(req, path, chunks, receivedAt) {
  received++;
  if (keep === 'all') {
    const { method, url, rawHeaders } = req;
    requests.push({ path, url, method, rawHeaders, body: Buffer.concat(chunks), receivedAt });
  } else if (keep === 'ids') {
    requests.push({ path, id: req.headers['webhook-id'], receivedAt });
  }
  for (const wait of waiting) wait();
}

const server = createServer({ keepAliveTimeout: 600_000, requestTimeout: 0, headersTimeout: 0 }, (req, res) => {
  const receivedAt = Date.now();
  const path = req.url.split('?', 1)[0];
  const place = placeOf(path);
  place.open++;
  place.mostOpen = Math.max(place.mostOpen, place.open);
  res.once('close', () => place.open--);
  const chunks = [];
  if (keep === 'all') req.on('data', (chunk) => chunks.push(chunk));
  else req.resume();
  req.on('end', () => {
    place.received++;
    // First, so that whoever is told of the request finds the program one step further.
    const behaviour = place.steps[Math.min(place.next++, place.steps.length - 1)];
    note(req, path, chunks, receivedAt);
    perform(behaviour, res, place);
  });
});
// A sender that goes away in the middle.
server.on('clientError', (_error, socket) => socket.destroy());

const countOf = (path) => (path === undefined ? received : placeOf(path).received);

const CALLS = {
  program: (path, steps) => {
    Object.assign(placeOf(path), { steps, next: 0 });
  },
  keep: (what) => {
    keep = what;
  },
  requests: (path) => (path === undefined ? requests : requests.filter((each) => each.path === path)),
  counts: (path) => {
    const { received, open, mostOpen } = placeOf(path);
    return { received, open, mostOpen };
  },
  wait: (path, count, timeoutMs) =>
    new Promise((resolve) => {
      const end = () => {
        clearTimeout(timer);
        waiting.delete(look);
        resolve(countOf(path));
      };
      const look = () => countOf(path) >= count && end();
      const timer = setTimeout(end, timeoutMs);
      waiting.add(look);
      look();
    }),
  release: (path, behaviour) => {
    const place = placeOf(path);
    const hanging = [...place.hanging];
    place.hanging.clear();
    for (const res of hanging) perform(behaviour, res, place);
    return hanging.length;
  },
  clear: () => {
    requests = [];
    received = 0;
    for (const place of places.values()) Object.assign(place, { received: 0, mostOpen: place.open });
  },
  listen: (port) =>
    new Promise((resolve, reject) => {
      server.once('error', reject);
      server.listen(port, '127.0.0.1', () => {
        server.off('error', reject);
        resolve(server.address().port);
      });
    }),
  stop: () =>
    new Promise((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    }),
};

process.on('message', async ({ id, call, args }) => {
  try {
    process.send({ id, result: await CALLS[call](...args) });
  } catch (error) {
    process.send({ id, error: error.message });
  }
});
process.on('disconnect', () => process.exit(0));
