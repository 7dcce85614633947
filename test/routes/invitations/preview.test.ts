import { createUser, startApp, type TestApp } from '../../support/app';
import { type Crew, Crews, roleLinks } from '../crew';
import { expectError, TIME } from '../documents';
import { accept, expire, freshEmail, invited, PASSWORDS, PATH, preview, settings, stateOf, tokenOf } from './inviting';

let app: TestApp;
let crews: Crews;
let crew: Crew;
beforeAll(async () => {
  app = await startApp();
  crews = await Crews.of(app);
  crew = await crews.make();
});
afterAll(() => app.close());

const role = (code: string): string => crews.roles[code] as string;
const shown = async (token: string) => (await preview(app.anonymous, token)).body.data.attributes;
const decline = (token: string) => app.anonymous.post(`${PATH}/${token}/decline`);

describe('whoever holds the token', () => {
  test('sees who invites, to what and until when, and not the token again (INV-30)', async () => {
    const email = freshEmail();
    const made = await invited(
      crew.owner,
      crew.id,
      { email, name: 'Ines', message: 'Welcome' },
      { roles: roleLinks(role('member'), role('admin')) },
    );
    const answer = await preview(app.anonymous, tokenOf(made));
    expect(answer.status).toBe(200);
    expect(answer.body).toEqual({
      data: {
        id: made.id,
        type: 'invitationPreviews',
        attributes: {
          kind: 'email',
          status: 'pending',
          expiresAt: TIME,
          email,
          name: 'Ines',
          message: 'Welcome',
          organizationName: 'Acme',
          inviterName: crew.owner.email,
          roles: ['Admin', 'Member'],
          accountExists: false,
        },
      },
      jsonapi: { version: '1.1' },
    });
    expect(answer.text).not.toContain(tokenOf(made));
    expect(answer.headers.etag).toMatch(/^"1\./);
    expect((await app.anonymous.head(`${PATH}/${tokenOf(made)}`)).status).toBe(200);
  });

  test('learns whether the invitee has an account; of a link nothing', async () => {
    const { attributes } = await createUser(app.platform);
    const made = await invited(crew.owner, crew.id, { email: attributes.email.toUpperCase() });
    expect((await shown(tokenOf(made))).accountExists).toBe(true);
    const link = await invited(app.as(crew.token), crew.id, { kind: 'link' });
    expect(await shown(tokenOf(link))).toMatchObject({ accountExists: null, email: null, inviterName: null });
  });

  test('sees the default role where those that were offered have gone', async () => {
    const own = await crews.make();
    await settings(app, own.id, { defaultRole: 'auditor' });
    const made = await invited(own.owner, own.id, {}, { roles: roleLinks(role('member')) });
    await app.db.query('delete from invitation_roles where invitation_id = $1', [made.id]);
    expect((await shown(tokenOf(made))).roles).toEqual(['Auditor']);
  });

  test('sees what became of it, and no more than that of an account', async () => {
    const over = await invited(crew.owner, crew.id);
    await expire(app, over.id);
    const revoked = await invited(crew.owner, crew.id);
    await crew.owner.delete(`${PATH}/${revoked.id}`);
    const accepted = await invited(crew.owner, crew.id);
    await accept(app.anonymous, tokenOf(accepted));
    for (const [made, status] of [
      [over, 'expired'],
      [revoked, 'revoked'],
      [accepted, 'accepted'],
    ]) {
      expect(await shown(tokenOf(made))).toMatchObject({ status, accountExists: null });
    }
  });

  test('is not asked who he is: a credential is not looked at', async () => {
    const made = await invited(crew.owner, crew.id);
    expect((await preview(app.as('nonsense'), tokenOf(made))).status).toBe(200);
  });

  test('leaves no token in the log', async () => {
    const made = await invited(crew.owner, crew.id);
    await preview(app.anonymous, tokenOf(made));
    await accept(app.anonymous, tokenOf(made));
    const lines = JSON.stringify(app.logLines);
    expect(lines).toContain(`${PATH}/{token}`);
    expect(lines).not.toContain(tokenOf(made));
  });

  test('has no other methods there: 405', async () => {
    const path = `${PATH}/${tokenOf(await invited(crew.owner, crew.id))}`;
    for (const [each, allowed] of [
      [path, 'GET, HEAD, OPTIONS'],
      [`${path}/accept`, 'POST, OPTIONS'],
      [`${path}/decline`, 'POST, OPTIONS'],
    ]) {
      const { status, headers } = await fetch(`${app.url}${each}`, { method: 'DELETE' });
      expect([status, headers.get('allow')]).toEqual([405, allowed]);
    }
  });
});

describe('to decline', () => {
  test('ends an invitation for ever (domain sheet 6.2)', async () => {
    const made = await invited(crew.owner, crew.id);
    const { status, body } = await decline(tokenOf(made));
    expect([status, body.data.type, body.data.attributes.status]).toEqual([200, 'invitationPreviews', 'declined']);
    expect(await stateOf(app, made.id)).toMatchObject({ status: 'declined', declinedAt: TIME });
    expectError(await decline(tokenOf(made)), 410, 'invitation_used');
    expectError(await crew.owner.delete(`${PATH}/${made.id}`), 409, 'invalid_transition');
    expectError(await crew.owner.post(`${PATH}/${made.id}/resend`), 409, 'invalid_transition');
    await invited(crew.owner, crew.id, { email: made.attributes.email });
  });

  test('is for pending ones', async () => {
    const made = await invited(crew.owner, crew.id);
    await expire(app, made.id);
    expectError(await decline(tokenOf(made)), 410, 'invitation_expired');
    await crew.owner.delete(`${PATH}/${made.id}`);
    expectError(await decline(tokenOf(made)), 410, 'invitation_revoked');
  });

  test('is not for a link, which is for others too', async () => {
    const made = await invited(crew.owner, crew.id, { kind: 'link', maxUses: 2 });
    expectError(await decline(tokenOf(made)), 409, 'invalid_transition');
    expect((await accept(app.anonymous, tokenOf(made), { ...PASSWORDS, email: freshEmail() })).status).toBe(201);
  });
});

test('look-up, acceptance and refusal of one network are limited together (INV-28)', async () => {
  const limited = await startApp({ RATE_LIMIT: '1000/60' });
  try {
    const paths = [`${PATH}/inv_x`, `${PATH}/inv_x/accept`, `${PATH}/inv_x/decline`];
    for (let i = 0; i < 20; i++) {
      expect((await limited.anonymous.get(paths[0] as string)).status).toBe(404);
      expect((await accept(limited.anonymous, 'inv_x')).status).toBe(404);
      expect((await limited.anonymous.post(paths[2] as string)).status).toBe(404);
    }
    const answer = await limited.anonymous.get(paths[0] as string);
    expect([answer.status, answer.body.errors[0].code]).toEqual([429, 'rate_limited']);
    expect(answer.headers['ratelimit-policy']).toBe('"invitationToken";q=60;w=60');
    expect(Number(answer.headers['retry-after'])).toBeGreaterThan(0);
    for (const each of [await accept(limited.anonymous, 'inv_y'), await limited.anonymous.post(paths[2] as string)]) {
      expect(each.status).toBe(429);
    }
  } finally {
    await limited.close();
  }
});
