import { Foundation1763700000000 } from './1763700000000-foundation';
import { Protocol1763760000000 } from './1763760000000-protocol';

export const migrations = [Foundation1763700000000, Protocol1763760000000];
