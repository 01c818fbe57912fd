/**
 * Whether the journal that lies on the disk is the one that was written: compared with the place that was noted elsewhere
 * (pure). Commits are on the disk before their place is noted, so a journal that is behind its place has lost records.
 */

export interface JournalPlace {
  /** 32 hex digits. */
  readonly journalId: string;
  /** Number of a record that was committed there; the journal may have gone on since. */
  readonly seq: number;
}

/** Where the place is noted, apart from the journal. */
export interface PlaceStore {
  read(): JournalPlace | undefined;
  write(place: JournalPlace): void;
  /** What the centre has: it is not lost. */
  acknowledged(): JournalPlace | undefined;
}

export interface FoundJournal extends JournalPlace {
  /** The journal that it continues, above record `n`. */
  readonly parent: { readonly journalId: string; readonly n: number } | undefined;
}

export interface JournalLoss {
  /** `from` to `to` of an earlier journal, as far as is known; undefined where the centre has all that is known of. */
  readonly range: { readonly journalId: string; readonly from: number; readonly to: number } | undefined;
  /** Whether what lies there is the same journal, and shorter. */
  readonly isBehind: boolean;
}

export function lossOf(
  expected: JournalPlace | undefined,
  acknowledged: JournalPlace | undefined,
  found: FoundJournal,
): JournalLoss | undefined {
  if (expected === undefined) return undefined;
  const { journalId, seq } = expected;
  const isBehind = found.journalId === journalId;
  const continued = found.parent?.journalId === journalId ? found.parent.n + found.seq : 0;
  const here = isBehind ? found.seq : continued;
  if (here >= seq) return undefined;
  const atCentre = acknowledged?.journalId === journalId ? acknowledged.seq : 0;
  const from = Math.max(here, atCentre) + 1;
  return { range: from <= seq ? { journalId, from, to: seq } : undefined, isBehind };
}
