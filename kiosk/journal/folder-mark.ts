/** Whether the data folder is still the one that was opened: an empty mount point holds nothing of this kiosk. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';

export function folderMark(dataDir: string): () => boolean {
  const own = join(dataDir, 'keys');
  const wasThere = existsSync(own);
  return () => !wasThere || existsSync(own);
}
