import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Code, description, and `!` where it is sensitive: it moves money, grants rights, reveals or destroys. */
const PERMISSIONS = `
organizations:read       See the organization and its settings
organizations:update     Change the organization and its settings
organizations:delete   ! Delete the organization
organizations:suspend  ! Suspend the organization and end its suspension
organizations:restore    Undo the deletion of the organization
organizations:transfer ! Make another member its primary owner
domains:read             See its domains
domains:manage           Add, verify and remove domains
members:read             See its members and their roles
members:update         ! Add and suspend members, and change their roles and workspaces
members:remove         ! Remove members
roles:read               See its roles
roles:manage           ! Make, change and delete roles
workspaces:read          See its workspaces
workspaces:manage        Make, change and archive workspaces
invitations:read         See its invitations
invitations:create       Invite people
invitations:revoke       Revoke invitations
apiKeys:read             See its keys, but for their secrets
apiKeys:create         ! Make keys
apiKeys:update           Change and disable keys
apiKeys:rotate         ! Replace keys by new ones
apiKeys:revoke         ! Revoke keys
tokens:issue           ! Issue access tokens
webhooks:read            See its webhook endpoints and their deliveries
webhooks:manage          Make, change, test and delete webhook endpoints
webhooks:rotate        ! Replace the secrets of webhook endpoints
webhooks:replay          Send deliveries again
events:read              See its events
wallets:read           ! See its wallets and their transactions
wallets:charge         ! Charge its wallets
wallets:topup          ! Top up its wallets
wallets:hold           ! Hold amounts of its wallets
wallets:adjust         ! Adjust and reverse transactions
overages:read            See its overage limits
overages:update        ! Change its overage limits
audit:read               See its audit log
audit:export           ! Export its audit log
data:export            ! Export all of its data
data:import            ! Import data
data:erase             ! Erase personal data
platform:admin         ! Run the installation
`;

const ROWS = PERMISSIONS.trim()
  .split('\n')
  .map((line) => /^(\S+) +(!)? *(\S.*)$/.exec(line) as unknown as [string, string, string | undefined, string]);

/** The list of permissions, for everybody to read. */
export class Permissions1764300000001 implements MigrationInterface {
  name = 'Permissions1764300000001';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      create table permissions (
        id text not null,
        description text not null,
        sensitive boolean not null default false,
        created_at timestamptz not null default date_trunc('second', now()),
        updated_at timestamptz not null default date_trunc('second', now()),
        version integer not null default 1,
        constraint permissions_pkey primary key (id)
      )`);
    for (const [, id, mark, description] of ROWS) {
      const values = [id, description, mark !== undefined];
      await runner.query('insert into permissions (id, description, sensitive) values ($1, $2, $3)', values);
    }
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('drop table permissions');
  }
}
