import { FILE_PART, MOST_FILE_BYTES } from '../http/upload';
import { MEDIA_PATH, MEDIA_TYPES } from '../media/names';
import { HEAD, notModified } from './answers';
import type { Components, Json } from './components';
import { errorResponses } from './errors';
import { headersOf, RATE_LIMIT } from './headers';
import { header } from './parameters';
import { object } from './schemas';

const image = { type: 'string', contentMediaType: 'application/octet-stream' };

/** The body of a request that brings an image. */
export const fileBody = (components: Components): Json => ({
  required: true,
  content: {
    'multipart/form-data': {
      schema: components.add(
        'schemas',
        object({
          [FILE_PART]: { ...image, maxLength: MOST_FILE_BYTES, description: 'The image, 5 MiB at the most.' },
        }),
        'FileUpload',
      ),
      encoding: { [FILE_PART]: { contentType: MEDIA_TYPES.join(', ') } },
    },
  },
});

/** Where images are served. */
export const mediaPath = (components: Components): Record<string, Json> => ({
  [`${MEDIA_PATH}/{name}`]: {
    get: {
      tags: ['service'],
      operationId: 'getMedia',
      summary: 'An uploaded image',
      description: `Its name is the hash of its content, so that it never changes. No credential is needed; requests are counted by address.\n\n${HEAD}`,
      security: [],
      parameters: [
        {
          name: 'name',
          in: 'path',
          required: true,
          schema: { type: 'string', pattern: '^[0-9a-f]{64}[.](png|jpg|webp|gif)$' },
        },
        header(components, 'ifNoneMatch'),
        header(components, 'requestId'),
      ],
      responses: {
        200: {
          description: 'The image.',
          headers: headersOf(
            components,
            'X-Request-Id',
            ...RATE_LIMIT,
            'ETag',
            'X-Content-Type-Options',
            'Content-Security-Policy',
            'Cross-Origin-Resource-Policy',
          ),
          content: Object.fromEntries(MEDIA_TYPES.map((type) => [type, { schema: image }])),
        },
        304: notModified(components),
        ...errorResponses(components, ['malformed_request', 'not_found', 'rate_limited', 'unavailable']),
      },
    },
  },
});
