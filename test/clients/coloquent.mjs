// coloquent, unmodified, against a running server: node coloquent.mjs URL KEY MARK prints what each step gave.
import { Model, PaginationStrategy } from 'coloquent';
import {
  brief,
  changesBy,
  FAULTY,
  key,
  MANAGEMENT,
  made,
  metadata,
  print,
  read,
  refusal,
  SHARED,
  storedRoles,
  url,
} from './session.mjs';

class AppModel extends Model {
  getJsonApiBaseUrl() {
    return `${url}${SHARED}`;
  }
}
class Organization extends AppModel {
  jsonApiType = 'organizations';
  owner() {
    return this.hasOne(User);
  }
  users() {
    return this.hasMany(User);
  }
  members() {
    return this.hasMany(OrganizationMember);
  }
}
class OrganizationByNumber extends Organization {
  static pageSize = 2;
  static paginationStrategy = PaginationStrategy.PageBased;
}
class OrganizationByOffset extends Organization {
  static pageSize = 2;
}
class User extends AppModel {
  jsonApiType = 'users';
}
class Role extends AppModel {
  jsonApiType = 'roles';
}
// Relations are declared in one direction: coloquent follows both without end.
class OrganizationMember extends AppModel {
  jsonApiType = 'members';
  user() {
    return this.hasOne(User);
  }
  roles() {
    return this.hasMany(Role);
  }
}
class Member extends OrganizationMember {
  organization() {
    return this.hasOne(Organization);
  }
}
// The first model makes the client that all of them use.
new User();
Model.getHttpClient().getImplementingClient().defaults.headers.Authorization = `Bearer ${key}`;

const report = {};
const name = (model) => model.getAttribute('name');
const namesOf = (response) => response.getData().map(name);
const list = (type = Organization) => type.where('metadata.made', made).orderBy('name');
/** A new `type` with these attributes and relations. */
function make(type, attributes, relations = {}) {
  const model = new type();
  for (const [field, value] of Object.entries(attributes)) model.setAttribute(field, value);
  for (const [field, value] of Object.entries(relations)) model.setRelation(field, value);
  return model;
}
/** Names on this page and on the next ones, up to one that is not full. */
async function walk(number = 1) {
  const names = namesOf(await list(OrganizationByOffset).get(number));
  return names.length < OrganizationByOffset.getPageSize() ? [names] : [names, ...(await walk(number + 1))];
}

// Lists
const all = await list().get();
report.list = { names: namesOf(all), total: all.getHttpClientResponse().getData().meta.total };
report.descending = namesOf(await Organization.where('metadata.made', made).orderBy('name', 'desc').get());
report.filtered = namesOf(await list().where('name', 'Charlie').get());
report.pages = {
  second: namesOf(await list(OrganizationByNumber).get(2)),
  last: namesOf(await list(OrganizationByOffset).get(3)),
};
report.walked = await walk();
const sparse = await list(OrganizationByNumber).option('fields[organizations]', 'name,kind').get();
report.sparse = sparse.getData().map((model) => model.getAttributes());

// Includes
const owned = (await list().with('owner').get()).getData();
report.owners = owned.map((each) => [name(each), each.getRelation('owner')?.getAttribute('email') ?? null]);
const [alpha] = owned;
const members = await Member.where('organizationId', alpha.getApiId())
  .orderBy('number')
  .with(['user', 'roles', 'organization.owner'])
  .get();
report.members = members.getData().map((member) => ({
  user: name(member.getRelation('user')),
  roles: member.getRelation('roles').map((role) => role.getAttribute('code')),
  organization: name(member.getRelation('organization')),
  owner: name(member.getRelation('organization').getRelation('owner')),
}));

// One
const path = `${MANAGEMENT}/organizations/${alpha.getApiId()}`;
const find = async (type, id) => (await type.find(id)).getData();
const found = await find(Organization, alpha.getApiId());
report.one = {
  type: found.getJsonApiType(),
  name: name(found),
  metadata: found.getAttribute('metadata'),
  token: found.getAttribute('token'),
};

// Writing
const created = make(Organization, { name: 'Foxtrot', metadata });
const answered = (await created.save()).getModel();
const foxtrot = `${MANAGEMENT}/organizations/${created.getApiId()}`;
report.created = {
  name: name(answered),
  token: typeof answered.getAttribute('token'),
  stored: (await read(foxtrot)).attributes.name,
};
created.setAttribute('name', 'Golf');
created.setAttribute('countryCode', 'DE');
const updated = (await created.save()).getModel();
const { attributes: stored } = await read(foxtrot);
report.updated = {
  name: name(updated),
  countryCode: updated.getAttribute('countryCode'),
  stored: [stored.name, stored.countryCode],
};
const user = make(User, { email: `linus@${made}.example`, name: 'Linus' });
await user.save();
const member = make(Member, {}, { organization: created, user });
await member.save();
const { relationships } = await read(`${SHARED}/members/${member.getApiId()}`);
report.joined = [
  relationships.organization.data.id === created.getApiId(),
  relationships.user.data.id === user.getApiId(),
];

// Round trips: what was read is sent back whole
const [, grace] = members.getData();
const resave = (query, id, relations, stored) =>
  changesBy(async () => {
    const whole = (await query.with(relations).find(id)).getData();
    whole.setAttribute('externalId', `${made}/${relations}`);
    await whole.save();
  }, stored);
report.roundTrips = [
  await resave(Organization.query(), alpha.getApiId(), [], path),
  await resave(Organization.query(), alpha.getApiId(), ['owner'], path),
  await resave(Organization.query(), alpha.getApiId(), ['owner', 'users', 'members.roles', 'members.user'], path),
  await resave(
    OrganizationMember.query(),
    grace.getApiId(),
    ['user', 'roles'],
    `${SHARED}/members/${grace.getApiId()}`,
  ),
];

// Relationships
const [peopled] = (await list().with(['owner', 'members.user', 'members.roles']).get()).getData();
const included = peopled.getRelation('members').map((each) => name(each.getRelation('user')));
report.included = { names: included.sort(), total: included.length };
const roles = (await Role.get()).getData();
const codeOf = (model) => model.getAttribute('code');
report.related = {
  owner: name((await alpha.owner().first()).getData()),
  users: namesOf(await alpha.users().orderBy('name').get()),
  roles: (await grace.roles().get()).getData().map(codeOf),
};
grace.setRelation(
  'roles',
  roles.filter((role) => codeOf(role) === 'admin'),
);
await grace.save();
report.linkage = { replaced: await storedRoles(grace.getApiId()) };

// Errors
const { response } = await refusal(() => make(Organization, FAULTY).save());
report.refused = response.data.errors.map(brief);
report.missing = (await refusal(() => Organization.find(user.getApiId()))).message;

await created.delete();
report.deleted = await read(foxtrot);
print(report);
