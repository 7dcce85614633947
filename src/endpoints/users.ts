import { users as serializer } from '../../serializers/users';
import type { Endpoint } from '../controllers/endpoints';
import { limitSignIn } from '../http/sensitive';
import { resourceDocument } from '../jsonapi/reply';
import { settingsRequest } from '../jsonapi/request';
import { isKnownNetwork as isKnown } from '../services/signIn';
import { confirmErasure, eraseUser, noteExport, subjectOf } from '../services/userData';
import { exportUser } from '../services/userExport';

async function* lines(resources: AsyncIterable<object>): AsyncGenerator<string> {
  for await (const resource of resources) yield `${JSON.stringify(resource)}\n`;
}

export const userEndpoints: readonly Endpoint[] = [
  {
    method: 'POST',
    path: '/public/v2/users/{id}/erase',
    operationId: 'eraseUser',
    tag: 'users',
    summary: 'Erase a person',
    description:
      'His name, address, password, sessions, personal keys and memberships are removed, and can’t be brought back; his id ' +
      'stays. Whoever erases himself gives his `password`, if he has one. A partner erases users that it made and that ' +
      'are members of none but its organizations.',
    operation: 'users.erase',
    credential: 'required',
    request: settingsRequest({ password: { type: 'string', writeOnly: true } }),
    responses: { 200: { description: 'What is left of the user.', data: { type: 'users' } } },
    errors: ['not_found', 'last_owner', 'required', 'not_allowed'],
    run: async ({ ctx, services, params, document, address, res }) => {
      const user = await subjectOf(ctx, params.id as string, 'users.erase');
      const { id, email, passwordHash } = user;
      const { password } = document.meta as { password?: string };
      if (ctx.caller.userId === id && passwordHash !== null && password !== undefined) {
        const isKnownNetwork = (network: string) => isKnown(ctx, email, network);
        await limitSignIn(services, res, { email, address, isKnownNetwork });
      }
      await confirmErasure(ctx, user, password);
      const erased = await eraseUser(ctx, user);
      const resource = serializer({ fields: null, level: ctx.caller.level }).resource(erased);
      const links = { self: `/public/v2/users/${id}` };
      return { status: 200, document: resourceDocument(resource, null, links), version: erased.version };
    },
  },
  {
    method: 'GET',
    path: '/public/v2/users/{id}/export',
    operationId: 'exportUser',
    tag: 'users',
    summary: 'All that is known of a person',
    description:
      'One resource object a line: the user, his memberships, sessions, personal keys, the networks he signed in from, ' +
      'invitations to his address, those he made, and events about him. Secrets are left out.',
    operation: 'users.export',
    credential: 'required',
    responses: {
      200: {
        description: 'Resource objects in JSON, one a line.',
        schema: { type: 'string' },
        mediaType: 'application/x-ndjson',
      },
    },
    errors: ['not_found'],
    run: async ({ ctx, params }) => {
      const user = await subjectOf(ctx, params.id as string, 'users.export');
      await noteExport(ctx, user);
      return { status: 200, stream: lines(exportUser(ctx, user.id)) };
    },
  },
];
