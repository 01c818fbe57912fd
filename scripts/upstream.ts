/** `checkpoint-kiosk upstream` and the commands around it: the service at the centre, its kiosks, its tables. */
import { randomUUID } from 'node:crypto';
import { existsSync, readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { Fault } from '../config/faults.ts';
import { createNodeHost, nodeClock } from '../config/host/node-host.ts';
import { makePrivate, writePrivateFile } from '../config/host/private-file.ts';
import { programVersion } from '../config/host/program-version.ts';
import { readTextFile } from '../config/host/text-file.ts';
import type { Host } from '../config/ports/host.ts';
import type { CommandKind } from '../sync/protocol/heartbeat.ts';
import { createEnrolmentDesk } from '../sync/upstream/enrolment/enrol.ts';
import { DEFAULT_SLICE, openUpstream, type Upstream } from '../sync/upstream/open-upstream.ts';
import { createProjector } from '../sync/upstream/projector/projector.ts';
import type { SliceScope } from '../sync/upstream/slices/publish.ts';
import { loadUpstreamKeys } from '../sync/upstream/upstream-keys.ts';
import { writeAudit } from './audit.ts';
import { CommandError, exitCode } from './command.ts';
import { openStore, storeFile } from './store.ts';
import { readTlsFiles } from './tls-files.ts';
import { untilStopped } from './until-stopped.ts';

export interface KeyOptions {
  readonly keys: string;
  readonly keyring: string;
  readonly root: string;
}

export interface ServeOptions extends KeyOptions {
  readonly store: string;
  readonly address: string;
  /** Further names, for operators. */
  readonly name?: readonly string[];
  readonly port: number;
  readonly tlsCert: string | undefined;
  readonly tlsKey: string | undefined;
  readonly retentionDays: number | undefined;
  readonly logLevel: 'debug' | 'info' | 'warn' | 'error';
  readonly allowDemo: boolean;
  readonly slices: string | undefined;
  readonly policy: string | undefined;
  readonly publishS: number;
  /** `ID=REGION,REGION`. */
  readonly slice: readonly string[];
}

const LOOPBACK = /^(127(\.\d+){3}|::1|localhost)$/;
const DAY_MS = 86_400_000;

/** Of the published slices: beside the store, unless said otherwise. */
export function slicesFolder({ slices, store }: Pick<ServeOptions, 'slices' | 'store'>): string {
  return slices ?? join(dirname(storeFile(store)), 'slices');
}

export async function startUpstream(options: ServeOptions, host: Host): Promise<Upstream> {
  const { address, port, tlsCert, tlsKey } = options;
  if ((tlsCert === undefined) !== (tlsKey === undefined))
    throw new CommandError(exitCode.usage, '--tls-cert and --tls-key belong together');
  const tls =
    tlsCert === undefined || tlsKey === undefined ? undefined : readTlsFiles({ certificate: tlsCert, key: tlsKey }, host.clock.wallMs());
  if (tls === undefined && !LOOPBACK.test(address)) {
    throw new CommandError(
      exitCode.usage,
      `plain HTTP is served to this machine only: give --tls-cert and --tls-key to listen on ${address}`,
    );
  }
  const keys = loadUpstreamKeys({ keyring: options.keyring, root: options.root, folder: options.keys, allowDemo: options.allowDemo });
  const operatorToken = loadOperatorToken(options.keys, host);
  makeFilesPrivate(options, host);
  const retentionMs = options.retentionDays === undefined ? undefined : options.retentionDays * DAY_MS;
  const store = openStore(options.store);
  try {
    const { root } = options;
    const slices = slicesFolder(options);
    const publishMs = options.publishS * 1000;
    const files = {
      storeAddress: options.store,
      scopes: options.slice.map(sliceScope),
      slices,
      publishMs,
      keyringFile: options.keyring,
      policyFile: options.policy,
    };
    return await openUpstream(
      store,
      { ...files, keys, root, address, names: options.name ?? [], port, tls, operatorToken, retentionMs, version: programVersion() },
      host,
    );
  } catch (error) {
    await store.close();
    throw error;
  }
}

/** What the centre keeps is for its owner alone: other modes, of an earlier version or a copy, are corrected, or end the start. */
function makeFilesPrivate(options: Pick<ServeOptions, 'store' | 'slices' | 'keys'>, host: Host): void {
  const file = storeFile(options.store);
  const slices = slicesFolder(options);
  const inside = (folder: string, names: RegExp) =>
    existsSync(folder)
      ? readdirSync(folder)
          .filter((name) => names.test(name))
          .map((name) => join(folder, name))
      : [];
  const store = ['', '-wal', '-shm'].map((suffix) => file + suffix);
  const all = [...store, slices, ...inside(slices, /\.(db|delta|new|changes)$/), ...inside(options.keys, /\.(key|token)$/)];
  for (const path of all) {
    try {
      if (makePrivate(path)) host.log.warn('file-made-private', { path });
    } catch (error) {
      throw new Fault('store-exposed', `${path}: ${error instanceof Error ? error.message : error}`, { cause: error });
    }
  }
}

function sliceScope(given: string): SliceScope {
  const [, sliceId, regions] = /^([a-z0-9-]{1,32})=(\d{1,5}(?:,\d{1,5})*)$/.exec(given) ?? [];
  if (sliceId === undefined || regions === undefined || sliceId === DEFAULT_SLICE) {
    throw new CommandError(exitCode.usage, `--slice ${given}: expected a name and regions, such as hcmc=79`);
  }
  return { sliceId, regions: regions.split(',').map(Number) };
}

export async function runUpstream(options: ServeOptions): Promise<number> {
  const host = createNodeHost(options.logLevel);
  const upstream = await startUpstream(options, host);
  host.log.info('upstream-started', { url: upstream.url, operatorToken: join(options.keys, 'operator.token') });
  const signal = await untilStopped();
  host.log.info('upstream-stopping', { signal });
  await upstream.close();
  return exitCode.ok;
}

/** The operator's password for the page and the API; made at the first start. */
export function loadOperatorToken(folder: string, host: Pick<Host, 'random'>): string {
  const file = join(folder, 'operator.token');
  if (!existsSync(file)) writePrivateFile(file, `${Buffer.from(host.random.bytes(24)).toString('base64url')}\n`);
  const token = readInput(file).trim();
  if (token.length < 16) throw new CommandError(exitCode.dataError, `${file} holds no token of at least 16 characters`);
  return token;
}

export interface AddKioskOptions extends KeyOptions {
  readonly store: string;
  readonly checkpoint: string;
  readonly lane: string;
  readonly minutes: number;
}

export async function addKiosk(kioskId: string, options: AddKioskOptions): Promise<void> {
  const host = createNodeHost('warn');
  const keys = loadUpstreamKeys({ keyring: options.keyring, root: options.root, folder: options.keys, allowDemo: true });
  const store = openStore(options.store);
  try {
    const desk = createEnrolmentDesk(store, { fleetKey: keys.fleet, isOurRoot: (root) => root === options.root }, host);
    const { checkpoint: checkpointId, lane, minutes } = options;
    const token = await desk.issueToken({ kioskId, checkpointId, lane }, minutes * 60_000);
    await writeAudit(store, 'kiosk add', `${kioskId}, checkpoint ${checkpointId}, lane ${lane}, for ${minutes} minutes`);
    process.stdout.write(`${JSON.stringify({ kioskId, checkpointId, lane, token, validMinutes: minutes })}\n`);
  } finally {
    await store.close();
  }
}

/** Those that are enrolled; then tokens that wait to be used, or ended unused within a day, without the token itself. */
export async function listKiosks(given: string): Promise<void> {
  const store = openStore(given);
  try {
    const day = (ms: number | undefined) => (ms === undefined ? null : new Date(ms).toISOString());
    const addresses = await store.peerAddresses();
    const reports = new Map((await store.heartbeats()).map((report) => [report.kioskId, report]));
    for (const kiosk of await store.kiosks()) {
      const { kioskId, checkpointId, lane, enrolledAtMs, seenAtMs, revokedAtMs } = kiosk;
      const times = { enrolledAt: day(enrolledAtMs), seenAt: day(seenAtMs), revokedAt: day(revokedAtMs) };
      const report = reports.get(kioskId);
      const said = report && { at: day(report.atMs), ...report.heartbeat, done: undefined };
      const [command] = await store.commands(kioskId, 1);
      process.stdout.write(
        `${JSON.stringify({ kioskId, checkpointId, lane, peer: addresses.get(kioskId) ?? null, ...times, heartbeat: said ?? null, command: command ?? null })}\n`,
      );
    }
    const nowMs = nodeClock.wallMs();
    for (const { kioskId, checkpointId, lane, expiresAtMs } of await store.unusedTokens(nowMs - DAY_MS)) {
      const unusedToken = { expiresAt: day(expiresAtMs), expired: expiresAtMs <= nowMs };
      process.stdout.write(`${JSON.stringify({ kioskId, checkpointId, lane, unusedToken })}\n`);
    }
  } finally {
    await store.close();
  }
}

export async function revokeKiosk(kioskId: string, given: string): Promise<void> {
  const store = openStore(given);
  try {
    if (!(await store.revokeKiosk(kioskId, createNodeHost('warn').clock.wallMs()))) {
      throw new CommandError(exitCode.failed, `no kiosk is called ${kioskId}`);
    }
    await writeAudit(store, 'kiosk revoke', kioskId);
    process.stdout.write(`${JSON.stringify({ kioskId, revoked: true })}\n`);
  } finally {
    await store.close();
  }
}

/** Carried out at its next heartbeat; `kiosk list` shows what came of it. */
export async function commandKiosk(kioskId: string, kind: CommandKind, given: string): Promise<void> {
  const store = openStore(given);
  try {
    if ((await store.findKiosk(kioskId)) === undefined) throw new CommandError(exitCode.failed, `no kiosk is called ${kioskId}`);
    const id = randomUUID();
    await store.addCommand({ id, kioskId, kind, givenAtMs: createNodeHost('warn').clock.wallMs() });
    await writeAudit(store, 'kiosk command', `${kioskId}: ${kind}`);
    process.stdout.write(`${JSON.stringify({ kioskId, id, command: kind })}\n`);
  } finally {
    await store.close();
  }
}

export async function rebuildTables(options: KeyOptions & { readonly store: string }): Promise<void> {
  const host = createNodeHost('warn');
  const keys = loadUpstreamKeys({ keyring: options.keyring, root: options.root, folder: options.keys, allowDemo: true });
  const store = openStore(options.store);
  try {
    const projector = createProjector(store, keys.sealing, host);
    const batches = await projector.rebuild((done) => process.stderr.write(`\r  ${done} batches`));
    process.stderr.write('\n');
    process.stdout.write(`${JSON.stringify({ batches, ...(await store.counts()) })}\n`);
  } finally {
    await store.close();
  }
}

function readInput(file: string): string {
  try {
    return readTextFile(file);
  } catch (error) {
    throw new CommandError(exitCode.noInput, `cannot read ${file}: ${error instanceof Error ? error.message : error}`);
  }
}
