import { Foundation1763700000000 } from './1763700000000-foundation';
import { Protocol1763760000000 } from './1763760000000-protocol';
import { RateLimits1764000000000 } from './1764000000000-rate-limits';
import { People1764200000000 } from './1764200000000-people';
import { Jobs1764300000000 } from './1764300000000-jobs';
import { Permissions1764300000001 } from './1764300000001-permissions';
import { WebhookTimes1764400000000 } from './1764400000000-webhook-times';
import { Events1764500000000 } from './1764500000000-events';
import { DefaultEndpoint1764500000001 } from './1764500000001-default-endpoint';
import { EventNotes1764500000002 } from './1764500000002-event-notes';
import { Audit1764600000000 } from './1764600000000-audit';
import { Wallets1764600000001 } from './1764600000001-wallets';
import { Media1764600000003 } from './1764600000003-media';

/** In the order in which they run. */
export const migrations = [
  Foundation1763700000000,
  Protocol1763760000000,
  RateLimits1764000000000,
  People1764200000000,
  Jobs1764300000000,
  Permissions1764300000001,
  WebhookTimes1764400000000,
  Events1764500000000,
  DefaultEndpoint1764500000001,
  EventNotes1764500000002,
  Audit1764600000000,
  Wallets1764600000001,
  Media1764600000003,
];
