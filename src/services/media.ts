import type { Context, Services } from '../context';

/** Hours for which an image stays after its last use: pages that were made before still show it. */
const KEPT_HOURS = 24;

/**
 * Redraws an image and stores it; of the same pixels there is one. To be called outside of a transaction: what was noted
 * and then not used, because the request failed or the process died, is found by the sweep.
 * @returns its name
 * @throws AppError as `Pictures.redraw` does; `unavailable` when the store is away
 */
export async function storeImage({ db, pictures, media }: Context, file: Buffer): Promise<string> {
  const picture = await pictures.redraw(file);
  const { name, bytes } = picture;
  // First noted, then stored: whoever removes this very image holds its row, and is waited for here.
  await db.query(
    `insert into media (name, size) values ($1, $2) on conflict (name) do update set unused_since = now()`,
    [name, bytes.length],
  );
  await media.put(picture);
  return name;
}

/** Bytes of a stored image; undefined when there is no such image. */
export async function imageSize({ db }: Pick<Services, 'db'>, name: string): Promise<number | undefined> {
  const [row] = await db.query('select size from media where name = $1', [name]);
  return row?.[0] as number | undefined;
}

/** Removes the images that no organization has shown for a day. */
export async function removeUnusedImages(ctx: Pick<Services, 'db' | 'media'>): Promise<void> {
  let isDone = false;
  while (!isDone) isDone = !(await removeNext(ctx));
}

/** Row and bytes go together: the row is locked until both are gone. */
const removeNext = ({ db, media }: Pick<Services, 'db' | 'media'>): Promise<boolean> =>
  db.transaction(async (inside) => {
    const [row] = await inside.query(
      `select name from media where unused_since < now() - interval '${KEPT_HOURS} hours'
       order by unused_since limit 1 for update skip locked`,
    );
    if (row === undefined) return false;
    // A statement of its own: its view of the table must be younger than the lock.
    const unused = 'not exists (select 1 from organizations o where o.avatar_media = m.name)';
    const removed = await inside.query(`delete from media m where name = $1 and ${unused} returning 1`, row);
    if (removed.length === 0) await inside.query('update media set unused_since = null where name = $1', row);
    else await media.remove(row[0] as string);
    return true;
  });
