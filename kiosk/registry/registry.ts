/**
 * What the kiosk believes from outside: keyring, policy and slice, each checked against the one above it, root to keyring
 * to policy and slice. Watches the files, takes a newer set whole or not at all, and goes on with the old one when the new
 * one does not hold: a broken download must not open a gate nor close one that had good data.
 */
import { existsSync, readdirSync, readFileSync, renameSync, rmSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { Fault, type FaultCode } from '../../config/faults.ts';
import { plainText, whyUnreadable } from '../../config/host/text-file.ts';
import { every } from '../../config/ports/clock.ts';
import type { Host } from '../../config/ports/host.ts';
import { compareBytes } from '../../sync/credential/bytes.ts';
import { type Keyring, readKeyring } from '../../sync/credential/keyring.ts';
import type { RootAnchor } from '../../sync/credential/keyring-chain.ts';
import { openStatement, parseEnvelopes } from '../../sync/credential/statement.ts';
import { revokeKeys, type TrustList } from '../../sync/credential/trust.ts';
import { type Policy, policySchema } from '../../sync/protocol/policy.ts';
import { refuseFork, refuseLoss } from '../../sync/protocol/slice-loss.ts';
import { failedGoldenCases } from '../decision/golden.ts';
import type { DataFreshAt } from '../decision/staleness.ts';
import type { ListsOverlay } from './feed-overlay.ts';
import { type ListsWatch, watchLists } from './lists-watch.ts';
import { openSlice, type RegistrySlice, readKey, renewSlice, type SliceFiles } from './registry-slice.ts';
import { SLICE_PACE, type SlicePace, type SliceWatch, watchSlice } from './slice-watch.ts';
import { isPinnedSubjectKey, requirePinnedSubjectKey, withSubjectKey } from './subject-key.ts';
import type { TrustedStore } from './trusted-store.ts';

export interface RegistryFiles {
  readonly keyring: string;
  /** SHA-256 of the root's public key, hex. */
  readonly root: string;
  readonly policy: string;
  readonly slice: SliceFiles;
}

export const statementNames = ['keyring', 'policy', 'slice'] as const;
export type StatementName = (typeof statementNames)[number];

export interface SeenVersion {
  readonly version: number;
  readonly digest: string;
  /** Of a keyring: the roots that it follows from, by the pin that vouched for them. */
  readonly roots?: (RootAnchor & { readonly pin: string }) | undefined;
}

/** The highest versions seen, kept on disk: going back is refused, the same version with other bytes too. */
export interface VersionFloor {
  /** `storeId`: of a slice, which each store of the centre counts for itself. */
  get(name: StatementName, storeId?: string): SeenVersion | undefined;
  raise(name: StatementName, seen: SeenVersion, storeId?: string): void;
}

export interface RegistryContent {
  readonly keyring: Keyring;
  readonly policy: Policy;
  readonly slice: RegistrySlice;
  /** The same without the keyring's say on subject keys: it may go on under another keyring. */
  readonly bareSlice: RegistrySlice;
  /** The issuers that count now: the keyring's, without those that were killed since. */
  trust(): TrustList;
  /** When slice and feed together were last known to be current, Unix milliseconds. */
  freshAtMs(): number;
  /** The same for each class of data. */
  dataFreshAtMs(): DataFreshAt;
  /** Newest date of the three, Unix milliseconds. */
  readonly issuedAtMs: number;
  /** The slice's database as it was opened: it is read as it lies there. */
  readonly sliceStamp: FileStamp;
  readonly watch: SliceWatch;
  readonly listsWatch: ListsWatch;
  /** Id of the key that signed the policy. */
  readonly policySigner: string;
}

export interface Registry {
  /** The last keyring that held, also where policy or slice do not. */
  keyring(): Keyring | undefined;
  /** Looks at the files now. `verified`: content of a slice whose file was checked just now. */
  refresh(verified?: string): void;
  /** Undefined until the first whole set was read; then the last one that held. */
  content(): RegistryContent | undefined;
  /** Why the files as they lie there now were not taken; undefined while they are in use. */
  fault(): FaultCode | undefined;
  /**
   * Why the files in use cannot be believed now, though they were when they were read: looks at each of them, which takes
   * microseconds. To be asked before a result is shown.
   */
  changed(): FaultCode | undefined;
  /** Lets go of the slice, for good: nobody is looked up any more. */
  discard(): void;
  close(): void;
}

export interface RegistryOptions {
  readonly files: RegistryFiles;
  readonly floor: VersionFloor;
  /** Whom statements may be for, besides everybody. */
  readonly audiences: readonly string[];
  /** Only the demo takes keys that were made to show the program. */
  readonly allowDemo: boolean;
  /** What the feed brought; without it the slice alone counts. */
  readonly overlay?: ListsOverlay | undefined;
  readonly slicePace?: SlicePace | undefined;
  /** Whose slices are believed; without it those of every store. */
  readonly store?: TrustedStore | undefined;
}

const WATCH_MS = 2_000;

export function openRegistry(options: RegistryOptions, host: Host): Registry {
  let content: RegistryContent | undefined;
  let fault: FaultCode | undefined;
  let stamp = '';
  let keyring: Keyring | undefined;
  let isDiscarded = false;

  /** Why the certificate that lies there cannot be read. Whom the kiosk believes is then in doubt, whatever is in use. */
  let unreadable: string | undefined;

  /** Where a slice lay that was taken away in use: it may be put back, and no other file changes then. */
  let missing: string | undefined;

  const refresh = (verified?: string) => {
    const current = `${stampOf(options.files)}|${options.store?.stamp()}|${missing && fileStamp(missing).state}`;
    if (current === stamp) return;
    stamp = current;
    unreadable = options.store?.unreadable();
    try {
      keyring = loadKeyringChecked(options);
      if (isDiscarded) return;
      if (unreadable !== undefined) throw new Fault('certificate-invalid', unreadable);
      const next = load(options, { keyring, inUse: content, verified }, host);
      if (content !== undefined) letGo(content, next);
      content = next;
      [fault, missing] = [undefined, undefined];
      const { policy, slice } = next;
      const { sliceId, storeId, generation, keyCheck, feedSeq } = slice.manifest;
      const signers = [keyring.roles.feed, keyring.roles.slice].flatMap((keys) => [...keys.keys()]);
      options.overlay?.startFrom({ sliceId, storeId, generation, keyCheck, seq: feedSeq }, signers);
      options.overlay?.settleKills(slice.manifest.killedKeys, keyring.trust);
      host.log.info('registry-loaded', { keyring: keyring.version, policy: policy.version, slice: slice.manifest.version });
    } catch (error) {
      if (!(error instanceof Fault)) throw error;
      // What the disk refuses now it may take later, though no file has changed.
      if (error.code === 'disk-full' || error.code === 'journal-unwritable') stamp = '';
      const isOverwritten = content !== undefined && isSliceOverwritten(content);
      const isStillGone = missing !== undefined && !existsSync(missing) && ['slice-missing', 'slice-corrupt'].includes(error.code);
      fault = isOverwritten || isStillGone ? 'slice-changed' : error.code;
      const kept = content && keyring && !isOverwritten ? keepUnder(keyring, content, options.overlay) : undefined;
      if (kept === undefined && content !== undefined) letGo(content);
      if (kept !== undefined && kept !== content) kept.listsWatch.take(options.files.keyring);
      content = kept;
      host.log.error(fault, { detail: error.detail });
    }
  };

  /** Its bytes are others than those that were signed, or it is gone: nobody is looked up in it again. */
  const dropSlice = ({ slice, watch, listsWatch, sliceStamp }: RegistryContent, state: 'broken' | 'gone') => {
    letGo({ slice, watch, listsWatch });
    content = undefined;
    fault = 'slice-changed';
    if (state === 'gone') {
      // Looked for at once: it may have been put back since.
      [missing, stamp] = [slice.file, ''];
      host.log.error('slice-changed', { file: slice.file, detail: `${slice.file} was taken away.` });
      return;
    }
    // Another file that lies there now is not the one that was changed: it is read, and taken where it is right.
    const isReplaced = fileStamp(slice.file).inode !== sliceStamp.inode;
    if (isReplaced) stamp = '';
    const asEvidence = isReplaced || slice.file === options.files.slice.database ? undefined : setAside(slice.file);
    host.log.error('slice-changed', { file: slice.file, ...(asEvidence !== undefined && { setAside: asEvidence }) });
  };
  let toldOf: string | undefined;
  const changed = (): FaultCode | undefined => {
    if (content === undefined) return undefined;
    const state = content.watch.state();
    if (state === 'broken' || state === 'gone') dropSlice(content, state);
    if (state !== 'whole') return 'slice-changed';
    if (unreadable !== undefined) return 'certificate-invalid';
    // Whoever writes a newer file over the old one does what is allowed: it is read at once.
    if (content.listsWatch.fault() !== undefined) refresh();
    const list = content?.listsWatch.fault();
    const text = list && `${list.path} was ${list.what === 'gone' ? 'taken away' : 'changed in place'}.`;
    if (text !== undefined && text !== toldOf) host.log.error('list-changed', { detail: text });
    toldOf = text;
    return list && 'list-changed';
  };

  refresh();
  const stop = every(host.clock, WATCH_MS, () => refresh());
  return {
    content: () => content,
    keyring: () => keyring,
    refresh,
    fault: () => fault,
    changed,
    discard() {
      isDiscarded = true;
      if (content !== undefined) letGo(content);
      content = undefined;
    },
    close() {
      stop();
      if (content !== undefined) letGo(content);
    },
  };
}

/** `next`: what is in use instead, and may go on with the same open slice. */
function letGo({ slice, watch, listsWatch }: Pick<RegistryContent, 'slice' | 'watch' | 'listsWatch'>, next?: RegistryContent): void {
  listsWatch.close();
  if (next?.watch === watch) return;
  watch.close();
  slice.close();
}

/** Keeps a file that was changed as evidence, the last one only. Returns where; undefined where the disk refuses. */
function setAside(file: string): string | undefined {
  const kept = `${file}.changed`;
  try {
    const folder = dirname(file);
    for (const name of readdirSync(folder)) if (name.endsWith('.changed')) rmSync(join(folder, name), { force: true });
    renameSync(file, kept);
    return kept;
  } catch (error) {
    if (error instanceof Error && 'syscall' in error) return undefined;
    throw error;
  }
}

function loadKeyringChecked({ files, floor, audiences, allowDemo }: RegistryOptions): Keyring {
  const keyring = loadKeyring(files, floor, allowDemo);
  refuseRollback(floor.get('keyring'), 'keyring', keyring.version, keyring.digest);
  checkAudience('keyring-invalid', keyring.audience, audiences);
  return keyring;
}

interface Known {
  readonly keyring: Keyring;
  readonly inUse: RegistryContent | undefined;
  readonly verified: string | undefined;
}

function load(options: RegistryOptions, known: Known, host: Host): RegistryContent {
  const { files, overlay } = options;
  const { keyring, inUse } = known;
  const listsWatch = watchLists([files.keyring, files.policy, files.slice.manifest]);
  try {
    const lists = loadLists(options, known, listsWatch);
    const { held, sha256, file } = lists.slice;
    const isReused = inUse?.bareSlice.held === held;
    const watch = isReused ? inUse.watch : watchSlice(held, sha256, host, options.slicePace ?? SLICE_PACE);
    return assemble(keyring, { ...lists, sliceStamp: fileStamp(file), watch, listsWatch }, overlay);
  } catch (error) {
    listsWatch.close();
    throw error;
  }
}

/** The open slice where it is the right one and whole, else a fresh one. */
function currentSlice({ files, overlay }: RegistryOptions, { keyring, inUse, verified }: Known): RegistrySlice {
  const keys = keyring.roles.slice;
  const renewed = inUse?.watch.state() === 'whole' ? renewSlice(inUse.bareSlice, files.slice, keys) : undefined;
  return renewed ?? openSlice(files.slice, keys, overlay, verified);
}

function loadLists(options: RegistryOptions, known: Known, listsWatch: ListsWatch) {
  const { files, floor, audiences, overlay, store } = options;
  const { keyring, inUse } = known;
  const policy = loadPolicy(files.policy, keyring);
  checkAudience('policy-invalid', policy.value.audience, audiences);
  refuseRollback(floor.get('policy'), 'policy', policy.value.version, policy.digest);
  const slice = currentSlice(options, known);
  try {
    // Which key it is, only the manifest says: it was read before it is watched, and is read again.
    listsWatch.take(slice.keyFile);
    readKey(slice.keyFile, slice.manifest);
    const { audience, storeId, version, content } = slice.manifest;
    checkAudience('slice-corrupt', audience, audiences);
    requirePinnedSubjectKey(slice.manifest, keyring.subjectKeyCheck);
    const trusted = store?.storeId(keyring);
    if (trusted !== undefined && trusted !== storeId) {
      throw new Fault('store-mismatch', `The slice is of store ${storeId}, and this kiosk is enrolled with ${trusted}.`);
    }
    refuseRollback(floor.get('slice', storeId), 'slice', version, content);
    const fork = refuseFork(store?.lastUsed(), slice.manifest, overlay?.heardSeq());
    if (fork !== undefined) throw new Fault('store-set-back', fork);
    const loss = refuseLoss(store?.lastUsed(), slice.manifest);
    if (loss !== undefined) throw new Fault('slice-loss', loss);
    floor.raise('keyring', { version: keyring.version, digest: keyring.digest, roots: { ...keyring.anchor, pin: files.root } });
    floor.raise('policy', { version: policy.value.version, digest: policy.digest });
    floor.raise('slice', { version, digest: content }, storeId);
    store?.noteUsed(slice.manifest);
  } catch (error) {
    // One that is in use may go on being used.
    if (slice.held !== inUse?.bareSlice.held) slice.close();
    throw error;
  }
  return { policy: policy.value, policySigner: policy.signer, slice };
}

type Lists = Pick<RegistryContent, 'policy' | 'policySigner' | 'slice' | 'sliceStamp' | 'watch' | 'listsWatch'>;

function assemble(keyring: Keyring, lists: Lists, overlay: ListsOverlay | undefined): RegistryContent {
  const { policy, slice } = lists;
  const issuedAtMs = Math.max(keyring.issuedAtMs, Date.parse(policy.issuedAt), Date.parse(slice.manifest.issuedAt));
  const freshAtMs = () => freshness(slice, overlay);
  const dataFreshAtMs = () => ({ statuses: freshAtMs(), revocations: freshAtMs(), keys: keysFreshness(keyring, overlay) });
  const trust = livingTrust(keyring.trust, slice.manifest.killedKeys, overlay);
  return {
    ...lists,
    bareSlice: slice,
    slice: withSubjectKey(slice, keyring.subjectKeyCheck),
    keyring,
    trust,
    freshAtMs,
    dataFreshAtMs,
    issuedAtMs,
  };
}

/**
 * The lists in use, under the keyring that holds now; undefined where one of them rests on a key that it does not name any
 * more or on a subject key that it does not pin.
 */
function keepUnder(keyring: Keyring, content: RegistryContent, overlay: ListsOverlay | undefined): RegistryContent | undefined {
  if (keyring.digest === content.keyring.digest) return content;
  const isNamed = (role: 'release' | 'slice', kid: string) => {
    const [before, now] = [content.keyring.roles[role].get(kid), keyring.roles[role].get(kid)];
    return before !== undefined && now !== undefined && compareBytes(before, now) === 0;
  };
  const isHeld =
    isNamed('release', content.policySigner) &&
    isNamed('slice', content.slice.signer) &&
    isPinnedSubjectKey(content.slice.manifest, keyring.subjectKeyCheck);
  return isHeld ? assemble(keyring, { ...content, slice: content.bareSlice }, overlay) : undefined;
}

function loadKeyring(files: RegistryFiles, floor: VersionFloor, allowDemo: boolean): Keyring {
  // A root that was dropped signs nothing any more; whoever provisions another pin begins anew.
  const known = floor.get('keyring')?.roots;
  const keyring = readKeyring(readText(files.keyring, 'keyring-invalid'), files.root, known?.pin === files.root ? known : undefined);
  if (!keyring.ok) throw new Fault('keyring-invalid', `${files.keyring}: ${keyring.reason}`);
  if (keyring.value.demo && !allowDemo) throw new Fault('keyring-invalid', `${files.keyring}: demo keys open no real checkpoint.`);
  return keyring.value;
}

/** A trust list that follows the feed; made anew only when another key was killed. */
function livingTrust(listed: TrustList, stated: readonly string[], overlay: ListsOverlay | undefined): () => TrustList {
  const known = revokeKeys(listed, stated);
  let killed: ReadonlySet<string> | undefined;
  let trust = known;
  return () => {
    const now = overlay?.killed();
    if (now !== undefined && now !== killed) {
      killed = now;
      trust = revokeKeys(known, now);
    }
    return trust;
  };
}

/** The slice's own date, or that of the newest page of the feed that named this very slice as current. */
function freshness({ manifest }: RegistrySlice, overlay: ListsOverlay | undefined): number {
  const issuedAtMs = Date.parse(manifest.issuedAt);
  const fresh = overlay?.freshness();
  return fresh?.sliceVersion === manifest.version ? Math.max(issuedAtMs, fresh.issuedAtMs) : issuedAtMs;
}

/** The keyring's own date, or that of the newest page of the feed that named this very keyring as current. */
function keysFreshness({ version, issuedAtMs }: Keyring, overlay: ListsOverlay | undefined): number {
  const fresh = overlay?.freshness();
  return fresh?.keyringVersion === version ? Math.max(issuedAtMs, fresh.issuedAtMs) : issuedAtMs;
}

function loadPolicy(path: string, keyring: Keyring): { readonly value: Policy; readonly digest: string; readonly signer: string } {
  const envelopes = parseEnvelopes(readText(path, 'policy-invalid'));
  if (!envelopes.ok) throw new Fault('policy-invalid', `${path}: ${envelopes.reason}`);
  const [envelope] = envelopes.value;
  const policy = openStatement(envelope, 'policy', keyring.roles.release, policySchema);
  if (!policy.ok) throw new Fault('policy-invalid', `${path}: ${policy.reason}`);
  const [failed] = failedGoldenCases(policy.value);
  if (failed !== undefined) {
    throw new Fault('policy-golden', `${path}: "${failed.rule}" gives ${failed.actual} and should give ${failed.expected}.`);
  }
  return { value: policy.value, digest: envelope.digest, signer: envelope.message.kid };
}

/** A statement for somebody else is no statement for this kiosk, however well signed. */
function checkAudience(code: FaultCode, audience: string, audiences: readonly string[]): void {
  if (audience !== '*' && !audiences.includes(audience)) throw new Fault(code, `It is made out for ${audience}.`);
}

const rollbackFault = { keyring: 'keyring-rollback', policy: 'policy-rollback', slice: 'slice-rollback' } as const;

function refuseRollback(seen: SeenVersion | undefined, name: StatementName, version: number, digest: string): void {
  if (seen === undefined || version > seen.version || (version === seen.version && digest === seen.digest)) return;
  const what = version === seen.version ? `version ${version} has other content than before` : `version ${version} after ${seen.version}`;
  throw new Fault(rollbackFault[name], `${name}: ${what}.`);
}

function readText(path: string, code: FaultCode): string {
  try {
    return plainText(readFileSync(path, 'utf8'));
  } catch (error) {
    throw new Fault(code, whyUnreadable(path, error), { cause: error });
  }
}

interface FileStamp {
  readonly inode: number;
  readonly state: string;
}

function fileStamp(path: string): FileStamp {
  try {
    const stat = statSync(path, { throwIfNoEntry: false });
    return { inode: stat?.ino ?? 0, state: stat === undefined ? 'absent' : `${stat.ino}:${stat.size}:${stat.mtimeMs}` };
  } catch (error) {
    if (!(error instanceof Error && 'syscall' in error)) throw error;
    // In a folder that nobody is let into, or on a disk that fails: the reading says which.
    return { inode: 0, state: error.message };
  }
}

/** One replaced by rename is still whole for who has it open. */
function isSliceOverwritten({ sliceStamp, slice }: RegistryContent): boolean {
  const now = fileStamp(slice.file);
  return sliceStamp.inode === now.inode && sliceStamp.state !== now.state;
}

/** Changes whenever one of the files does. */
function stampOf({ keyring, policy, slice }: RegistryFiles): string {
  return [keyring, policy, slice.database, slice.manifest, slice.key].map((path) => fileStamp(path).state).join('|');
}
