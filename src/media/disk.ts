import { randomUUID } from 'node:crypto';
import { mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import type { Picture } from './pictures';
import type { MediaStore } from './store';
import { storeError } from './storeError';

/** Milliseconds after which a file that is still being written is what a killed process has left. */
const ABANDONED_MS = 3_600_000;

/** Images in a folder that nobody else reads. */
export class DiskStore implements MediaStore {
  /** Files until they are whole; on the same disk, so that renaming them is one step. */
  private readonly drafts: string;

  constructor(private readonly folder: string) {
    this.drafts = join(folder, 'drafts');
  }

  async put({ name, bytes }: Picture): Promise<void> {
    const draft = join(this.drafts, randomUUID());
    try {
      await mkdir(this.drafts, { recursive: true, mode: 0o700 });
      await writeThrough(draft, bytes);
      await rename(draft, join(this.folder, name));
      await syncFolder(this.folder);
    } catch (error) {
      await rm(draft, { force: true }).catch(() => undefined);
      throw storeError(error);
    }
  }

  async open(name: string): Promise<Readable | null> {
    try {
      return (await open(join(this.folder, name))).createReadStream();
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
      throw storeError(error);
    }
  }

  async remove(name: string): Promise<void> {
    await rm(join(this.folder, name), { force: true }).catch((error) => Promise.reject(storeError(error)));
    await this.removeAbandoned();
  }

  private async removeAbandoned(): Promise<void> {
    for (const name of await readdir(this.drafts).catch(() => [])) {
      const file = join(this.drafts, name);
      const written = await stat(file).catch(() => undefined);
      if (written !== undefined && Date.now() - written.mtimeMs > ABANDONED_MS) await rm(file, { force: true });
    }
  }
}

async function writeThrough(file: string, bytes: Buffer): Promise<void> {
  const handle = await open(file, 'wx', 0o600);
  try {
    await handle.writeFile(bytes);
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Makes the new name of a file last; Windows has no such thing. */
async function syncFolder(folder: string): Promise<void> {
  if (process.platform === 'win32') return;
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
