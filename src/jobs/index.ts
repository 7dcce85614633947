import type { JobPayloads } from '../services/jobs';
import { tellOfExpiry } from './keyExpiring';
import { sendMail } from './mail';
import { sendPasswordReset } from './passwordReset';
import { purge } from './purgeOrganization';
import type { JobHandler } from './worker';

/** Every kind of job and what it does. */
export const jobs: { readonly [K in keyof JobPayloads]: JobHandler<JobPayloads[K]> } = {
  mail: sendMail,
  purgeOrganization: purge,
  keyExpiring: tellOfExpiry,
  passwordReset: sendPasswordReset,
};
