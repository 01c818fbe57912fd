/** The carrier stick with the real commands: a checkpoint that never has a line. */
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { builtPath } from '../config/host/install-paths.ts';
import { nodeRandom } from '../config/host/node-host.ts';
import { loadOrCreateKey } from '../config/host/private-file.ts';
import { createDemoKit, type DemoKit } from '../fixtures/demo-kit.ts';
import { quietHost } from '../fixtures/test-centre.ts';
import { testDecision } from '../fixtures/test-journal.ts';
import { ensureStore, openTestStore } from '../fixtures/test-store.ts';
import { openJournal } from '../kiosk/journal/journal.ts';
import { journalPlace } from '../kiosk/journal/journal-place.ts';
import { openKioskState } from '../kiosk/journal/kiosk-state.ts';
import { createFeedMemory } from '../kiosk/registry/feed-memory.ts';
import { type LastingOverlay, openLastingOverlay } from '../kiosk/registry/lasting-overlay.ts';
import { openRegistry, type Registry } from '../kiosk/registry/registry.ts';
import { createTrustedStore } from '../kiosk/registry/trusted-store.ts';
import { versionFloor } from '../kiosk/version-floor.ts';
import { toHex } from '../sync/credential/bytes.ts';
import { readKeyring } from '../sync/credential/keyring.ts';
import { createSigner } from '../sync/credential/signer.ts';
import { recordSchema } from '../sync/protocol/records.ts';

let folder: string;
let kit: DemoKit;
let stick: string;
const file = (name: string) => join(folder, name);
const cli = (...args: string[]) => spawnSync(process.execPath, [builtPath('scripts/cli.ts'), ...args], { encoding: 'utf8' });
const said = (...args: string[]) => {
  const { stdout, stderr, status } = cli(...args);
  if (stdout === '') throw new Error(stderr);
  return { ...JSON.parse(stdout), status };
};
const centre = () => [
  '--store',
  `sqlite:${file('centre/store.db')}`,
  '--keys',
  kit.upstream.folder,
  '--keyring',
  kit.upstream.keyring,
  '--root',
  kit.upstream.root,
];
const answer = () => said('carry', 'answer', stick, ...centre(), '--policy', file('policy.cose'));
const exported = (...more: string[]) => said('carry', 'export', stick, '--config', kit.configFile, ...more);
const imported = () => said('carry', 'import', stick, '--config', kit.configFile);
const answersFile = () => join(stick, 'demo-kiosk.in.ndjson');

/** Appends decisions as the kiosk would; returns their ids. */
function decide(count: number, first = 0): string[] {
  const keyring = readKeyring(readFileSync(kit.upstream.keyring, 'utf8'), kit.upstream.root);
  if (!keyring.ok) throw new Error(keyring.reason);
  const dataDir = file('data');
  const { publicKey } = createSigner(loadOrCreateKey(join(dataDir, 'keys/kiosk.key'), nodeRandom));
  const reuseKey = loadOrCreateKey(join(dataDir, 'keys/reuse.key'), nodeRandom);
  const ids = { kioskId: 'demo-kiosk', checkpointId: 'demo', lane: '1', bootId: 'ab' };
  const journal = openJournal({ dataDir, ...ids, kioskPublicKey: publicKey, reuseKey }, quietHost);
  try {
    return Array.from({ length: count }, (_, index) => {
      const entry = testDecision(first + index);
      if (entry.kind !== 'decision') throw new Error('no decision');
      const context = { nowMs: Date.now(), clockState: 'unknown' as const };
      return journal.append({ ...entry, sealTo: keyring.value.sealingKey, passed: undefined }, context).id;
    });
  } finally {
    journal.close();
  }
}

async function arrived(): Promise<string[]> {
  const store = openTestStore(file('centre/store.db'));
  const ids = (await store.crossingsOf({})).map(({ recordId }) => recordId);
  await store.close();
  return ids.sort();
}

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'carry-'));
  stick = file('stick');
  kit = createDemoKit(
    { folder, nowMs: Date.now(), demo: false, slice: false, config: { 'camera.kind': 'replay', 'camera.source': 'none' } },
    nodeRandom,
  );
  ensureStore(`sqlite:${file('centre/store.db')}`);
  const token = said('kiosk', 'add', 'demo-kiosk', '--checkpoint', 'demo', ...centre()).token;
  writeFileSync(file('token'), `${token}\n`);
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

describe('a stick', () => {
  it('enrols a kiosk, brings its crossings in once, and its lists back', async () => {
    const ids = decide(620);
    expect(exported('--token-file', file('token'))).toMatchObject({ requests: 5 });
    const out = readFileSync(join(stick, 'demo-kiosk.out.ndjson'), 'utf8');
    expect(out).not.toContain('"verdict"');
    expect(answer()).toMatchObject({ kiosk: 'demo-kiosk', requests: 5, answered: 5, enrolled: true });
    expect(imported()).toMatchObject({ status: 0, enrolled: true, acknowledged: 621, waiting: 0, slice: expect.any(Number), refused: 0 });
    expect(await arrived()).toEqual([...ids].sort());
    expect(
      readdirSync(file('slices'))
        .map((name) => name.replace(/^.*\./, ''))
        .sort(),
    ).toEqual(['db', 'key', 'sha256']);

    // The same stick once more changes nothing; the next one brings only what is new.
    expect(answer()).toMatchObject({ answered: 5 });
    expect(imported()).toMatchObject({ acknowledged: 621 });
    const more = decide(3, 700);
    expect(exported()).toMatchObject({ requests: 3 });
    answer();
    expect(imported()).toMatchObject({ status: 0, waiting: 0, refused: 0 });
    expect(await arrived()).toEqual([...ids, ...more].sort());
  }, 90_000);

  it('is believed only where it is signed and answers this kiosk', () => {
    decide(10);
    exported('--token-file', file('token'));
    answer();
    const good = readFileSync(answersFile(), 'utf8');
    const lines = good.trimEnd().split('\n');
    // Answers under the wrong question.
    const turned = lines.map((line, index) => {
      const one = JSON.parse(line);
      const other = JSON.parse(lines[(index + 1) % 3] ?? '{}');
      return JSON.stringify(one.kind === 'reply' ? { ...one, text: other.text ?? one.text } : one);
    });
    writeFileSync(answersFile(), `${turned.join('\n')}\n`);
    expect(imported()).toMatchObject({ status: 1, acknowledged: 0 });
    // A slice that is not the one that was signed.
    writeFileSync(answersFile(), good);
    const slice = join(stick, readdirSync(stick).find((name) => name.endsWith('.db')) ?? '');
    const bytes = readFileSync(slice);
    bytes[bytes.length - 1] = (bytes[bytes.length - 1] ?? 0) ^ 1;
    writeFileSync(slice, bytes);
    rmSync(file('slices'), { recursive: true, force: true });
    rmSync(file('slice.manifest.cose'), { force: true });
    const again = imported();
    expect(again).toMatchObject({ status: 1, slice: null, acknowledged: 11 });
    expect(existsSync(file('slice.manifest.cose'))).toBe(false);
    writeFileSync(answersFile(), 'nonsense\n');
    expect(cli('carry', 'import', stick, '--config', kit.configFile)).toMatchObject({ status: 65 });
  }, 90_000);

  it('brings word of a killed key, which no entry of the feed reached', () => {
    const keyring = readKeyring(readFileSync(kit.upstream.keyring, 'utf8'), kit.upstream.root);
    if (!keyring.ok) throw new Error(keyring.reason);
    const [kid = ''] = [...keyring.value.trust.keys()];
    const store = ['--store', `sqlite:${file('centre/store.db')}`, '--keys', kit.upstream.folder];
    const kill = (id: string, ...more: string[]) => cli('registry', 'kill-key', id, ...store, '--actor', 'duty', ...more);
    const listed = ['--keyring', kit.upstream.keyring, '--root', kit.upstream.root];
    expect(kill('00000000', ...listed)).toMatchObject({ status: 1, stdout: '', stderr: expect.stringContaining(kid) });
    expect(kill('KEY')).toMatchObject({ status: 65, stdout: '' });
    expect(kill(kid, '--root', kit.upstream.root)).toMatchObject({ status: 64, stdout: '' });
    const { status, stdout } = kill(kid, ...listed);
    expect({ status, ...JSON.parse(stdout) }).toMatchObject({ status: 0, action: 'kill-key', changed: true });
    exported('--token-file', file('token'));
    answer();
    expect(imported()).toMatchObject({ status: 0, slice: expect.any(Number) });
    const slice = { database: file('slice.db'), manifest: file('slice.manifest.cose'), key: file('slice.key') };
    const registry = openRegistry(
      {
        files: { keyring: kit.upstream.keyring, root: kit.upstream.root, policy: file('policy.cose'), slice },
        floor: { get: () => undefined, raise: () => undefined },
        audiences: ['demo-kiosk'],
        allowDemo: false,
      },
      quietHost,
    );
    expect(registry.content()?.keyring.trust.get(kid)?.status).toBe('active');
    expect(registry.content()?.trust().get(kid)?.status).toBe('revoked');
    registry.close();
  }, 60_000);

  describe('whose slice the kiosk would not use', () => {
    const files = () => ({
      ...{ keyring: kit.upstream.keyring, root: kit.upstream.root, policy: file('policy.cose') },
      slice: { database: file('slice.db'), manifest: file('slice.manifest.cose'), key: file('slice.key') },
    });
    /** Opens the lists as the kiosk does at its start. */
    const start = (use: (registry: Registry, overlay: LastingOverlay) => void) => {
      const state = openKioskState(file('data'));
      const overlay = openLastingOverlay(file('data/feed.db'), createFeedMemory(state), quietHost);
      const signingKey = toHex(createSigner(loadOrCreateKey(file('data/keys/kiosk.key'), nodeRandom)).publicKey);
      const parts = { certificateFile: file('data/keys/certificate.cose'), kioskId: 'demo-kiosk', signingKey, state };
      const store = createTrustedStore(parts, quietHost.log);
      const ids = { audiences: ['demo-kiosk', 'demo'], allowDemo: false };
      const registry = openRegistry({ files: files(), floor: versionFloor(state), ...ids, overlay, store }, quietHost);
      try {
        use(registry, overlay);
      } finally {
        registry.close();
        overlay.close();
        state.close();
      }
    };
    const hold = async (byte: number) => {
      const store = openTestStore(file('centre/store.db'));
      const change = { kind: 'status', pseudonym: new Uint8Array(12).fill(byte), status: 'F0', fromDay: 1, untilDay: undefined } as const;
      await store.changeRegistry([change], true, { atMs: Date.now(), actor: 'test', action: 'test', detail: '' });
      await store.close();
    };

    it.each(['is there', 'was lost'])(
      'leaves the one in use where it lies: an entry that was heard is not in it, and the feed %s',
      async (how) => {
        await hold(7);
        exported('--token-file', file('token'));
        answer();
        const { slice: version } = imported();
        start(({ content }, overlay) => {
          const [manifest, cursor] = [content()?.slice.manifest, overlay.cursor()];
          if (manifest === undefined || cursor === undefined) throw new Error('no slice');
          const after = cursor.seq;
          // From a centre that was then set back to a backup.
          const upTo = after + 1;
          const entries = [{ seq: upTo, prev: after, kind: 'revoked' as const, cti: 'ab'.repeat(8), expiresAt: 1 }];
          const bound = { version: 1, audience: 'demo-kiosk', requestDigest: '', nonce: '', more: false, sliceVersion: manifest.version };
          const dates = { issuedAt: manifest.issuedAt, expires: manifest.expires };
          overlay.apply({ ...cursor, ...bound, ...dates, after, upTo, entries }, true);
        });
        if (how === 'was lost') for (const suffix of ['', '-wal', '-shm']) rmSync(`${file('data/feed.db')}${suffix}`, { force: true });
        const inUse = readFileSync(files().slice.manifest, 'utf8');
        await hold(8);
        exported();
        answer();
        const { status, stderr, stdout } = cli('carry', 'import', stick, '--config', kit.configFile);
        expect({ status, ...JSON.parse(stdout) }).toMatchObject({ status: 1, slice: null, refused: 1 });
        expect(stderr).toMatch(/not taken: slice: store-set-back: slice \d+ does not know entry \d+ of the feed/);
        expect(readFileSync(files().slice.manifest, 'utf8')).toBe(inUse);
        start(({ content, fault }) => {
          expect(fault()).toBeUndefined();
          expect(content()?.slice.manifest.version).toBe(version);
        });
      },
      90_000,
    );
  });

  it('ends a kiosk that was revoked, and takes what it had recorded', async () => {
    const ids = decide(5);
    exported('--token-file', file('token'));
    answer();
    imported();
    const more = decide(4, 50);
    execFileSync(process.execPath, [
      builtPath('scripts/cli.ts'),
      'kiosk',
      'revoke',
      'demo-kiosk',
      '--store',
      `sqlite:${file('centre/store.db')}`,
    ]);
    exported();
    answer();
    expect(imported()).toMatchObject({ revoked: true, waiting: 0 });
    expect(await arrived()).toEqual([...ids, ...more].sort());
    expect(existsSync(file('slices'))).toBe(false);
    expect(existsSync(file('data/keys/reuse.key'))).toBe(false);
  }, 90_000);

  it('brings the list of the other lanes to a kiosk that listens for them', async () => {
    kit.configure({ 'peers.port': 8745 });
    exported('--token-file', file('token'));
    answer();
    expect(imported()).toMatchObject({ status: 0, enrolled: true, peers: false });
    const own = createSigner(loadOrCreateKey(file('data/keys/kiosk.key'), nodeRandom));
    const store = openTestStore(file('centre/store.db'));
    const ids = { kioskId: 'lane-2', checkpointId: 'demo', lane: '2' };
    const keys = { signingKey: '1'.repeat(64), sealingKey: toHex(own.publicKey), certificate: 'x' };
    await store.addToken({ ...ids, hash: 'h', expiresAtMs: Date.now() + 60_000, usedBy: undefined });
    await store.enrol('h', { ...ids, ...keys, enrolledAtMs: 1, revokedAtMs: undefined, seenAtMs: undefined });
    await store.close();
    const peer = (...args: string[]) => cli('kiosk', 'peer', ...args, '--store', `sqlite:${file('centre/store.db')}`);
    expect(peer('nobody', '--address', '10.0.0.1:8745').status).toBe(1);
    for (const wrong of [[], ['--address', '10.0.0.1'], ['--address', '10.0.0.1:8745', '--remove']]) {
      expect(peer('lane-2', ...wrong).status, wrong.join(' ')).toBe(64);
    }
    expect(JSON.parse(peer('lane-2', '--address', '10.0.0.2:8745').stdout)).toMatchObject({ checkpointId: 'demo', others: [] });
    expect(JSON.parse(peer('demo-kiosk', '--address', '[fd00::1]:8745').stdout)).toMatchObject({ others: ['lane-2'] });
    exported();
    answer();
    expect(imported()).toMatchObject({ status: 0, peers: true });
    // The same once more is not newer.
    exported();
    answer();
    expect(imported()).toMatchObject({ status: 0, peers: false });
    const list = said('inspect', file('data/peers.cose'));
    expect(list).toMatchObject({
      type: 'peers',
      body: { audience: 'demo-kiosk', peers: [{ kioskId: 'lane-2', address: '10.0.0.2:8745' }] },
    });
    expect(JSON.parse(peer('lane-2', '--remove').stdout)).toMatchObject({ address: null });
  }, 90_000);

  it('does not forget that the journal was gone, though it found it so before the kiosk did', () => {
    decide(3);
    exported('--token-file', file('token'));
    rmSync(file('data/journal'), { recursive: true });
    exported();
    const state = openKioskState(file('data'));
    const { publicKey } = createSigner(loadOrCreateKey(file('data/keys/kiosk.key'), nodeRandom));
    const ids = { kioskId: 'demo-kiosk', checkpointId: 'demo', lane: '1', bootId: 'ab', reuseKey: new Uint8Array(32) };
    const journal = openJournal({ dataDir: file('data'), ...ids, kioskPublicKey: publicKey, place: journalPlace(state) }, quietHost);
    journal.append({ kind: 'lane', laneState: 'closed' }, { nowMs: Date.now(), clockState: 'unknown' });
    const records = journal.readAfter(0, 9).map(({ line }) => recordSchema.parse(JSON.parse(new TextDecoder().decode(line))));
    journal.close();
    state.close();
    expect(records).toMatchObject([
      { kind: 'fault', fault: 'journal-gone' },
      { kind: 'lost-range', lost: { from: 1, to: 4 } },
      { kind: 'lane' },
    ]);
  }, 60_000);

  it('waits for the kiosk to stand still', () => {
    decide(1);
    const state = openKioskState(file('data'));
    const { status, stderr } = cli('carry', 'export', stick, '--config', kit.configFile);
    state.close();
    expect(status).toBe(69);
    expect(stderr).toContain('journal-busy');
  });
});
