/** Which earlier keyrings a new one still needs before it in its file (pure): those without which somebody would not believe it. */
import { fromHex } from '../../sync/credential/bytes.ts';
import { rootFingerprint } from '../../sync/credential/keyring-body.ts';
import {
  type ChainReason,
  checkStep,
  followChain,
  hasSigned,
  type KeyringBlock,
  type KeyringChain,
} from '../../sync/credential/keyring-chain.ts';

/** The text of the file: what is needed of `previous`, and the new block behind it. */
export function extendChain(previous: KeyringChain | undefined, next: KeyringBlock): string {
  const kept = previous === undefined ? [] : neededBefore(previous, next);
  return [...kept, next].map(({ text }) => `${text}\n`).join('\n');
}

function neededBefore(previous: KeyringChain, next: KeyringBlock): readonly KeyringBlock[] {
  const [last, beforeLast] = [previous.at(-1), previous.at(-2)];
  // It brought no roots: the new one follows from the block before it as well.
  const kept = last !== undefined && beforeLast !== undefined && hasSameRoots(beforeLast, last) ? previous.slice(0, -1) : previous;
  const [first, ...others] = kept;
  if (first === undefined || others.length > 0 || !hasSameRoots(first, next)) return kept;
  // Whoever is pinned to a root that signed the first one must find it under the new one, if that is to stand alone.
  const signers = hasSigned(next, next.body.roots);
  return hasSigned(first, first.body.roots).every((root) => signers.includes(root)) ? [] : kept;
}

function hasSameRoots({ body: a }: KeyringBlock, { body: b }: KeyringBlock): boolean {
  return a.threshold === b.threshold && a.roots.length === b.roots.length && a.roots.every((root) => b.roots.includes(root));
}

/** Why nobody would believe the newest keyring yet; undefined where who is pinned to a root of the first one does. */
export function unfinished(chain: KeyringChain): ChainReason | undefined {
  const [first] = chain;
  const [pin] = hasSigned(first, first.body.roots);
  if (pin === undefined) return 'keyring-root';
  const followed = followChain(chain, rootFingerprint(fromHex(pin)));
  return followed.ok ? undefined : followed.reason;
}

/** Who has still to sign the newest keyring, in words. */
export function missingSignatures(chain: KeyringChain, kidOf: (key: string) => string): string[] {
  const [newest, before] = [chain.at(-1), chain.at(-2)];
  if (newest === undefined) return [];
  const { roots, threshold } = newest.body;
  const names = (keys: readonly string[]) => keys.map(kidOf).join(', ');
  const signed = hasSigned(newest, [...roots, ...(before?.body.roots ?? [])]);
  const words = [`signed by: ${names(signed) || 'no root'}`];
  if (before !== undefined && checkStep(newest, before.body) !== undefined) {
    const { roots: old, threshold: asked } = before.body;
    const waits = asked - old.filter((root) => signed.includes(root)).length;
    const others = old.filter((root) => !signed.includes(root));
    if (waits > 0) words.push(`${waits} more of the roots before it must sign: ${names(others)}`);
    const fresh = roots.filter((root) => !old.includes(root) && !signed.includes(root));
    if (fresh.length > 0) words.push(`each new root must sign: ${names(fresh)}`);
  }
  const waits = threshold - roots.filter((root) => signed.includes(root)).length;
  if (waits > 0) words.push(`${waits} more of its own roots must sign: ${names(roots.filter((root) => !signed.includes(root)))}`);
  return words;
}
