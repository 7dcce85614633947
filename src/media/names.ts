/** Where stored images are served; their name follows. */
export const MEDIA_PATH = '/media';

/** Formats that are taken, by the names that sharp has for them, and how they are served. */
export const FORMATS = {
  png: { extension: 'png', mediaType: 'image/png' },
  jpeg: { extension: 'jpg', mediaType: 'image/jpeg' },
  webp: { extension: 'webp', mediaType: 'image/webp' },
  gif: { extension: 'gif', mediaType: 'image/gif' },
} as const;

export type Format = keyof typeof FORMATS;

export const MEDIA_TYPES: readonly string[] = Object.values(FORMATS).map(({ mediaType }) => mediaType);

/** SHA-256 of the bytes, and the extension of their type. */
const NAME = /^[0-9a-f]{64}[.](png|jpg|webp|gif)$/;

/** The type of a stored image, by its name; undefined for what is no name of one. */
export function mediaTypeOf(name: string): string | undefined {
  const extension = NAME.exec(name)?.[1];
  return Object.values(FORMATS).find((format) => format.extension === extension)?.mediaType;
}

/** The name at the end of a URL that looks like one of a stored image, whichever host it is of. */
export function nameIn(url: string): string | undefined {
  const slash = url.lastIndexOf('/');
  const name = url.slice(slash + 1);
  return url.slice(0, slash).endsWith(MEDIA_PATH) && mediaTypeOf(name) !== undefined ? name : undefined;
}
