/**
 * `checkpoint-kiosk carry export|import`, on the kiosk: what waits goes onto a stick, what the centre answered comes from
 * it. The kiosk stands still meanwhile, for seconds; whatever is brought is checked as if it had come over a line.
 */
import { copyFileSync, existsSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import type nacl from 'tweetnacl';
import { z } from 'zod';
import { createNodeHost } from '../config/host/node-host.ts';
import { syncFolder, writePrivateFile } from '../config/host/private-file.ts';
import { readTextFile } from '../config/host/text-file.ts';
import type { KioskConfig } from '../config/options/kiosk-options.ts';
import { ownCertificate, requireIdentity } from '../kiosk/identity/own-certificate.ts';
import { type Journal, openJournal } from '../kiosk/journal/journal.ts';
import { journalPlace } from '../kiosk/journal/journal-place.ts';
import { type KioskState, openKioskState } from '../kiosk/journal/kiosk-state.ts';
import { kioskKey } from '../kiosk/kiosk-keys.ts';
import { peerFiles } from '../kiosk/other-lanes.ts';
import { offerPeerList } from '../kiosk/peers/peer-list.ts';
import { createFeedMemory } from '../kiosk/registry/feed-memory.ts';
import { keptHeardSeq } from '../kiosk/registry/lasting-overlay.ts';
import { offerKeyring, offerPolicy } from '../kiosk/registry/offer-statement.ts';
import { fetchedFiles } from '../kiosk/registry/registry-slice.ts';
import { createTrustedStore } from '../kiosk/registry/trusted-store.ts';
import { createRevocation } from '../kiosk/revocation.ts';
import { versionFloor } from '../kiosk/version-floor.ts';
import { wipeLists } from '../kiosk/wipe-lists.ts';
import { toHex } from '../sync/credential/bytes.ts';
import { type Keyring, readKeyring } from '../sync/credential/keyring.ts';
import type { Signer } from '../sync/credential/signer.ts';
import { packOutbox, packRequest, takeReceipts } from '../sync/edge/carry.ts';
import { readCertificate } from '../sync/edge/enrol-kiosk.ts';
import type { OutboxOptions } from '../sync/edge/outbox-journal.ts';
import { foreignStore, isKeyOf, readManifest, takeSliceKey } from '../sync/edge/pull-slice.ts';
import { journalIdText } from '../sync/protocol/batch.ts';
import { type CarriedAnswer, type CarriedRequest, carriedAnswerSchema, carriedRequestSchema } from '../sync/protocol/carry.ts';
import type { SliceManifest } from '../sync/protocol/slice.ts';
import { refuseFork, refuseLoss } from '../sync/protocol/slice-loss.ts';
import { digestFile } from '../sync/slice/slice-file.ts';
import { CommandError, exitCode } from './command.ts';
import { loadConfig } from './config-check.ts';
import { ownKeys } from './own-keys.ts';
import { answersFile, readLines, requestsFile, writeLines } from './stick.ts';

const host = createNodeHost('warn');
const PEERS = '/v1/peers';
const markSchema = z.object({ journalId: journalIdText, n: z.number().int().min(0) });

interface OpenKiosk {
  readonly config: KioskConfig;
  readonly dataDir: string;
  readonly path: (name: string) => string;
  readonly keyring: Keyring;
  readonly signer: Signer;
  readonly sealing: nacl.BoxKeyPair;
  readonly state: KioskState;
  readonly journal: Journal;
  readonly outbox: OutboxOptions;
  close(): void;
}

export async function carryExport(configFile: string, stick: string, tokenFile: string | undefined): Promise<void> {
  const kiosk = openStopped(configFile);
  try {
    const { config, signer, outbox } = kiosk;
    const { kioskId } = config;
    const requests: CarriedRequest[] = [];
    if (tokenFile !== undefined) requests.push(enrolmentRequest(kiosk, readText(tokenFile).trim()));
    // Says which slice is wanted.
    requests.push(packRequest({ method: 'GET', target: `/v1/slices/${config['slice.id']}/manifest` }, kioskId, signer, host));
    if (config['peers.port'] !== undefined) requests.push(packRequest({ method: 'GET', target: PEERS }, kioskId, signer, host));
    for await (const request of packOutbox(outbox, kiosk.keyring.sealingKey, signer, host)) {
      requests.push(request);
      if (requests.length % 100 === 0) process.stderr.write(`  ${requests.length} requests\n`);
    }
    const file = requestsFile(stick, kioskId);
    writeLines(file, requests);
    // Answers to what was carried before would only be refused.
    rmSync(answersFile(stick, kioskId), { force: true });
    process.stdout.write(`${JSON.stringify({ file, requests: requests.length })}\n`);
  } finally {
    kiosk.close();
  }
}

export async function carryImport(configFile: string, stick: string): Promise<number> {
  const kiosk = openStopped(configFile);
  try {
    const { config, signer, outbox, journal } = kiosk;
    const { kioskId } = config;
    const requests = readLines(requestsFile(stick, kioskId), carriedRequestSchema);
    const answers = readLines(answersFile(stick, kioskId), carriedAnswerSchema);
    const refused: string[] = [];
    const textOf = (kind: CarriedAnswer['kind']) => answers.find((answer) => answer.kind === kind)?.text;
    const enrolled = takeCertificate(kiosk, requests, answers, refused);
    const { storeId, lastUsed } = trustedStoreOf(kiosk);
    const keyringText = textOf('keyring');
    const hasKeyring =
      keyringText !== undefined && offerKeyring(kiosk.path(config['keyring.file']), config['keyring.root'], `${keyringText}\n`);
    const keyring = hasKeyring ? readOwnKeyring(kiosk.path, config) : kiosk.keyring;
    const policyText = textOf('policy');
    const hasPolicy = policyText !== undefined && offerPolicy(kiosk.path(config['policy.file']), keyring, `${policyText}\n`);
    const {
      acknowledged,
      waiting,
      refused: unbelieved,
    } = takeReceipts(outbox, requests, answers, { own: signer.publicKey, receipt: keyring.roles.receipt, storeId }, host);
    refused.push(...unbelieved);
    journal.prune(acknowledged, config['journal.keepMs']);
    const revoked = takeRevocation(kiosk, keyring, textOf('revocation'));
    const slice = revoked
      ? undefined
      : takeSlice(kiosk, { keyring, storeId, lastUsed }, stick, { manifest: textOf('slice-manifest'), key: textOf('slice-key') }, refused);
    const peers = !revoked && takePeers(kiosk, keyring, requests, answers);
    for (const why of refused) process.stderr.write(`  not taken: ${why}\n`);
    process.stdout.write(
      `${JSON.stringify({ enrolled, acknowledged, waiting, keyring: hasKeyring, policy: hasPolicy, slice: slice ?? null, peers, revoked, refused: refused.length })}\n`,
    );
    return refused.length === 0 ? exitCode.ok : exitCode.failed;
  } finally {
    kiosk.close();
  }
}

/** Holds the lock of the data folder: throws Fault('journal-busy') while the kiosk runs. */
function openStopped(configFile: string): OpenKiosk {
  const config = loadConfig(configFile);
  const path = (name: string) => resolve(dirname(resolve(configFile)), name);
  const dataDir = path(config.dataDir);
  const keyring = readOwnKeyring(path, config);
  const state = openKioskState(dataDir);
  try {
    const { signer, sealing } = ownKeys(dataDir, host.random);
    const reuseKey = kioskKey(dataDir, 'reuse', host.random);
    const identityFiles = {
      certificate: join(dataDir, 'keys/certificate.cose'),
      keyring: path(config['keyring.file']),
      root: config['keyring.root'],
    };
    requireIdentity(config, ownCertificate(identityFiles, { signingKey: toHex(signer.publicKey), state }));
    const { kioskId, checkpointId, lane } = config;
    const bootId = toHex(host.random.bytes(8));
    const journal = openJournal(
      { dataDir, kioskId, checkpointId, lane, bootId, kioskPublicKey: signer.publicKey, reuseKey, place: journalPlace(state) },
      host,
    );
    const outbox: OutboxOptions = {
      journal: {
        ...journal,
        startNewJournal: (afterSeq, lost) => journal.startNewJournal(afterSeq, lost, { nowMs: host.clock.wallMs(), clockState: 'unknown' }),
        prune: (acknowledged) => journal.prune(acknowledged, config['journal.keepMs']),
      },
      mark: {
        read: () => markSchema.safeParse(state.get('sync.mark')).data,
        write: (mark) => state.set('sync.mark', mark),
      },
      kioskId,
      bootId,
    };
    const close = () => {
      journal.close();
      state.close();
    };
    return { config, dataDir, path, keyring, signer, sealing, state, journal, outbox, close };
  } catch (error) {
    state.close();
    throw error;
  }
}

function readOwnKeyring(path: (name: string) => string, config: KioskConfig): Keyring {
  const file = path(config['keyring.file']);
  const keyring = readKeyring(readText(file), config['keyring.root']);
  if (!keyring.ok) throw new CommandError(exitCode.dataError, `${file}: ${keyring.reason}`);
  return keyring.value;
}

function enrolmentRequest({ config, signer, sealing }: OpenKiosk, token: string): CarriedRequest {
  const { kioskId, checkpointId, lane } = config;
  const keys = { signingKey: toHex(signer.publicKey), sealingKey: toHex(sealing.publicKey), root: config['keyring.root'] };
  const body = new TextEncoder().encode(JSON.stringify({ token, kioskId, checkpointId, lane, ...keys }));
  return packRequest({ method: 'POST', target: '/v1/enrolments', body, tag: 'checkpoint-enrolment' }, kioskId, signer, host);
}

function takeCertificate(
  kiosk: OpenKiosk,
  requests: readonly CarriedRequest[],
  answers: readonly CarriedAnswer[],
  refused: string[],
): boolean {
  const request = requests.find(({ target }) => target === '/v1/enrolments');
  const reply = answers.find((answer) => answer.kind === 'reply' && answer.signature === request?.headers.signature);
  if (request === undefined || reply === undefined) return false;
  const { config, signer, sealing } = kiosk;
  const { kioskId, checkpointId, lane } = config;
  // What was asked for stands on the stick; what counts is who this kiosk is.
  const own = { kioskId, checkpointId, lane, signingKey: toHex(signer.publicKey), sealingKey: toHex(sealing.publicKey) };
  const certificate = readCertificate(reply.text, own, kiosk.keyring);
  if (!certificate.ok) refused.push(`enrolment: ${certificate.reason}`);
  else writePrivateFile(join(kiosk.dataDir, 'keys/certificate.cose'), `${certificate.value}\n`);
  return certificate.ok;
}

/** By the certificate that has just come, or else as the kiosk knew it. */
function trustedStoreOf({ config, dataDir, signer, state, keyring }: OpenKiosk) {
  const certificateFile = join(dataDir, 'keys/certificate.cose');
  const parts = { certificateFile, kioskId: config.kioskId, signingKey: toHex(signer.publicKey), state };
  const store = createTrustedStore(parts, host.log);
  return { storeId: store.storeId(keyring), lastUsed: store.lastUsed() };
}

/** True where a newer list of the other lanes was put in place. */
function takePeers(
  { config, dataDir, sealing }: OpenKiosk,
  keyring: Keyring,
  requests: readonly CarriedRequest[],
  answers: readonly CarriedAnswer[],
): boolean {
  const { kioskId, checkpointId } = config;
  const request = requests.find(({ target }) => target === PEERS);
  const reply = answers.find((answer) => answer.kind === 'reply' && answer.signature === request?.headers.signature);
  const owner = { kioskId, checkpointId, sealingSecret: sealing.secretKey };
  return request !== undefined && reply !== undefined && offerPeerList(peerFiles(dataDir).list, keyring, owner, `${reply.text}\n`);
}

function takeRevocation(kiosk: OpenKiosk, keyring: Keyring, text: string | undefined): boolean {
  if (text === undefined) return false;
  const { config, dataDir, path, state, signer } = kiosk;
  const slice = { database: path(config['slice.file']), manifest: path(config['slice.manifestFile']), key: path(config['slice.keyFile']) };
  const parts = { state, kioskId: config.kioskId, signingKey: toHex(signer.publicKey), keyring: () => keyring };
  return createRevocation({ ...parts, wipe: () => wipeLists(dataDir, slice) }, host).offer(text);
}

/** Why the kiosk would not use it, which would then have none: a sentence, or undefined where it may be put in place. */
function refuseSlice(
  { config, dataDir, state }: OpenKiosk,
  manifest: SliceManifest,
  { lastUsed }: ReturnType<typeof trustedStoreOf>,
): string | undefined {
  const { audience, version, content } = manifest;
  if (audience !== '*' && audience !== config.kioskId && audience !== config.checkpointId) return `it is made out for ${audience}`;
  const seen = versionFloor(state).get('slice', manifest.storeId);
  if (seen !== undefined && (version < seen.version || (version === seen.version && content !== seen.digest))) {
    return `slice-rollback: version ${version} after ${seen.version}, which was in use`;
  }
  const heardSeq = keptHeardSeq(join(dataDir, 'feed.db'), createFeedMemory(state));
  return refuseFork(lastUsed, manifest, heardSeq) ?? refuseLoss(lastUsed, manifest);
}

/** Version of the slice that was put in place; undefined for none, or none that is newer. */
function takeSlice(
  kiosk: OpenKiosk,
  { keyring, ...store }: { readonly keyring: Keyring } & ReturnType<typeof trustedStoreOf>,
  stick: string,
  texts: { readonly manifest: string | undefined; readonly key: string | undefined },
  refused: string[],
): number | undefined {
  if (texts.manifest === undefined) return undefined;
  const { config, path, sealing } = kiosk;
  const sliceId = config['slice.id'];
  const manifestFile = path(config['slice.manifestFile']);
  const manifest = readManifest(texts.manifest, sliceId, keyring);
  const current = existsSync(manifestFile) ? readManifest(readText(manifestFile).trimEnd(), sliceId, keyring) : undefined;
  const refuse = (why: string) => void refused.push(`slice: ${why}`);
  if (!manifest.ok) return refuse(manifest.reason);
  const foreign = foreignStore(manifest.value, store.storeId);
  if (foreign !== undefined) return refuse(foreign);
  const isSameStore = current?.ok === true && current.value.storeId === manifest.value.storeId;
  if (isSameStore && current.value.version >= manifest.value.version) return undefined;
  const why = refuseSlice(kiosk, manifest.value, store);
  if (why !== undefined) return refuse(why);
  const files = fetchedFiles(manifestFile, manifest.value);
  const { sha256, lengthBytes } = manifest.value.snapshot;
  if (lengthBytes > config['slice.bytesMax']) return refuse(`${lengthBytes} bytes are more than allowed`);
  mkdirSync(files.folder, { recursive: true, mode: 0o700 });
  if (!isKeyOf(manifest.value, files.key)) {
    if (texts.key === undefined) return refuse('there is no key for it');
    const wanted = { kioskId: config.kioskId, sealingSecret: sealing.secretKey, manifest: manifest.value };
    const key = takeSliceKey(texts.key, wanted, keyring, files.key);
    if (!key.ok) return refuse(key.reason);
  }
  if (!existsSync(files.database)) {
    const carried = join(stick, `${sha256}.db`);
    if (!existsSync(carried)) return refuse(`${carried} is not on the stick`);
    const part = `${files.database}.part`;
    copyFileSync(carried, part);
    if (digestFile(part).sha256 !== sha256) {
      rmSync(part);
      return refuse('its file is not the one that its manifest names');
    }
    writePrivateFile(files.digest, `${sha256}\n`);
    renameSync(part, files.database);
    syncFolder(files.folder);
  }
  writePrivateFile(manifestFile, `${texts.manifest}\n`);
  return manifest.value.version;
}

function readText(file: string): string {
  try {
    return readTextFile(file === '-' ? 0 : file);
  } catch (error) {
    throw new CommandError(exitCode.noInput, `cannot read ${file}: ${error instanceof Error ? error.message : error}`);
  }
}
