import type { Caller } from '../src/context';
import { serializers, toOne } from './jsonapi';

/** Who is asking, as `/public/v2/me` shows it; there is no table and no collection behind it. */
export interface CallerView {
  id: string;
  level: string;
  name: string;
  permissions: string[];
  organizationId: string | null;
  partnerId: string | null;
  userId: string | null;
}

export const callerView = (caller: Caller): CallerView => ({
  id: caller.credentialId,
  level: caller.level,
  name: caller.name,
  permissions: [...caller.permissions],
  organizationId: caller.organizationId,
  partnerId: caller.partnerId,
  userId: caller.userId,
});

export const callers = serializers<CallerView>({
  type: 'callers',
  self: () => '/public/v2/me',
  attributes: ['level', 'name', 'permissions'],
  relationships: {
    organization: { ...toOne('organizations', ({ organizationId }) => organizationId), bare: true },
    user: { ...toOne('users', ({ userId }) => userId), bare: true },
    partner: { ...toOne('partners', ({ partnerId }) => partnerId), bare: true },
  },
});
