import { expireInvitations } from '../../src/services/invitationExpiry';
import { statementsOf } from '../jsonapi/world';
import { type Crew, Crews } from '../routes/crew';
import {
  accept,
  expire,
  freshEmail,
  invitationDocument,
  invite,
  invited,
  PASSWORD,
  PASSWORDS,
  PATH,
  tokenOf,
} from '../routes/invitations/inviting';
import { type Body, createOrganization, createUser, document, S, startApp, type TestApp } from '../support/app';
import { eventOf, SYSTEM, shown, told, userActor } from './feed';

let app: TestApp;
let crews: Crews;
let crew: Crew;
beforeAll(async () => {
  app = await startApp();
  crews = await Crews.of(app);
});
afterAll(() => app.close());
beforeEach(async () => {
  crew = await crews.make();
});

const invitee = (id: string) => ({ type: 'invitee', id });
const read = (id: string) => shown(app.platform, `${PATH}/${id}`);

test('one that is made is told, without its token (INV-30)', async () => {
  const { answer, events } = await told(app, crew.id, () =>
    invite(crew.owner, crew.id, undefined, { roles: crews.linkage('billing') }),
  );
  const { id, attributes } = answer.body.data;
  const data = await read(id);
  expect(events).toEqual([eventOf('invitation.created', crew.id, { actor: userActor(crew.owner), answer, data })]);
  expect(data.relationships.roles.data).toEqual([{ type: 'roles', id: crews.roles.billing }]);
  expect(JSON.stringify(events)).not.toContain(attributes.token);
});

test('of many each is told, in a number of statements that does not depend on how many they are', async () => {
  const pending = await invited(crew.owner, crew.id);
  const items = (count: number) => [
    ...Array.from({ length: count }, () => invitationDocument(crew.id).data),
    invitationDocument(crew.id, { email: pending.attributes.email }).data,
    invitationDocument(crew.id, { email: 'no address' }).data,
  ];
  const counts: number[] = [];
  for (const count of [2, 60]) {
    const { answer, events } = await told(app, crew.id, async () => {
      let answer: Body;
      const statements = await statementsOf(async () => {
        answer = await crew.owner.post(`${PATH}/bulk?onConflict=resend`, { data: items(count) });
      });
      counts.push(statements.length);
      return answer;
    });
    expect(events.map(({ type }) => type)).toEqual([...Array(count).fill('invitation.created'), 'invitation.resent']);
    expect(events.slice(0, count).map(({ data }) => data.id)).toEqual(
      answer.body.meta.results.slice(0, count).map(({ id }: Body) => id),
    );
    expect(events[count].data.id).toBe(pending.id);
  }
  expect(counts[1]).toBe(counts[0]);
});

describe('one that is made anew', () => {
  test('is told with its new end, and the old one', async () => {
    const { id } = await invited(crew.owner, crew.id);
    await app.db.query(
      "update invitations set expires_at = expires_at - interval '1 hour', token_start = 'x' where id = $1",
      [id],
    );
    const before = await read(id);
    const { answer, events } = await told(app, crew.id, () => crew.owner.post(`${PATH}/${id}/resend`));
    const { expiresAt, tokenStart } = before.attributes;
    expect(events).toEqual([
      eventOf('invitation.resent', crew.id, {
        actor: userActor(crew.owner),
        answer,
        data: await read(id),
        previous: { attributes: { expiresAt, tokenStart } },
      }),
    ]);
  });

  test('because of a conflict is told so', async () => {
    const { id, attributes } = await invited(crew.owner, crew.id);
    const again = () => invite(crew.admin, crew.id, { email: attributes.email }, undefined, '?onConflict=resend');
    const { events } = await told(app, crew.id, again);
    expect(events).toMatchObject([
      {
        type: 'invitation.resent',
        data: { id },
        previous: { relationships: { invitedBy: { type: 'users', id: crew.owner.id } } },
      },
    ]);
  });
});

test('one that is revoked is told, with who revoked it', async () => {
  const { id } = await invited(crew.owner, crew.id);
  const { answer, events } = await told(app, crew.id, () => crew.admin.delete(`${PATH}/${id}`));
  expect(events).toEqual([
    eventOf('invitation.revoked', crew.id, {
      actor: userActor(crew.admin),
      answer,
      data: await read(id),
      previous: { attributes: { status: 'pending', revokedAt: null }, relationships: { revokedBy: null } },
    }),
  ]);
});

describe('one that is accepted', () => {
  test('by somebody new tells of him, of the member, and of itself, by the invitee', async () => {
    const invitation = await invited(crew.owner, crew.id);
    const { answer, events } = await told(app, crew.id, () => accept(app.anonymous, tokenOf(invitation)));
    const common = { actor: invitee(invitation.id), answer };
    const member = await shown(app.platform, `${S}/members/${answer.body.data.id}`);
    const user = member.relationships.user.data;
    expect(events).toEqual([
      eventOf('user.created', crew.id, { ...common, data: await shown(app.platform, `${S}/users/${user.id}`) }),
      eventOf('member.added', crew.id, { ...common, data: member }),
      eventOf('invitation.accepted', crew.id, {
        ...common,
        data: await read(invitation.id),
        previous: {
          attributes: { status: 'pending', useCount: 0, acceptedAt: null },
          relationships: { acceptedBy: null },
        },
      }),
    ]);
    expect(events[0].data.attributes.hasPassword).toBe(true);
    expect(JSON.stringify(events)).not.toContain(PASSWORD);
  });

  test('by somebody who has signed in tells of no user, and names him', async () => {
    const person = await app.user();
    const invitation = await invited(crew.owner, crew.id, { email: person.email });
    const { events } = await told(app, crew.id, () => accept(person, tokenOf(invitation), {}));
    expect(events.map(({ type, actor }) => [type, actor])).toEqual([
      ['member.added', userActor(person)],
      ['invitation.accepted', userActor(person)],
    ]);
  });

  test('as a link is told each time', async () => {
    const link = await invited(crew.owner, crew.id, { kind: 'link', maxUses: 3 });
    const use = () => accept(app.anonymous, tokenOf(link), { ...PASSWORDS, email: freshEmail() });
    for (const useCount of [0, 1]) {
      const { types, events } = await told(app, crew.id, use);
      expect(types).toEqual(['user.created', 'member.added', 'invitation.accepted']);
      expect(events[2].previous.attributes.useCount).toBe(useCount);
      expect(events[2].data.attributes.status).toBe('pending');
    }
  });

  test('by the first owner tells who has the organization', async () => {
    const { id } = await createOrganization(app.platform);
    const invitation = await invited(app.platform, id, undefined, { roles: crews.linkage('owner') });
    const { events, types } = await told(app, id, () => accept(app.anonymous, tokenOf(invitation)));
    expect(types).toEqual([
      'user.created',
      'member.added',
      'invitation.accepted',
      'organization.ownership_transferred',
    ]);
    expect(events[1].data.attributes.isPrimaryOwner).toBe(true);
  });

  test('in vain tells nothing, not even of the user (INV-36)', async () => {
    const invitation = await invited(crew.owner, crew.id);
    await app.db.query('update organizations set quotas = $2 where id = $1', [crew.id, { members: 5 }]);
    const { answer, events } = await told(app, crew.id, () => accept(app.anonymous, tokenOf(invitation)));
    expect([answer.status, events]).toEqual([409, []]);
  });
});

test('one that is declined is told, by the invitee', async () => {
  const invitation = await invited(crew.owner, crew.id);
  const { answer, events } = await told(app, crew.id, () =>
    app.anonymous.post(`${PATH}/${tokenOf(invitation)}/decline`),
  );
  expect(events).toEqual([
    eventOf('invitation.declined', crew.id, {
      actor: invitee(invitation.id),
      answer,
      data: await read(invitation.id),
      previous: { attributes: { status: 'pending', declinedAt: null } },
    }),
  ]);
});

describe('one whose time is over', () => {
  const expiredOf = async (id: string) =>
    eventOf('invitation.expired', crew.id, {
      actor: SYSTEM,
      answer: null,
      data: await read(id),
      previous: { attributes: { status: 'pending' } },
    });

  test('is told once, by nobody, when it is swept', async () => {
    const others = await createOrganization(app.platform);
    const { id } = await invited(crew.owner, crew.id);
    const { id: other } = await invited(app.platform, others.id);
    await Promise.all([expire(app, id), expire(app, other)]);
    const { events } = await told(app, crew.id, async () => {
      const elsewhere = await told(app, others.id, () =>
        Promise.all(Array.from({ length: 4 }, () => expireInvitations(app.services))),
      );
      expect(elsewhere.types).toEqual(['invitation.expired']);
    });
    expect(events).toEqual([await expiredOf(id)]);
  });

  test('is told when its address is invited again', async () => {
    const { id, attributes } = await invited(crew.owner, crew.id);
    await expire(app, id);
    const { events, types } = await told(app, crew.id, () => invite(crew.owner, crew.id, { email: attributes.email }));
    expect(types).toEqual(['invitation.expired', 'invitation.created']);
    expect(events[0]).toEqual(await expiredOf(id));
  });
});

test('a request that is refused tells nothing', async () => {
  const { attributes } = await invited(crew.owner, crew.id);
  const { answer, events } = await told(app, crew.id, () => invite(crew.owner, crew.id, { email: attributes.email }));
  expect([answer.status, events]).toEqual([409, []]);
  const unknown = await createUser(app.platform);
  const foreign = document(
    'invitations',
    { email: unknown.attributes.email },
    {
      relationships: {
        organization: { data: { type: 'organizations', id: crew.id } },
        roles: { data: [{ type: 'roles', id: unknown.id }] },
      },
    },
  );
  const second = await told(app, crew.id, () => crew.owner.post(PATH, foreign));
  expect([second.answer.status, second.events]).toEqual([404, []]);
});
