import { organizations as serializer } from '../../serializers/organizations';
import type { Endpoint } from '../controllers/endpoints';
import { readIfMatch, resourceDocument } from '../jsonapi/reply';
import { allowAvatar, setAvatar } from '../services/avatars';
import { storeImage } from '../services/media';

export const organizationEndpoints: readonly Endpoint[] = [
  {
    method: 'POST',
    path: '/public/v2/management/organizations/{id}/avatar',
    operationId: 'uploadOrganizationAvatar',
    tag: 'organizations',
    summary: 'Upload its avatar',
    description:
      'A PNG, JPEG, WebP or GIF image of 4096 × 4096 pixels at the most, by its content, whatever its name and type say. It is ' +
      'drawn anew, upright and in sRGB: nothing but its pixels stays. An animation may have 500 frames, which count as one ' +
      'image; of an animated PNG the first frame is taken.',
    operation: 'organizations.avatar',
    credential: 'required',
    upload: { admit: (ctx, { id }) => allowAvatar(ctx, id as string), store: storeImage },
    ifMatch: true,
    responses: { 200: { description: 'The organization as it is now.', data: { type: 'organizations' } } },
    errors: ['version_mismatch'],
    run: async ({ ctx, params, stored, req }) => {
      const ifMatch = readIfMatch(req.headers['if-match'] as string | undefined);
      const organization = await setAvatar(ctx, params.id as string, stored, ifMatch);
      const resource = serializer({ fields: null, level: ctx.caller.level }).resource(organization);
      const links = { self: `/public/v2/management/organizations/${organization.id}` };
      return { status: 200, document: resourceDocument(resource, null, links), version: organization.version };
    },
  },
];
