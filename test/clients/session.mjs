// What the client scripts share: where the server is, what its types hold, and a look at it that goes past the library.
export const [url, key, made] = process.argv.slice(2);
export const SHARED = '/public/v2';
export const MANAGEMENT = '/public/v2/management';

/** `Accept` of one who wants pages by cursors. */
export const CURSORS = 'application/vnd.api+json;profile="https://jsonapi.org/profiles/ethanresnick/cursor-pagination"';

/** Attributes by type, for the libraries that want them declared. */
export const ATTRIBUTES = {
  organizations: [
    ...['createdAt', 'updatedAt', 'name', 'webhookUrl', 'webhookSecret', 'token', 'number', 'slug', 'externalId'],
    ...['kind', 'countryCode', 'status', 'statusReason', 'statusChangedAt', 'avatarUrl', 'primaryDomain', 'metadata'],
    ...['deleteProtection', 'legalHold', 'deletedAt', 'purgeAt'],
  ],
  users: [
    ...['createdAt', 'updatedAt', 'email', 'name', 'status', 'emailVerifiedAt', 'avatarUrl', 'locale', 'externalId'],
    'lastSeenAt',
  ],
  members: [
    ...['createdAt', 'updatedAt', 'number', 'status', 'joinMethod', 'isPrimaryOwner', 'externalId', 'metadata'],
    'joinedAt',
  ],
  roles: ['createdAt', 'updatedAt', 'number', 'code', 'name', 'description', 'kind', 'rank', 'permissions'],
};

/** Attributes that every organization here is made with: lists are filtered by them. */
export const metadata = { made };

/** An organization that the server refuses three times over. */
export const FAULTY = { name: '', slug: '!!', countryCode: 'Nowhere' };

/** What is stored, over plain HTTP: the primary data, or the status when there is none. */
export async function read(path) {
  const answer = await fetch(`${url}${path}`, { headers: { Authorization: `Bearer ${key}` } });
  return answer.status === 200 ? (await answer.json()).data : answer.status;
}

/** What is stored differently after `save`, but for the time of the change itself. */
export async function changesBy(save, path) {
  const fieldsOf = ({ attributes, relationships }) => ({ ...attributes, ...relationships, updatedAt: undefined });
  const before = fieldsOf(await read(path));
  await save();
  const after = fieldsOf(await read(path));
  const differs = (name) => JSON.stringify(before[name]) !== JSON.stringify(after[name]);
  return Object.fromEntries(Object.entries(after).filter(([name]) => differs(name)));
}

/** Codes of the roles that a member has. */
export async function storedRoles(memberId) {
  const roles = await read(`${SHARED}/roles`);
  const { relationships } = await read(`${SHARED}/members/${memberId}`);
  return relationships.roles.data.map(({ id }) => roles.find((role) => role.id === id).attributes.code);
}

/** Name of the primary owner that an organization has. */
export async function storedOwner(path) {
  const { relationships } = await read(path);
  return (await read(`${SHARED}/users/${relationships.owner.data.id}`)).attributes.name;
}

/** Runs what must be refused; gives what the library throws. */
export async function refusal(attempt) {
  const nothing = Symbol('nothing');
  const thrown = await attempt().then(
    () => nothing,
    (error) => error,
  );
  if (thrown === nothing) throw new Error('not refused');
  return thrown;
}

/** What an error object of the document says, where the library hands it on as it is. */
export const brief = ({ status, code, source, meta }) => ({
  status,
  code,
  pointer: source?.pointer,
  attribute: meta?.attribute,
});

export const print = (report) => console.log(JSON.stringify(report));
