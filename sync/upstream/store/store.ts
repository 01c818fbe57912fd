/**
 * What upstream keeps, as a port: one interface a concern, each with its transactions. A store keeps; rules are made
 * elsewhere. A promise that resolves means: durable.
 */
import type { ChainPoint, JournalParent } from '../../protocol/batch.ts';
import type { CommandKind, Heartbeat } from '../../protocol/heartbeat.ts';
import type { RejectReason } from '../../protocol/receipt.ts';
import type { RemoteConfig } from '../../protocol/remote-config.ts';
import type { PublishedBody, Status } from '../../protocol/slice.ts';
import type { HeldSlice, HoldTotals } from '../../protocol/slice-loss.ts';

export interface EnrolmentToken {
  /** SHA-256 of the token, hex. */
  readonly hash: string;
  readonly kioskId: string;
  readonly checkpointId: string;
  readonly lane: string;
  readonly expiresAtMs: number;
  /** Signing key that used it, hex. */
  readonly usedBy: string | undefined;
}

export interface EnrolledKiosk {
  readonly kioskId: string;
  readonly checkpointId: string;
  readonly lane: string;
  /** Hex. */
  readonly signingKey: string;
  readonly sealingKey: string;
  /** The signed certificate, one base64url line. */
  readonly certificate: string;
  readonly enrolledAtMs: number;
  readonly revokedAtMs: number | undefined;
  /** Last time that a request of it was accepted. */
  readonly seenAtMs: number | undefined;
}

export interface ConfigChange {
  readonly set: RemoteConfig['values'];
  readonly unset: readonly string[];
}

/** Which store it is: kiosks believe the lists of the one that they are enrolled with. */
export interface StoreName {
  /** 32 hex digits, made with the store. */
  readonly storeId: string;
}

/** Writes what changes nothing; rejects where the disk takes nothing. */
export interface StoreProbe {
  probe(): Promise<void>;
}

export interface FleetStore extends StoreName {
  addToken(token: EnrolmentToken): Promise<void>;
  findToken(hash: string): Promise<EnrolmentToken | undefined>;
  /** Tokens that nobody has used and that end after an instant, the next to end first. */
  unusedTokens(afterMs: number): Promise<EnrolmentToken[]>;
  /** Marks the token used and puts the kiosk in place of an earlier one of its name; false where another key was faster. */
  enrol(tokenHash: string, kiosk: EnrolledKiosk): Promise<boolean>;
  findKiosk(kioskId: string): Promise<EnrolledKiosk | undefined>;
  kiosks(): Promise<EnrolledKiosk[]>;
  /** A request of it was accepted. */
  markSeen(kioskId: string, atMs: number): Promise<void>;
  /** False where there is no such kiosk. */
  revokeKiosk(kioskId: string, atMs: number): Promise<boolean>;
  /** What is known of the heartbeats that this key signed; undefined: none was taken. */
  takenRequests(kioskId: string, signingKey: string): Promise<TakenRequests | undefined>;
  /** Last heartbeats by kiosk. */
  heartbeats(): Promise<KioskReport[]>;
  heartbeatOf(kioskId: string): Promise<KioskReport | undefined>;
  /** Keeps the newest, and closes the commands that it says are done. */
  putHeartbeat(report: KioskReport, signingKey: string, taken: TakenRequests): Promise<void>;
  addCommand(command: Pick<KioskCommand, 'id' | 'kioskId' | 'kind' | 'givenAtMs'>): Promise<void>;
  /** Newest first. */
  commands(kioskId: string, limit: number): Promise<KioskCommand[]>;
  /** Options for all kiosks (scope `*`) or one, in place of all that were set for that scope. */
  putConfig(scope: string, values: RemoteConfig['values'], atMs: number): Promise<void>;
  /** Takes out, then puts in; the others of that scope stay. Returns all that are set for it then. */
  changeConfig(scope: string, change: ConfigChange, atMs: number): Promise<RemoteConfig['values']>;
  /** What is set for that scope alone. */
  configOf(scope: string): Promise<RemoteConfig['values']>;
  /** Those for all, and over them those for this one; version 0 where nothing was ever set. */
  configFor(kioskId: string): Promise<{ readonly version: number; readonly values: RemoteConfig['values'] }>;
}

/** A lane to the other lanes of its checkpoint. */
export interface PeerMember {
  readonly kioskId: string;
  readonly lane: string;
  /** `host:port`. */
  readonly address: string;
  /** Hex. */
  readonly signingKey: string;
  readonly sealingKey: string;
}

/** The lanes of one checkpoint that know each other. */
export interface PeerGroup {
  readonly checkpointId: string;
  /** Rises with every change. */
  readonly version: number;
  /** Changes with the key. */
  readonly generation: number;
  /** 32 bytes, shared by the members. */
  readonly key: Uint8Array;
  readonly members: readonly PeerMember[];
}

export interface PeerStore {
  /** Undefined: it listens for no other lane any more. */
  setPeerAddress(kioskId: string, address: string | undefined): Promise<void>;
  /** By kiosk. */
  peerAddresses(): Promise<ReadonlyMap<string, string>>;
  /** Kiosks of the checkpoint that are enrolled, not revoked, and have an address; in the order of their names. */
  peerMembers(checkpointId: string): Promise<readonly PeerMember[]>;
  peerGroup(checkpointId: string): Promise<PeerGroup | undefined>;
  /** False where the stored version is no longer `replaces` (undefined: none was stored). */
  putPeerGroup(group: PeerGroup, replaces: number | undefined): Promise<boolean>;
}

/** What tells a request that was taken from one that is new. */
export interface TakenRequests {
  /** The kiosk's date of the last one, Unix seconds. */
  readonly createdS: number;
  /** Of the last ones, oldest first. */
  readonly nonces: readonly string[];
}

export interface KioskReport {
  readonly kioskId: string;
  readonly atMs: number;
  readonly heartbeat: Heartbeat;
}

export interface KioskCommand {
  readonly id: string;
  readonly kioskId: string;
  readonly kind: CommandKind;
  readonly givenAtMs: number;
  readonly done: { readonly atMs: number; readonly ok: boolean; readonly detail: string } | undefined;
}

export interface StoredJournal extends ChainPoint {
  readonly journalId: string;
  readonly kioskId: string;
  /** Key whose journal it is, hex. */
  readonly kioskKey: string;
  readonly parent: JournalParent | undefined;
}

export interface StoredBatch {
  readonly journalId: string;
  readonly firstSeq: number;
  /** First record that was new when it came. */
  readonly acceptedFrom: number;
  readonly lastSeq: number;
  /** entry_hash(lastSeq), hex. */
  readonly head: string;
  /** Records of it that are kept nowhere else: refused, or already here under another number. */
  readonly skipped: readonly number[];
  /** Gzipped, exactly as the kiosk signed it. */
  readonly body: Uint8Array;
  /** It came when the kiosk had been revoked: what it says may be somebody else's. */
  readonly afterRevocation: boolean;
}

export interface BatchCommit {
  /** The cursor that the batch was judged against: the commit fails where it has moved. Undefined: the journal is new. */
  readonly expected: ChainPoint | undefined;
  readonly journal: StoredJournal;
  readonly batch: StoredBatch;
  /** Headers under which the kiosk signed the body: evidence. */
  readonly signature: string;
  readonly bootId: string;
  readonly receivedAtMs: number;
  readonly entries: readonly { readonly recordId: Uint8Array; readonly lineHash: Uint8Array }[];
  readonly rejects: readonly { readonly n: number; readonly reason: RejectReason; readonly line: Uint8Array }[];
  readonly alarms: readonly Alarm[];
}

export const alarmCodes = [
  'duplicate-identity',
  'journal-fork',
  'id-conflict',
  'token-reuse',
  'record-lost',
  'seal-mismatch',
  'journal-truncated',
  'record-damaged',
  'double-use',
  'page-link-reused',
  'operator-guesses',
  'enrolment-guesses',
  'slice-loss',
  'store-set-back',
  'versions-from-elsewhere',
] as const;

export interface Alarm {
  readonly code: (typeof alarmCodes)[number];
  readonly kioskId: string;
  readonly detail: string;
}

export interface RaisedAlarm extends Alarm {
  readonly firstAtMs: number;
  readonly lastAtMs: number;
  readonly count: number;
}

export interface QuarantinedBytes {
  readonly kioskId: string;
  readonly journalId: string;
  readonly n: number;
  /** Sealed to upstream's key. */
  readonly bytes: Uint8Array;
  readonly receivedAtMs: number;
}

export interface JournalStore extends StoreName {
  findJournal(journalId: string): Promise<StoredJournal | undefined>;
  /** Ends of stored batches, newest first. */
  boundaries(journalId: string, limit: number): Promise<ChainPoint[]>;
  /** The batch in which record `n` arrived. */
  batchWith(journalId: string, n: number): Promise<StoredBatch | undefined>;
  /** SHA-256 of the stored line by record id (both hex), for those ids that are known. */
  lineHashes(recordIds: readonly Uint8Array[]): Promise<ReadonlyMap<string, string>>;
  /** Boots of a journal, in the order in which each was first seen. */
  boots(journalId: string): Promise<string[]>;
  /** All of it or nothing; false where the cursor has moved meanwhile. */
  commitBatch(commit: BatchCommit): Promise<boolean>;
  /** Keeps what a kiosk could not send as a record; false where it has sent too much in the last hour. Known ones are kept once. */
  quarantine(item: QuarantinedBytes): Promise<boolean>;
  raiseAlarm(alarm: Alarm, atMs: number): Promise<void>;
  alarms(limit: number): Promise<RaisedAlarm[]>;
}

export interface Crossing {
  readonly recordId: string;
  readonly kioskId: string;
  readonly checkpointId: string;
  readonly lane: string;
  readonly eventAtMs: number;
  readonly recordAtMs: number;
  readonly verdict: string;
  readonly reason: string;
  readonly class: number | undefined;
  readonly kid: string | undefined;
  readonly cti: Uint8Array | undefined;
  readonly subject: Uint8Array | undefined;
  /** Pseudonym of the vehicle, where the credential is a vehicle's own. */
  readonly vehicle: Uint8Array | undefined;
  readonly form: string | undefined;
  readonly direction: string | undefined;
  readonly plate: string | undefined;
  readonly grade: string;
  /** Sent by a kiosk that had been revoked. */
  readonly afterRevocation: boolean;
}

/** What happened besides crossings: painted, lane, fault, lost range, seal. */
export interface JournalEvent {
  readonly recordId: string;
  readonly kind: string;
  readonly ref: string | undefined;
  readonly kioskId: string;
  readonly checkpointId: string;
  readonly lane: string;
  readonly eventAtMs: number;
  /** Kind-specific: outcome, state or fault. */
  readonly value: string | undefined;
}

export interface SealHeader {
  readonly recordId: string;
  readonly sealKid: string;
  readonly box: Uint8Array;
}

/** A record that no table could take, and why: visible until it is mended and projected again. */
export interface Unprojected {
  readonly recordId: string;
  readonly reason: 'seal-missing' | 'seal-key-missing' | 'seal-invalid' | 'sealed-malformed' | 'seal-mismatch';
}

export interface Projection {
  readonly batch: Pick<StoredBatch, 'journalId' | 'lastSeq'>;
  readonly crossings: readonly Crossing[];
  readonly events: readonly JournalEvent[];
  readonly seals: readonly SealHeader[];
  readonly unprojected: readonly Unprojected[];
  readonly alarms: readonly Alarm[];
  readonly atMs: number;
}

export interface ProjectionStore {
  /** Batches that wait for the projector, in the order in which they came. */
  unprojectedBatches(limit: number): Promise<StoredBatch[]>;
  /** All stored batches, newest first, from before a place on. */
  batchesBefore(place: number, limit: number): Promise<(StoredBatch & { readonly place: number })[]>;
  findSeal(recordId: string): Promise<SealHeader | undefined>;
  commitProjection(projection: Projection): Promise<void>;
  /** Empties the projected tables: all batches wait again. */
  resetProjection(): Promise<void>;
}

export interface CheckpointOverview {
  readonly checkpointId: string;
  readonly pass: number;
  readonly deny: number;
  readonly seeStaff: number;
  readonly alreadyRecorded: number;
  readonly lastEventAtMs: number;
}

export interface Counts {
  /** Records acknowledged, of all kinds. */
  readonly records: number;
  readonly crossings: number;
  readonly quarantined: number;
  readonly unprojected: number;
  readonly batchesWaiting: number;
}

/** What crossings are asked by; several together narrow the answer. */
export interface CrossingQuery {
  readonly kioskId?: string | undefined;
  readonly checkpointId?: string | undefined;
  readonly subject?: Uint8Array | undefined;
  readonly cti?: Uint8Array | undefined;
  readonly vehicle?: Uint8Array | undefined;
  readonly fromMs?: number | undefined;
  /** Exclusive. */
  readonly untilMs?: number | undefined;
}

export interface OverviewStore {
  /** In the order in which they happened. */
  crossingsOf(query: CrossingQuery): Promise<Crossing[]>;
  /** Rollups of crossings since an instant, by checkpoint. */
  checkpoints(sinceMs: number): Promise<CheckpointOverview[]>;
  counts(): Promise<Counts>;
  /** Drops raw batches, crossings, events and rollups that are older. The cursors stay. Returns the batches dropped. */
  prune(beforeMs: number): Promise<number>;
}

export type RegistryChange =
  | {
      readonly kind: 'status';
      /** 12 bytes. */
      readonly pseudonym: Uint8Array;
      readonly status: Status;
      readonly fromDay: number;
      readonly untilDay: number | undefined;
      /** Province or commune, a number of the GSO's list; undefined: as before. */
      readonly region?: number | undefined;
    }
  /** `cti` 8 bytes; `expiresAt` Unix seconds. */
  | { readonly kind: 'revoked'; readonly cti: Uint8Array; readonly expiresAt: number }
  | { readonly kind: 'released'; readonly cti: Uint8Array }
  /** An issuer's key, by its id of 4 bytes: for good, and always urgent. */
  | { readonly kind: 'key-killed'; readonly kid: Uint8Array };

export interface AuditEntry {
  readonly atMs: number;
  readonly actor: string;
  readonly action: string;
  /** Never an id number or a plate. */
  readonly detail: string;
}

/** How far an import has come: kept in the same transaction as the rows. */
export interface ImportPlace {
  /** SHA-256 of the file, hex. */
  readonly digest: string;
  readonly line: number;
}

/** `seq` and `prev` as in the feed. */
export type NumberedChange = RegistryChange & { readonly seq: number; readonly prev: number };

export interface RegistryVisitor {
  status(row: Extract<RegistryChange, { kind: 'status' }>): void;
  revoked(row: Extract<RegistryChange, { kind: 'revoked' }>): void;
}

/** What the registry was when it was read. */
export interface RegistryMoment {
  readonly feedSeq: number;
  readonly revision: number;
}

export interface PublishedSlice {
  readonly sliceId: string;
  readonly version: number;
  readonly body: PublishedBody;
  /** The same, signed, one base64url line. */
  readonly manifest: string;
  readonly publishedAtMs: number;
  /** `revision` of the registry that it shows. */
  readonly revision: number;
}

/** A slice that was built, or that is due, and is not published. */
export interface SliceRefusal {
  readonly sliceId: string;
  /** `set-back`: kiosks use slices of this store that this store does not know. */
  readonly reason: 'loss' | 'set-back';
  /** When it was refused first. */
  readonly atMs: number;
  /** Of the registry that it would show. */
  readonly revision: number;
  /** Zero where the store was set back and no loss was found besides. */
  readonly from: HoldTotals;
  readonly to: HoldTotals;
}

/** An operator's word that the next publication may have as few holds as `to`; `setBack`: and that the store, which was set back, is whole. */
export interface SliceAcceptance {
  readonly sliceId: string;
  readonly atMs: number;
  readonly to: HoldTotals;
  readonly setBack: boolean;
}

/** Refusals and words end with the next publication of their slice. */
export interface RefusalStore {
  sliceRefusal(sliceId: string): Promise<SliceRefusal | undefined>;
  sliceRefusals(): Promise<SliceRefusal[]>;
  /** For a loss. The time of one that is there already stays, and that the store was set back. */
  putSliceRefusal(refusal: Omit<SliceRefusal, 'reason'>): Promise<void>;
  /** Refuses every slice until an operator's word that names it, those too that were refused for a loss; true where that is new. */
  markSetBack(atMs: number): Promise<boolean>;
  sliceAcceptance(sliceId: string): Promise<SliceAcceptance | undefined>;
  acceptSlices(words: readonly SliceAcceptance[], audit: AuditEntry): Promise<void>;
  /** Takes back a word that does not fit; a newer one stays. */
  dropAcceptance(word: SliceAcceptance): Promise<void>;
  /** Slices published since then, the newest first, by what they hold. */
  heldSlices(sliceId: string, sinceMs: number, limit: number): Promise<HeldSlice[]>;
  /** Of all slices; 0 where none was published. */
  newestSliceVersion(): Promise<number>;
  /** The newest first. */
  publishedVersions(sliceId: string, limit: number): Promise<number[]>;
  /** Whether any slice of this version was published, and that of the last word for a store that was set back; 0 for none. */
  knowsSlice(version: number): Promise<boolean>;
  acceptedVersion(): Promise<number>;
}

export interface RegistryStore extends StoreName {
  /**
   * Applies changes in one transaction; those that change nothing are left out. `urgent`: they also enter the feed; else the
   * next slice brings them. Returns how many changed something.
   */
  changeRegistry(changes: readonly RegistryChange[], urgent: boolean, audit: AuditEntry, place?: ImportPlace): Promise<number>;
  /** Last line of a file that an unfinished import has brought in; 0 for none. */
  importProgress(digest: string): Promise<number>;
  finishImport(digest: string): Promise<void>;
  feedAfter(seq: number, limit: number): Promise<NumberedChange[]>;
  feedHead(): Promise<number>;
  /** Numbers of entries up to this one, the newest first. */
  feedNumbers(upTo: number, limit: number): Promise<number[]>;
  /** Ids of all keys that were killed, hex, sorted. */
  killedKeys(): Promise<string[]>;
  /** Check value of the key that made the pseudonyms in the store, hex; undefined: none was ever named. */
  subjectKeyCheck(): Promise<string | undefined>;
  /** Keeps the value where there is none yet; returns the one that is kept. */
  rememberSubjectKey(check: string): Promise<string>;
  /** Grows with every change. */
  registryRevision(): Promise<number>;
  /**
   * Shows the visitor whoever is not clear, everybody of `regions`, and every revocation whose last day is not over, as of one
   * moment. Holds up the thread it runs in.
   */
  exportRegistry(nowS: number, regions: readonly number[], visitor: RegistryVisitor): RegistryMoment;
  /** For acts that change no registry. */
  addAudit(entry: AuditEntry): Promise<void>;
  /** Newest first. */
  audit(limit: number): Promise<AuditEntry[]>;
  /** Newest first. */
  publishedSlices(sliceId: string, limit: number): Promise<PublishedSlice[]>;
  /**
   * Ends the refusal of its slice, and the word that it was published by. False, and nothing is published, where the store was
   * found to be set back and that word does not say that it is whole again.
   */
  publishSlice(slice: PublishedSlice, word: SliceAcceptance | undefined): Promise<boolean>;
  /** The newest generation of a slice, or one of them. */
  sliceKey(sliceId: string, generation?: number): Promise<{ generation: number; key: Uint8Array; createdAtMs: number } | undefined>;
  addSliceKey(sliceId: string, generation: number, key: Uint8Array, createdAtMs: number): Promise<void>;
}

export interface Store
  extends FleetStore,
    PeerStore,
    JournalStore,
    ProjectionStore,
    OverviewStore,
    RegistryStore,
    RefusalStore,
    StoreProbe {
  close(): Promise<void>;
}

/** Crossings are counted in steps of five minutes. */
export const ROLLUP_MS = 300_000;
