import { join } from 'node:path';
import type { Readable } from 'node:stream';
import type { Config } from '../config';
import type { Egress } from '../egress/egress';
import { DiskStore } from './disk';
import type { Picture } from './pictures';
import { S3Store } from './s3';

/** Where images are kept, by name. What a name stands for never changes: the name is the hash of it. */
export interface MediaStore {
  /**
   * Whole or not at all; the same one again is no error.
   * @throws AppError `unavailable`
   */
  put(picture: Picture): Promise<void>;
  /**
   * The bytes, as they are asked for; null when there is no such image. To be read or destroyed.
   * @throws AppError `unavailable`
   */
  open(name: string): Promise<Readable | null>;
  /**
   * What is not there is removed already.
   * @throws AppError `unavailable`
   */
  remove(name: string): Promise<void>;
}

/**
 * The store that the settings name: MEDIA_URL, else a folder in DATA_DIR.
 * @param egress for servers that the operator has named
 */
export const openStore = ({ mediaLocation, dataDir }: Config, egress: Egress): MediaStore =>
  mediaLocation === undefined ? new DiskStore(join(dataDir, 'media')) : new S3Store(mediaLocation, egress);
