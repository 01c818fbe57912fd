/** The highest versions that this kiosk has believed, in its state: what is older is refused also after a restart. */
import { z } from 'zod';
import { rootAnchorSchema } from '../sync/credential/keyring-chain.ts';
import type { KioskState } from './journal/kiosk-state.ts';
import type { StatementName, VersionFloor } from './registry/registry.ts';

const seenSchema = z.object({ version: z.number(), digest: z.string(), roots: rootAnchorSchema.extend({ pin: z.string() }).optional() });

/** Slices are counted by each store of the centre for itself: the first slice of a new store is older than nothing. */
const nameOf = (name: StatementName, storeId: string | undefined) =>
  storeId === undefined ? `version.${name}` : `version.${name}.${storeId}`;

export function versionFloor(state: KioskState): VersionFloor {
  const read = (name: string) => {
    const stored = state.get(name) ?? undefined;
    return stored === undefined ? undefined : seenSchema.parse(stored);
  };
  return {
    // An earlier version knew no stores: what it has seen counts until a store's own slice was believed.
    get: (name, storeId) => read(nameOf(name, storeId)) ?? read(nameOf(name, undefined)),
    raise(name, seen, storeId) {
      const stored = read(nameOf(name, storeId));
      const { version, roots } = seen;
      const isNew = stored === undefined || version > stored.version || (roots !== undefined && stored.roots?.pin !== roots.pin);
      if (!isNew) return;
      state.set(nameOf(name, storeId), seen);
      if (storeId !== undefined) state.set(nameOf(name, undefined), null);
    },
  };
}
