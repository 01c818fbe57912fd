/** The place of the journal and what the centre has of it, as they stand in the state of the kiosk. */
import { z } from 'zod';
import type { PlaceStore } from './journal-loss.ts';
import type { KioskState } from './kiosk-state.ts';

const placeSchema = z.object({ journalId: z.string(), seq: z.number() }).optional().catch(undefined);
const markSchema = z
  .object({ journalId: z.string(), n: z.number() })
  .transform(({ journalId, n }) => ({ journalId, seq: n }))
  .optional()
  .catch(undefined);

export function journalPlace(state: KioskState): PlaceStore {
  return {
    read: () => placeSchema.parse(state.get('journal.place')),
    write: (place) => state.set('journal.place', place),
    acknowledged: () => markSchema.parse(state.get('sync.mark')),
  };
}
