import type { Access } from './access';
import type { Components, Json, Ref } from './components';
import type { Documents } from './documents';
import type { Definition, Registry } from './include';

/** What differs between the kinds of operation. */
export interface Parts {
  operationId: string;
  summary: string | undefined;
  access: Access;
  parameters: Ref[];
  requestBody?: Json;
  responses: Record<string, Json | Ref>;
  /** Type whose list this is. */
  listOf?: Definition;
}

/** One method of one path. */
export interface Task {
  components: Components;
  registry: Registry;
  documents: Documents;
  definition: Definition;
  method: string;
  action: string;
  /** Name of the relationship, where the path has one. */
  name: string;
}
