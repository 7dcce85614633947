import { apiOrganizations } from './apiOrganizations';
import { organization } from './organization';
import type { Surface } from './surface';
import { v1Orgs } from './v1Orgs';

/** The surfaces beside JSON:API. */
export const surfaces: readonly Surface[] = [v1Orgs, apiOrganizations, organization];
