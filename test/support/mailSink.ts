import type { AddressInfo } from 'node:net';
import PostalMime from 'postal-mime';
import { SMTPServer, type SMTPServerOptions } from 'smtp-server';

/** A mail as its recipient gets it. */
export interface ReceivedMail {
  /** Who it was delivered to, whatever the header fields say. */
  readonly recipients: string[];
  readonly from: string;
  readonly to: string;
  readonly subject: string;
  readonly text: string;
  readonly html: string;
  /** By name in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  /** As it came over the wire. */
  readonly source: string;
}

export interface MailSink {
  /** For SMTP_URL. */
  readonly url: string;
  /** In the order of their coming. */
  readonly mails: ReceivedMail[];
  /** The first mail that no `next` has given yet; waits for it, 10 s at the most. */
  next(): Promise<ReceivedMail>;
  close(): Promise<void>;
}

const PATIENCE_MS = 10_000;

/** An SMTP server that takes every mail and keeps it. `options` make it stubborn. */
export async function startMailSink(options: SMTPServerOptions = {}): Promise<MailSink> {
  const mails: ReceivedMail[] = [];
  const waiting = new Set<() => void>();
  let given = 0;
  const server = new SMTPServer({
    authOptional: true,
    disabledCommands: ['STARTTLS'],
    disableReverseLookup: true,
    closeTimeout: 100,
    logger: false,
    onData: async (stream, session, done) => {
      const chunks: Buffer[] = [];
      for await (const chunk of stream) chunks.push(chunk as Buffer);
      const recipients = session.envelope.rcptTo.map(({ address }) => address);
      mails.push(await parse(Buffer.concat(chunks), recipients));
      done();
      for (const wake of waiting) wake();
    },
    ...options,
  });
  // A client that goes away in the middle.
  server.on('error', () => undefined);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.server.address() as AddressInfo;
  return {
    url: `smtp://127.0.0.1:${port}`,
    mails,
    next: async () => {
      const index = given++;
      const end = Date.now() + PATIENCE_MS;
      while (mails.length <= index) {
        if (Date.now() > end) throw new Error(`no mail within ${PATIENCE_MS} ms`);
        await arrival(waiting);
      }
      return mails[index] as ReceivedMail;
    },
    close: () => new Promise((resolve) => server.close(() => resolve())),
  };
}

/** Resolves when a mail has come, and a second later anyhow. */
function arrival(waiting: Set<() => void>): Promise<void> {
  return new Promise((resolve) => {
    const wake = () => {
      clearTimeout(timer);
      waiting.delete(wake);
      resolve();
    };
    const timer = setTimeout(wake, 1_000);
    waiting.add(wake);
  });
}

async function parse(source: Buffer, recipients: string[]): Promise<ReceivedMail> {
  const mail = await PostalMime.parse(source);
  return {
    recipients,
    from: mail.from?.address ?? '',
    to: (mail.to ?? []).map(({ address }) => address).join(', '),
    subject: mail.subject ?? '',
    text: mail.text ?? '',
    html: mail.html ?? '',
    headers: Object.fromEntries(mail.headers.map(({ key, value }) => [key, value])),
    source: source.toString('utf8'),
  };
}
