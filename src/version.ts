import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** The version of the package: its package.json is one folder further up from the compiled file than from the source. */
export function packageVersion(folder = __dirname): string {
  try {
    return JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')).version;
  } catch (error) {
    if (dirname(folder) === folder) throw error;
    return packageVersion(dirname(folder));
  }
}
