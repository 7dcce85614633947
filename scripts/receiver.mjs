// `npm run receiver [port]`: prints every webhook that comes, and answers 200. With WEBHOOK_SECRET it verifies them first,
// as docs/WEBHOOKS.md says, and answers 401 to those that are not signed with it.
import { createHmac, timingSafeEqual } from 'node:crypto';
import { createServer } from 'node:http';

const port = Number(process.argv[2] ?? 4000);
const secret = process.env.WEBHOOK_SECRET;

/** Whether one of the signatures is good. */
function isGenuine(headers, body) {
  const key = secret.startsWith('whsec_') ? Buffer.from(secret.slice(6), 'base64') : Buffer.from(secret);
  const signed = `${headers['webhook-id']}.${headers['webhook-timestamp']}.${body}`;
  const good = Buffer.from(createHmac('sha256', key).update(signed).digest('base64'));
  return String(headers['webhook-signature'])
    .split(' ')
    .map((each) => Buffer.from(each.replace(/^v1,/, '')))
    .some((each) => each.length === good.length && timingSafeEqual(each, good));
}

const server = createServer(async (req, res) => {
  const chunks = [];
  for await (const chunk of req) chunks.push(chunk);
  const body = Buffer.concat(chunks).toString();
  const verdict = secret === undefined ? 'not verified' : isGenuine(req.headers, body) ? 'verified' : 'REFUSED';
  const { type = '?', sequence, data } = parse(body);
  console.log(`\n${type} (number ${sequence}, ${verdict})  webhook-id: ${req.headers['webhook-id']}`);
  console.log(JSON.stringify(data, null, 2));
  res.writeHead(verdict === 'REFUSED' ? 401 : 200).end();
});

function parse(text) {
  try {
    return JSON.parse(text);
  } catch {
    return { data: text };
  }
}

server.listen(port, '127.0.0.1', () => console.log(`Webhooks to http://127.0.0.1:${port} are shown here.`));
