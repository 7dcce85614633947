import { Eta } from 'eta';
import { HTML, TEXT } from './layout';
import type { Mail } from './mailer';

/** What each template is filled with. Times are ISO 8601; URLs are absolute and ours. */
export interface MailData {
  invitation: {
    organizationName: string;
    /** null: a key of the organization, its partner or the platform invites. */
    inviterName: string | null;
    /** May have several lines. */
    message: string | null;
    acceptUrl: string;
    expiresAt: string;
  };
  passwordReset: {
    minutes: number;
    token: string;
    /** Of a page that takes the token; null: there is none. */
    url: string | null;
    /** Where programs send the token. */
    confirmUrl: string;
  };
  passwordChanged: { changedAt: string };
  keyExpiring: {
    keyName: string;
    /** What may be shown of the key. */
    keyStart: string;
    /** null: the key is not one of an organization. */
    organizationName: string | null;
    expiresAt: string;
  };
}

/** A template with what it is filled with. */
export type FilledTemplate = { [T in keyof MailData]: { template: T; data: MailData[T] } }[keyof MailData];

/** A mail before it is rendered: `to` is one address. */
export type MailPayload = { to: string } & FilledTemplate;

/** What a mail says, once for text and HTML; all of it plain text. */
export interface Letter {
  readonly subject: string;
  readonly paragraphs: readonly string[];
  /** Words of somebody else, shown as such. */
  readonly quote?: string | null;
  readonly button?: { readonly label: string; readonly url: string };
  /** Why the recipient got this, and what to do when it is not for him. */
  readonly footnote: string;
}

const letters: { readonly [T in keyof MailData]: (data: MailData[T]) => Letter } = {
  invitation: ({ organizationName, inviterName, message, acceptUrl, expiresAt }) => ({
    subject: `Invitation to ${organizationName}`,
    paragraphs: [
      inviterName === null
        ? `You are invited to join ${organizationName}.`
        : `${inviterName} invites you to join ${organizationName}.`,
      `The invitation can be accepted until ${time(expiresAt)}.`,
    ],
    quote: message,
    button: { label: 'Accept the invitation', url: acceptUrl },
    footnote: 'If you did not expect this invitation, ignore this mail: without your consent nothing happens.',
  }),
  passwordReset: ({ minutes, token, url, confirmUrl }) => ({
    subject: 'Set a new password',
    paragraphs: [
      'Somebody, probably you, asked to set a new password for your account.',
      ...(url === null
        ? [
            `Your token: ${token}`,
            `It works once, within ${minutes} minutes: send it as "token", with the new password as "password" and "passwordConfirmation", to ${confirmUrl}`,
          ]
        : [`The link works once, within ${minutes} minutes.`]),
    ],
    ...(url === null ? {} : { button: { label: 'Set a new password', url } }),
    footnote: 'If it was not you, ignore this mail: your password stays as it is.',
  }),
  passwordChanged: ({ changedAt }) => ({
    subject: 'Your password was changed',
    paragraphs: [`The password of your account was changed on ${time(changedAt)}.`],
    footnote: 'If it was not you, set a new password at once, and tell the people who run your service.',
  }),
  keyExpiring: ({ keyName, keyStart, organizationName, expiresAt }) => ({
    subject: `The API key ${keyName} expires soon`,
    paragraphs: [
      `The API key ${keyName} (${keyStart}…)${organizationName === null ? '' : ` of ${organizationName}`} expires on ${time(expiresAt)}.`,
      'Programs that use it are refused from then on. Rotate it before that.',
    ],
    footnote: 'You get this mail because you look after this key.',
  }),
};

const html = new Eta({ autoTrim: false });
const text = new Eta({ autoTrim: false, autoEscape: false });
const htmlLayout = html.compile(HTML);
const textLayout = text.compile(TEXT);

/** Subject, text and HTML of a mail. Names can't add lines to any of them. */
export function renderMail({ template, data }: FilledTemplate): Omit<Mail, 'to'> {
  const letter = (letters[template] as (data: unknown) => Letter)(data);
  const shown: Letter = {
    ...letter,
    subject: oneLine(letter.subject),
    paragraphs: letter.paragraphs.map(oneLine),
    quote: letter.quote?.trim().replace(/\r\n?/g, '\n') || null,
  };
  return { subject: shown.subject, text: text.render(textLayout, shown), html: html.render(htmlLayout, shown) };
}

const oneLine = (words: string): string => words.replace(/[\p{Cc}\p{Zl}\p{Zp}]+/gu, ' ');

const time = (iso: string): string => {
  const format = new Intl.DateTimeFormat('en-GB', { dateStyle: 'long', timeStyle: 'short', timeZone: 'UTC' });
  return `${format.format(new Date(iso))} UTC`;
};
