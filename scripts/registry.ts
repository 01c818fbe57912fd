/** `checkpoint-kiosk registry`: who is held and what is revoked, by hand or from a file. Id numbers become pseudonyms here. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { createNodeHost } from '../config/host/node-host.ts';
import { fromHex } from '../sync/credential/bytes.ts';
import type { Keyring } from '../sync/credential/keyring.ts';
import { authorityDay } from '../sync/protocol/authority-time.ts';
import { type HoldTotals, holdsOn, lossText } from '../sync/protocol/slice-loss.ts';
import { changeWords } from '../sync/upstream/registry/audit-words.ts';
import { importCsv } from '../sync/upstream/registry/import-csv.ts';
import { statusChange } from '../sync/upstream/registry/rules.ts';
import { requireOneSubjectKey } from '../sync/upstream/registry/subject-key.ts';
import type { RegistryChange, SliceAcceptance, SliceRefusal, Store } from '../sync/upstream/store/store.ts';
import { auditEntry } from './audit.ts';
import { CommandError, exitCode } from './command.ts';
import { readKeyFile } from './key-file.ts';
import { openStore } from './store.ts';
import { loadKeyring } from './verify.ts';

export interface RegistryOptions {
  readonly store: string;
  readonly keys: string;
  readonly actor?: string | undefined;
  /** Signed keyring and its root: the subject key must be the one that it pins. */
  readonly keyring?: string | undefined;
  readonly root?: string | undefined;
}

const words: Record<string, string> = {
  'id-form': 'an id has 12 digits',
  'plate-form': 'a plate has 5 to 10 letters and digits',
  'subject-missing': 'neither an id nor a plate',
  'status-unknown': 'a status is clear, F0, F1, F2, F3, hold or deceased',
  'date-form': 'a date is YYYY-MM-DD',
  'date-order': 'the last day lies before the first',
  'region-form': 'a region is a number of up to 5 digits',
  columns: 'the first line must name the columns: id or plate, status, and perhaps from, until, region (CSV, saved as UTF-8)',
};

const PROGRESS_ROWS = 50_000;

/** `id`: 12 digits; `plate`: a vehicle. At the kiosks within seconds. */
export async function setStatus(
  subject: { id?: string; plate?: string },
  given: { status: string; from?: string | undefined; until?: string | undefined; region?: string | undefined },
  options: RegistryOptions,
): Promise<void> {
  const host = createNodeHost('warn');
  const today = authorityDay(host.clock.wallMs() / 1000);
  const key = subjectKey(options);
  const change = statusChange({ ...subject, ...given }, key, today);
  if (!change.ok) throw new CommandError(exitCode.dataError, words[change.reason] ?? change.reason);
  await apply(change.value, `status ${change.value.status}`, options, { subjectKey: key });
}

export async function changeCredential(kind: 'revoked' | 'released', cti: string, days: number, options: RegistryOptions): Promise<void> {
  if (!/^[0-9a-f]{16}$/.test(cti)) throw new CommandError(exitCode.dataError, 'a credential id (cti) has 16 lower-case hex digits');
  const nowS = Math.floor(createNodeHost('warn').clock.wallMs() / 1000);
  const id = fromHex(cti);
  await apply(kind === 'revoked' ? { kind, cti: id, expiresAt: nowS + days * 86_400 } : { kind, cti: id }, kind, options);
}

/** Makes every code of an issuer's key count no more, for good; at the kiosks within seconds, ahead of the next keyring. */
export async function killKey(kid: string, options: RegistryOptions): Promise<void> {
  if (!/^[0-9a-f]{8}$/.test(kid)) throw new CommandError(exitCode.dataError, 'a key id (kid) has 8 lower-case hex digits');
  const trust = keyringOf(options)?.trust;
  if (trust !== undefined && !trust.has(kid)) {
    const listed = [...trust.keys()].join(', ') || 'none';
    throw new CommandError(exitCode.failed, `the keyring lists no issuer ${kid}; it lists: ${listed}`);
  }
  await apply({ kind: 'key-killed', kid: fromHex(kid) }, 'kill-key', options, { detail: kid });
}

async function apply(
  change: RegistryChange,
  action: string,
  options: RegistryOptions,
  { detail, subjectKey: key }: { readonly detail?: string; readonly subjectKey?: Uint8Array } = {},
): Promise<void> {
  const store = openStore(options.store);
  try {
    if (key !== undefined) await requireOneSubjectKey(store, { subjectKey: key, pinned: keyringOf(options)?.subjectKeyCheck });
    const audit = auditEntry(action, detail ?? changeWords(change), options.actor);
    const changed = await store.changeRegistry([change], true, audit);
    process.stdout.write(`${JSON.stringify({ action, changed: changed > 0, feed: await store.feedHead() })}\n`);
  } finally {
    await store.close();
  }
}

export async function importFile(file: string, options: RegistryOptions & { readonly dryRun?: boolean }): Promise<number> {
  if (!existsSync(file)) throw new CommandError(exitCode.noInput, `cannot read ${file}`);
  const host = createNodeHost('warn');
  const key = subjectKey(options);
  const store = openStore(options.store);
  const say = (line: string) => process.stderr.write(`${line}\n`);
  let said = 0;
  try {
    await requireOneSubjectKey(store, { subjectKey: key, pinned: keyringOf(options)?.subjectKeyCheck }, options.dryRun !== true);
    const result = await importCsv(
      store,
      {
        file,
        subjectKey: key,
        actor: auditEntry('import', '', options.actor).actor,
        dryRun: options.dryRun === true,
        onBadRow: (line, reason) => say(`${file}:${line}: ${words[reason] ?? reason} (${reason})`),
        onProgress(rows) {
          if (rows - said < PROGRESS_ROWS) return;
          said = rows;
          say(`  ${rows} rows`);
        },
      },
      host,
    );
    process.stdout.write(`${JSON.stringify({ ...result, dryRun: options.dryRun === true })}\n`);
    return result.bad === 0 ? exitCode.ok : exitCode.dataError;
  } finally {
    await store.close();
  }
}

/** The key that makes pseudonyms. It is not made here: another one would name other people. */
function subjectKey({ keys }: RegistryOptions): Uint8Array {
  return readKeyFile(join(keys, 'subject.key'));
}

function keyringOf({ keyring, root }: RegistryOptions): Keyring | undefined {
  if ((keyring === undefined) !== (root === undefined)) throw new CommandError(exitCode.usage, '--keyring and --root go together');
  return keyring === undefined || root === undefined ? undefined : loadKeyring(keyring, root);
}

type PublishOptions = Pick<RegistryOptions, 'store' | 'actor'> & {
  readonly acceptLoss: boolean;
  readonly acceptSetBack: boolean;
  readonly slice: string;
};

/**
 * Shows which slices wait for an operator's word, and gives it, once, for what was refused: the centre publishes them at its
 * next look. Where none waits it is given for the slice as it is published now, for kiosks that come from a fuller one.
 */
export async function publishSlices(options: PublishOptions): Promise<number> {
  const nowMs = createNodeHost('warn').clock.wallMs();
  const store = openStore(options.store);
  try {
    const refusals = await store.sliceRefusals();
    const say = (value: object) => process.stdout.write(`${JSON.stringify(value)}\n`);
    const held = refusals.find(({ reason }) => reason === 'set-back');
    const setBack = held && (await setBackWords(store, held.atMs));
    if (!options.acceptLoss && !options.acceptSetBack) {
      for (const refusal of refusals) say({ ...refusal, accepted: false });
      if (setBack !== undefined) process.stderr.write(`${setBack}\n`);
      return refusals.length === 0 ? exitCode.ok : exitCode.failed;
    }
    for (const refusal of refusals) requireWord(refusal, options, setBack);
    const names = refusals.length > 0 ? refusals.map(({ sliceId }) => sliceId) : [options.slice];
    const given: SliceAcceptance[] = [];
    for (const sliceId of names) {
      const refusal = refusals.find((one) => one.sliceId === sliceId);
      const to = options.acceptLoss && refusal !== undefined && isLoss(refusal) ? refusal.to : await publishedHolds(store, sliceId, nowMs);
      given.push({ sliceId, atMs: nowMs, to, setBack: options.acceptSetBack });
    }
    const detail = given.map(({ sliceId, to }) => `${sliceId}: ${to.status} holds, ${to.revoked} revocations`).join('; ');
    const action = options.acceptSetBack ? 'accept-set-back' : 'accept-loss';
    await store.acceptSlices(given, auditEntry(action, detail, options.actor));
    for (const word of given) say({ ...word, accepted: true });
    return exitCode.ok;
  } finally {
    await store.close();
  }
}

function isLoss({ from }: SliceRefusal): boolean {
  return from.status + from.revoked > 0;
}

/** A word for a loss says nothing of a store that was set back, and the other way round: each is asked for by its name. */
function requireWord(refusal: SliceRefusal, options: PublishOptions, setBack: string | undefined): void {
  if (refusal.reason === 'set-back' && !options.acceptSetBack) throw new CommandError(exitCode.failed, setBack ?? '');
  if (refusal.reason === 'loss' && !options.acceptLoss) {
    const text = `slice ${refusal.sliceId} would have ${lossText(refusal)}: if that is right, add --accept-loss`;
    throw new CommandError(exitCode.failed, text);
  }
}

const SAID_MAX = 1_000;

/** What happened to the store, who said so, and what to do. */
async function setBackWords(store: Store, sinceMs: number): Promise<string> {
  const said = (await store.alarms(SAID_MAX)).filter(({ code, lastAtMs }) => code === 'store-set-back' && lastAtMs >= sinceMs);
  const kiosks = said.map(({ kioskId, detail }) => `${kioskId}: ${detail}`).join('; ');
  return `the store was set back to a backup: holds made since are missing (${kiosks}); bring them in again, then: registry publish --accept-set-back`;
}

async function publishedHolds(store: Store, sliceId: string, nowMs: number): Promise<HoldTotals> {
  const [current] = await store.publishedSlices(sliceId, 1);
  if (current === undefined) throw new CommandError(exitCode.failed, `no slice ${sliceId} was published`);
  const { holds } = current.body;
  if (holds === undefined) {
    throw new CommandError(exitCode.failed, `slice ${sliceId} was published by an earlier version: start the centre first`);
  }
  return holdsOn(holds, authorityDay(nowMs / 1000));
}
