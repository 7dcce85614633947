import type { Context } from '../context';
import { Expression, type Guard } from '../db/write';
import { AppError } from '../errors';
import { MEDIA_PATH, nameIn } from '../media/names';

/** Name of the image that a URL leads to, when it leads to one of this service. */
function ownName({ publicUrl }: Pick<Context, 'publicUrl'>, url: string | null): string | undefined {
  return url?.startsWith(`${publicUrl()}${MEDIA_PATH}/`) ? nameIn(url) : undefined;
}

/** As the schema says of other texts that are no https URL. */
function notHttps(): AppError {
  const detail = 'avatarUrl must be an https URL without user information and fragment.';
  const meta = { attribute: 'avatarUrl', message: detail };
  return new AppError('invalid_format', detail, { pointer: '/data/attributes/avatarUrl' }, { meta });
}

/**
 * The image that goes with a URL which a client has given: the one that was uploaded, when he sends back where it is; else
 * none, so that the one before is let go.
 */
export function mediaOf(ctx: Context, url: string | null): Expression | null {
  if (url === null) return null;
  return new Expression(
    (bind) => `case when old.avatar_url = ${bind(url)} then old.avatar_media
      else (select m.name from media m where m.name = ${bind(ownName(ctx, url) ?? null)}) end`,
  );
}

/** Where the service itself is reached without TLS, so are its images: such a URL may be sent back as it was read, and no other. */
export function avatarUrlGuards(ctx: Context, url: string | null | undefined): Guard[] {
  if (!url?.startsWith('http:') || ownName(ctx, url) !== undefined) return [];
  return [{ sql: (bind) => `old.avatar_url = ${bind(url)}`, error: notHttps }];
}

/** Likewise for a new organization, which has none to send back. */
export function checkNewAvatarUrl(ctx: Context, url: string | null | undefined): void {
  if (url?.startsWith('http:') && ownName(ctx, url) === undefined) throw notHttps();
}
