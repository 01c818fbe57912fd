/**
 * How far the feed was heard, kept apart from what it has brought: where that is lost, this alone says which slices hold what
 * is missing. A number of the centre, not a time: a clock that was set back lets nobody pass.
 */
import { z } from 'zod';

const heardSchema = z.object({
  /** Null: of whatever store. */
  storeId: z.string().nullable(),
  /** No entry that was heard has a greater number. */
  seq: z.number(),
});
export type Heard = z.infer<typeof heardSchema>;

export const NOTHING_HEARD: Heard = { storeId: null, seq: 0 };
/** No slice holds so much: only the feed itself makes that good. */
export const UNKNOWN_HEARD: Heard = { storeId: null, seq: Number.MAX_SAFE_INTEGER };

/** What the feed of an earlier version called missing named a time of this machine: it is not known how much that is. */
export const missingSchema = z.union([heardSchema, z.number().transform(() => UNKNOWN_HEARD)]);

export interface FeedMemory {
  /** There was a file of the feed before. */
  wasMade(): boolean;
  /** Undefined: an earlier version kept none. */
  heard(): Heard | undefined;
  /** On disk when it returns. */
  hear(heard: Heard): void;
}

const HEARD = 'feed.heard';
/** All that an earlier version kept. */
const MADE = 'feed.made';

export function createFeedMemory(state: { get(name: string): unknown; set(name: string, value: unknown): void }): FeedMemory {
  const heard = () => heardSchema.optional().catch(UNKNOWN_HEARD).parse(state.get(HEARD));
  return {
    wasMade: () => heard() !== undefined || state.get(MADE) === true,
    heard,
    hear: (next) => state.set(HEARD, next),
  };
}

/** Whether a slice that holds all entries up to `seq` holds all that was heard. What another store said counts no more with it. */
export function holdsAll({ storeId, seq }: { readonly storeId: string; readonly seq: number }, heard: Heard): boolean {
  return heard.seq <= seq || (heard.storeId !== null && heard.storeId !== storeId);
}

/** With one more page. */
export function hearing(heard: Heard, { storeId, upTo }: { readonly storeId: string; readonly upTo: number }): Heard {
  const isOtherStore = heard.storeId !== null && heard.storeId !== storeId;
  return isOtherStore || heard.seq < upTo ? { storeId, seq: upTo } : heard;
}
