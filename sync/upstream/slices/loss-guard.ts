/**
 * Whether a slice that was built may be published: not where it has lost more holds than may go in a day, and not while a
 * kiosk has told of lists of this store that this store does not know, until an operator says so.
 */
import { authorityDay } from '../../protocol/authority-time.ts';
import { ACCEPTED_LOSSES_MAX, type AcceptedLoss, coversLoss, greatLoss, type HeldSlice, holdsOn } from '../../protocol/slice-loss.ts';
import type { PublishedSlice, RefusalStore, SliceAcceptance, SliceRefusal } from '../store/store.ts';

/** Two days: at least one publication lies between any two of them, so that kiosks that were away measure no other steps. */
const WINDOW_MS = 2 * 86_400_000;
const COMPARED_MAX = 1_000;

export type Judgement =
  | { readonly kind: 'publish'; readonly acceptedLosses: readonly AcceptedLoss[]; readonly word: SliceAcceptance | undefined }
  /** `word`: one that allows less than would be lost. */
  | { readonly kind: 'refuse'; readonly refusal: Pick<SliceRefusal, 'from' | 'to'>; readonly word: SliceAcceptance | undefined };

export async function judgeSlice(
  store: RefusalStore,
  previous: PublishedSlice | undefined,
  next: HeldSlice & { readonly sliceId: string },
): Promise<Judgement> {
  const marks = previous?.body.acceptedLosses ?? [];
  const day = authorityDay(Date.parse(next.issuedAt) / 1000);
  const to = holdsOn(next.holds, day);
  const loss = previous && (await worstLoss(store, previous, next));
  const word = await store.sliceAcceptance(next.sliceId);
  const isCovered = word !== undefined && coversLoss(word, to);
  if (loss !== undefined && !isCovered) return { kind: 'refuse', refusal: loss, word };
  if (word === undefined) return { kind: 'publish', acceptedLosses: marks, word };
  const from = loss?.from ?? (previous?.body.holds === undefined ? to : holdsOn(previous.body.holds, day));
  // What kiosks may lose is what the operator saw, also where the centre itself finds no great loss.
  const mark = { version: next.version, from, to: isCovered ? to : word.to, setBack: word.setBack };
  return { kind: 'publish', acceptedLosses: [...marks, mark].slice(-ACCEPTED_LOSSES_MAX), word };
}

/** Against every slice of the last days that no accepted loss has replaced. */
async function worstLoss(store: RefusalStore, previous: PublishedSlice, next: HeldSlice & { readonly sliceId: string }) {
  const accepted = previous.body.acceptedLosses.at(-1)?.version ?? 0;
  const recent = await store.heldSlices(next.sliceId, Date.parse(next.issuedAt) - WINDOW_MS, COMPARED_MAX);
  const { issuedAt, holds } = previous.body;
  const refusal = await store.sliceRefusal(next.sliceId);
  const newest = holds === undefined ? [] : [{ issuedAt, holds }];
  return [...newest, ...recent.filter(({ version }) => version >= accepted)]
    .map((before) => greatLoss(before, next, refusal?.atMs))
    .find(Boolean);
}
