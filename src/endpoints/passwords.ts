import { users as serializer } from '../../serializers/users';
import type { Endpoint } from '../controllers/endpoints';
import { networkOf } from '../http/address';
import { accountKey, limit, limitSignIn } from '../http/sensitive';
import { metaDocument, resourceDocument } from '../jsonapi/reply';
import { resourceRequest, settingsRequest } from '../jsonapi/request';
import { text } from '../jsonapi/schemas';
import type { NewPassword } from '../services/newPassword';
import { changePassword, checkPasswordChange, passwordHolder } from '../services/passwordChange';
import { CONFIRM_PATH, confirmPasswordReset, requestPasswordReset } from '../services/passwordResets';
import { isKnownNetwork } from '../services/signIn';

const secretText = { type: 'string', writeOnly: true };
const newPassword = { password: secretText, passwordConfirmation: secretText };
const required = Object.keys(newPassword);
const WEAK = ['too_short', 'too_long', 'invalid_format', 'weak_password', 'confirmation_mismatch'] as const;

export const passwordEndpoints: readonly Endpoint[] = [
  {
    method: 'POST',
    path: '/public/v2/users/{id}/password',
    operationId: 'changeUserPassword',
    tag: 'users',
    summary: 'Change your own password',
    description:
      'For somebody who has signed in, not for a personal key. `currentPassword` is required once there is a password. ' +
      'All other sessions of the user end.',
    operation: 'users.password',
    credential: 'required',
    request: settingsRequest({ currentPassword: secretText, ...newPassword }, required),
    responses: { 200: { description: 'The user.', data: { type: 'users' } } },
    errors: ['not_found', 'not_allowed', ...WEAK],
    run: async ({ ctx, services, params, document, address, res }) => {
      const user = await passwordHolder(ctx, params.id as string);
      const given = document.meta as unknown as NewPassword;
      checkPasswordChange(user, given);
      const { email } = user;
      await limitSignIn(services, res, {
        email,
        address,
        isKnownNetwork: (network) => isKnownNetwork(ctx, email, network),
      });
      const changed = await changePassword(ctx, user, given);
      const resource = serializer({ fields: null, level: ctx.caller.level }).resource(changed);
      const links = { self: `/public/v2/users/${changed.id}` };
      return { status: 200, document: resourceDocument(resource, null, links), version: changed.version };
    },
  },
  {
    method: 'POST',
    path: '/public/v2/passwordResets',
    operationId: 'requestPasswordReset',
    tag: 'users',
    summary: 'Ask for a mail to set a new password',
    description: 'The answer is the same whether somebody has the address or not.',
    operation: 'passwordResets.create',
    credential: 'none',
    request: resourceRequest('passwordResets', { email: text(1, 254) }, ['email']),
    responses: {
      202: { description: 'If an active user has the address, a mail goes there.', meta: { type: 'object' } },
    },
    errors: [],
    run: async ({ services, document, address, res }) => {
      const email = document.attributes.email as string;
      await limit(services, res, 'passwordResetAddress', networkOf(address));
      await limit(services, res, 'passwordReset', accountKey(email));
      await requestPasswordReset(services, email);
      return { status: 202, document: metaDocument({}) };
    },
  },
  {
    method: 'POST',
    path: CONFIRM_PATH,
    operationId: 'confirmPasswordReset',
    tag: 'users',
    summary: 'Set a new password with the token of a mail',
    description:
      'The token works once, within an hour. It verifies the e-mail address, and all sessions of the user end: sign in next.',
    operation: 'passwordResets.confirm',
    credential: 'none',
    request: resourceRequest('passwordResets', { token: secretText, ...newPassword }, ['token', ...required]),
    responses: { 204: { description: 'The password is set.' } },
    errors: ['not_found', ...WEAK],
    run: async ({ services, document, address, res }) => {
      await limit(services, res, 'passwordResetAddress', networkOf(address));
      await confirmPasswordReset(services, document.attributes as unknown as NewPassword & { token: string });
      return { status: 204 };
    },
  },
];
