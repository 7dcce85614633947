import type { Organization } from '../../entities';
import type { Context } from '../context';
import { type IfMatch, updateRow, versionGuard } from '../db/write';
import { notFound } from '../errors';
import { MEDIA_PATH } from '../media/names';
import { authorize } from './access';
import { getOrganization, organizationTable } from './organizations';

/**
 * Whether the caller may change the avatar of an organization, to be asked before an image is read.
 * @throws AppError `not_found`, `permission_denied`, `organization_suspended`
 */
export async function allowAvatar(ctx: Context, organizationId: string): Promise<void> {
  await getOrganization(ctx, organizationId, ['id']);
  await authorize(ctx, 'organizations.avatar', { organizationId }, true);
}

/**
 * Makes a stored image the avatar of an organization.
 * @param name of the image, which `storeImage` has just given back
 */
export function setAvatar(ctx: Context, id: string, name: string, ifMatch: IfMatch): Promise<Organization> {
  const changes = { avatarUrl: `${ctx.publicUrl()}${MEDIA_PATH}/${name}`, avatarMedia: name };
  const told = { kind: 'organization.avatar_updated', type: 'organizations' } as const;
  return updateRow(ctx, organizationTable, id, changes, versionGuard(ifMatch), undefined, told);
}

/**
 * Takes the avatar away, wherever it is.
 * @throws AppError `not_found` when there is none
 */
export const removeAvatar = (ctx: Context, id: string, _settings: object, ifMatch: IfMatch): Promise<Organization> => {
  const some = { sql: () => 'old.avatar_url is not null', error: () => notFound('The organization has no avatar.') };
  const guards = [...versionGuard(ifMatch), some];
  const told = { kind: 'organization.avatar_removed', type: 'organizations' } as const;
  return updateRow(ctx, organizationTable, id, { avatarUrl: null, avatarMedia: null }, guards, undefined, told);
};
