import type { Chapter } from '../core/rules';
import { atomicChapter } from './atomic';
import { compoundChapter, identifierChapter } from './compound';
import { creatingChapter } from './creating';
import { cursorChapter } from './cursor';
import { deletingChapter } from './deleting';
import { documentChapter, jsonapiChapter } from './document';
import { errorChapter } from './errors';
import { fetchingChapter } from './fetching';
import { inclusionChapter } from './inclusion';
import { linkChapter } from './links';
import { memberChapter, metaChapter } from './names';
import { negotiationChapter } from './negotiation';
import { paginationChapter } from './pagination';
import { filteringChapter, queryChapter } from './query';
import { recommendationChapter } from './recommendations';
import { fetchingRelationshipsChapter, relationshipChapter } from './relationships';
import { relationshipWriteChapter } from './relationshipWrites';
import { fieldChapter, resourceChapter } from './resources';
import { sortingChapter } from './sorting';
import { sparseChapter } from './sparse';
import { updatingChapter } from './updating';

/** All rules, in the order of the specification. */
export const chapters: readonly Chapter[] = [
  negotiationChapter,
  documentChapter,
  jsonapiChapter,
  resourceChapter,
  fieldChapter,
  relationshipChapter,
  linkChapter,
  identifierChapter,
  compoundChapter,
  metaChapter,
  memberChapter,
  fetchingChapter,
  fetchingRelationshipsChapter,
  inclusionChapter,
  sparseChapter,
  sortingChapter,
  paginationChapter,
  filteringChapter,
  creatingChapter,
  updatingChapter,
  relationshipWriteChapter,
  deletingChapter,
  queryChapter,
  errorChapter,
  atomicChapter,
  cursorChapter,
  recommendationChapter,
];
