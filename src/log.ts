import pino, { type DestinationStream, type Logger, type LoggerOptions } from 'pino';

/**
 * Bytes that are collected before they are written, and milliseconds after which they are written anyhow: with a write
 * every 4 KiB the log takes an eighth of a small request's time.
 */
const BUFFER_BYTES = 65_536;
const FLUSH_MS = 500;

/** Secrets have no business in a log line; where one slips in, this is the last net. */
const REDACTED = [
  'authorization',
  'token',
  'secret',
  'password',
  '*.authorization',
  '*.token',
  '*.secret',
  '*.password',
  'err.detail',
  'err.where',
  'err.parameters',
];

/** One line for people: time, level, message, what else there is. */
const forPeople: DestinationStream = {
  write(line: string) {
    const { time, level, msg = '', err, ...rest } = JSON.parse(line);
    const clock = new Date(time).toISOString().slice(11, 19);
    const more = Object.entries(rest).map(
      ([key, value]) => `${key}=${typeof value === 'object' ? JSON.stringify(value) : value}`,
    );
    process.stdout.write(
      `${clock} ${String(level).padEnd(5)} ${[msg, ...more].join(' ')}\n${err?.stack ? `${err.stack}\n` : ''}`,
    );
  },
};

/** How every line looks, wherever it goes. */
export const logOptions = (level: string): LoggerOptions => ({
  level,
  base: undefined,
  redact: REDACTED,
  formatters: { level: (label) => ({ level: label }) },
  timestamp: pino.stdTimeFunctions.isoTime,
});

/** JSON lines on stdout, readable ones when stdout is a terminal. */
export function createLog(level: string): Logger {
  if (process.stdout.isTTY) return pino(logOptions(level), forPeople);
  const buffered = pino.destination({ fd: 1, sync: false, minLength: BUFFER_BYTES, maxWrite: 2 * BUFFER_BYTES });
  // Also when the process dies of an error: what was logged last is what one wants to read then.
  process.on('exit', () => buffered.flushSync());
  setInterval(() => buffered.flush(), FLUSH_MS).unref();
  return pino(logOptions(level), buffered);
}
