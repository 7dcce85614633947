import { createTransport } from 'nodemailer';
import type { Config } from '../config';

export interface Mail {
  readonly to: string;
  readonly subject: string;
  readonly text: string;
  readonly html: string;
}

export interface Mailer {
  /**
   * Hands one mail to the server of SMTP_URL.
   * @param id left half of the Message-ID: the same for the same mail, whenever it is sent
   * @throws Error that names the server's answer but no address
   */
  send(mail: Mail, id: string): Promise<void>;
  close(): void;
}

/** Milliseconds for each of: finding and reaching the server, its greeting, and every silence after that. */
const TIMEOUT_MS = 10_000;
/** One address and nothing else: no list, no name, no second header field. */
const ADDRESS = /^[^\s<>@,;:"()[\]\\]{1,64}@[^\s<>@,;:"()[\]\\]{1,255}$/;

/** null when SMTP_URL is not set. Nothing is connected before the first mail. */
export function createMailer({ smtpUrl, mailFrom }: Pick<Config, 'smtpUrl' | 'mailFrom'>): Mailer | null {
  if (smtpUrl === undefined || mailFrom === undefined) return null;
  const transport = createTransport({
    url: smtpUrl,
    dnsTimeout: TIMEOUT_MS,
    connectionTimeout: TIMEOUT_MS,
    greetingTimeout: TIMEOUT_MS,
    socketTimeout: TIMEOUT_MS,
    disableFileAccess: true,
    disableUrlAccess: true,
  });
  const domain = mailFrom.replace(/^.*@/, '').replace(/>$/, '');
  return {
    send: async ({ to, subject, text, html }, id) => {
      if (!ADDRESS.test(to)) throw new Error('the recipient is not one e-mail address');
      try {
        await transport.sendMail({
          from: mailFrom,
          // An object: a text would be read as a list of addresses.
          to: { name: '', address: to },
          subject: subject.replace(/[\p{Cc}\p{Zl}\p{Zp}]+/gu, ' '),
          text,
          html,
          messageId: `<${id}@${domain}>`,
          // No out-of-office notes in return (RFC 3834).
          headers: { 'Auto-Submitted': 'auto-generated' },
        });
      } catch (error) {
        throw withoutAddresses(error as SmtpError);
      }
    },
    close: () => transport.close(),
  };
}

interface SmtpError extends Error {
  code?: string;
  responseCode?: number;
  command?: string;
}

/** Servers repeat the recipient in what they say, and that ends in logs. */
function withoutAddresses({ code, responseCode, command }: SmtpError): Error {
  const parts = [code, responseCode, command && `at ${command}`].filter((part) => part !== undefined);
  return new Error(`the mail server did not take the mail: ${parts.join(' ')}`);
}
