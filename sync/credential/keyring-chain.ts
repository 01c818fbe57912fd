/**
 * How a keyring is believed although the roots have changed: its file is a chain. Blocks stand oldest first with an empty line
 * between them; a block is one keyring, one line a signature over the same bytes. The last one is the keyring, those before
 * it each brought new roots. The pinned root vouches for the first block that it signed, the roots of each block for the next
 * one, and whoever becomes a root has to sign as well. So pin and file are enough, also on a stick. Pure.
 */
import { z } from 'zod';
import { fromHex, toHex } from './bytes.ts';
import { checkSign1, keyId } from './cose.ts';
import { type KeyringBody, keyringSchema, rootFingerprint } from './keyring-body.ts';
import { accept, type Outcome, refuse } from './outcome.ts';
import { type Envelope, parseEnvelopes, parsePayload, type StatementReason } from './statement.ts';

/** The roots that may sign the keyring after version `version`, and how many of them must. */
export const rootAnchorSchema = z.object({ version: z.number(), roots: z.array(z.string()), threshold: z.number() });
export interface RootAnchor {
  readonly version: number;
  /** Public keys, hex. */
  readonly roots: readonly string[];
  readonly threshold: number;
}

export interface KeyringBlock {
  readonly envelopes: readonly [Envelope, ...Envelope[]];
  /** As in the file: one line a signature. */
  readonly text: string;
  readonly body: KeyringBody;
  readonly digest: string;
}
export type KeyringChain = readonly [KeyringBlock, ...KeyringBlock[]];

export type ChainReason =
  | StatementReason
  /** The pinned root has signed none of it. */
  | 'keyring-root'
  /** Fewer of its own roots have signed than it asks. */
  | 'keyring-threshold'
  /** Fewer of the roots before it have signed than those ask. */
  | 'keyring-chain'
  /** A root that it brings has not signed. */
  | 'keyring-new-root'
  | 'keyring-version'
  /** Too many blocks, signatures or characters. */
  | 'keyring-length';

/** A thousand issuers take some 200,000 characters a signature; an answer of upstream has no more than this. */
const CHARS_MAX = 1 << 20;
const BLOCKS_MAX = 16;
/** Eight old roots and eight new ones. */
const SIGNATURES_MAX = 16;

/** Reads a keyring file without believing it. */
export function parseKeyringChain(text: string): Outcome<KeyringChain, ChainReason> {
  if (text.length > CHARS_MAX) return refuse('keyring-length');
  const parts = text.replace(/^\n+|\n+$/g, '').split(/\n{2,}/);
  if (parts.length > BLOCKS_MAX) return refuse('keyring-length');
  const blocks: KeyringBlock[] = [];
  for (const part of parts) {
    const block = parseBlock(part);
    if (!block.ok) return block;
    blocks.push(block.value);
  }
  const [first, ...rest] = blocks;
  return first === undefined ? refuse('statement-encoding') : accept([first, ...rest]);
}

function parseBlock(text: string): Outcome<KeyringBlock, ChainReason> {
  if (text.split('\n').length > SIGNATURES_MAX) return refuse('keyring-length');
  const envelopes = parseEnvelopes(text);
  if (!envelopes.ok) return envelopes;
  const [first] = envelopes.value;
  if (envelopes.value.some(({ type, digest }) => type !== 'keyring' || digest !== first.digest)) return refuse('statement-type');
  const body = parsePayload(first, keyringSchema);
  return body.ok ? accept({ envelopes: envelopes.value, text, body: body.value, digest: first.digest }) : body;
}

/** The newest keyring of the chain, where it follows from the pinned root and, if it is newer than `known`, also from that. */
export function followChain(chain: KeyringChain, pinnedRoot: string, known?: RootAnchor): Outcome<KeyringBlock, ChainReason> {
  const start = chain.findIndex((block) =>
    hasSigned(block, block.body.roots).some((root) => rootFingerprint(fromHex(root)) === pinnedRoot),
  );
  const first = chain[start];
  if (first === undefined) return refuse('keyring-root');
  if (hasSigned(first, first.body.roots).length < first.body.threshold) return refuse('keyring-threshold');
  if (chain.some(({ body }, index) => body.version <= (chain[index - 1]?.body.version ?? 0))) return refuse('keyring-version');
  const refused =
    walk(chain.slice(start + 1), first.body) ??
    (known &&
      walk(
        chain.filter(({ body }) => body.version > known.version),
        known,
      ));
  return refused === undefined ? accept(chain.at(-1) ?? first) : refuse(refused);
}

function walk(blocks: readonly KeyringBlock[], from: RootAnchor): ChainReason | undefined {
  let trusted = from;
  for (const block of blocks) {
    const refused = checkStep(block, trusted);
    if (refused !== undefined) return refused;
    trusted = block.body;
  }
  return undefined;
}

/** Why `block` does not follow from the roots before it; undefined where it does. */
export function checkStep(block: KeyringBlock, { roots, threshold }: RootAnchor): ChainReason | undefined {
  const own = hasSigned(block, block.body.roots);
  if (hasSigned(block, roots).length < threshold) return 'keyring-chain';
  if (block.body.roots.some((root) => !roots.includes(root) && !own.includes(root))) return 'keyring-new-root';
  return own.length < block.body.threshold ? 'keyring-threshold' : undefined;
}

/** Those of `roots` (public keys, hex) that have signed the block, each once. */
export function hasSigned({ envelopes }: Pick<KeyringBlock, 'envelopes'>, roots: readonly string[]): string[] {
  return [...new Set(roots)].filter((root) => {
    const publicKey = fromHex(root);
    const kid = toHex(keyId(publicKey));
    return envelopes.some(({ message }) => message.kid === kid && checkSign1(message, publicKey) === undefined);
  });
}
