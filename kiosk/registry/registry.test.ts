import { appendFileSync, copyFileSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parseConfig } from '../../config/options/parse-config.ts';
import { createDemoKit } from '../../fixtures/demo-kit.ts';
import { createSimulatedHost, SIMULATED_START_MS } from '../../fixtures/simulated-host.ts';
import { fromHex } from '../../sync/credential/bytes.ts';
import { readCredential } from '../../sync/credential/credential.ts';
import { parseEnvelopes, parsePayload, signStatement } from '../../sync/credential/statement.ts';
import { type SliceManifest, sliceManifestSchema } from '../../sync/protocol/slice.ts';
import { createFeedMemory } from './feed-memory.ts';
import { openLastingOverlay } from './lasting-overlay.ts';
import { openRegistry, type Registry, type RegistryOptions, type SeenVersion, type StatementName, type VersionFloor } from './registry.ts';

let folder = '';
let registry: Registry | undefined;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'registry-test-'));
});
afterEach(() => {
  registry?.close();
  rmSync(folder, { recursive: true, force: true });
});

function createFloor(): VersionFloor {
  const seen = new Map<string, SeenVersion>();
  const nameOf = (name: StatementName, storeId = '') => `${name} ${storeId}`;
  return {
    get: (name, storeId) => seen.get(nameOf(name, storeId)),
    raise: (name, value, storeId) => void seen.set(nameOf(name, storeId), value),
  };
}

function setUp(into = folder, atMs = SIMULATED_START_MS, seed = 1) {
  const host = createSimulatedHost(seed);
  const kit = createDemoKit(
    { folder: into, nowMs: atMs, demo: true, config: { 'camera.kind': 'replay', 'camera.source': 'x' } },
    host.random,
  );
  const parsed = parseConfig(readFileSync(kit.configFile, 'utf8'));
  if (!parsed.ok) throw new Error(parsed.problems[0].key);
  const path = (name: string) => join(into, name);
  const options: RegistryOptions = {
    files: {
      keyring: path('keyring.cose'),
      root: parsed.config['keyring.root'],
      policy: path('policy.cose'),
      slice: { database: path('slice.db'), manifest: path('slice.manifest.cose'), key: path('slice.key') },
    },
    floor: createFloor(),
    audiences: ['k1'],
    allowDemo: true,
  };
  return { host, kit, options, path };
}

describe('registry', () => {
  it('opens keyring, policy and slice, and finds who is held and what is revoked', () => {
    const { host, kit, options } = setUp();
    registry = openRegistry(options, host);
    const content = registry.content();
    expect(registry.fault()).toBeUndefined();
    const lookup = (name: string) => {
      const text = kit.cases.find((person) => person.case === name)?.text ?? '';
      const read = readCredential(text, { trust: content?.keyring.trust ?? new Map(), now: SIMULATED_START_MS / 1000 });
      if (!read.ok) throw new Error(read.reason);
      return content?.slice.lookup(read.value.claims);
    };
    expect(lookup('valid')).toMatchObject({ status: 'clear', revoked: false });
    expect(lookup('held')).toMatchObject({ status: 'F0', revoked: false });
    expect(lookup('revoked')).toMatchObject({ status: 'clear', revoked: true });
  });

  it.each([
    ['keyring.cose', 'keyring-invalid'],
    ['policy.cose', 'policy-invalid'],
    ['slice.manifest.cose', 'slice-corrupt'],
    ['slice.db', 'slice-corrupt'],
    ['slice.key', 'slice-key-mismatch'],
  ])('names a damaged %s as %s', (name, code) => {
    const { host, options, path } = setUp();
    const bytes = readFileSync(path(name));
    bytes[bytes.length >> 1] = (bytes[bytes.length >> 1] ?? 0) ^ 0x81;
    writeFileSync(path(name), bytes);
    registry = openRegistry(options, host);
    expect(registry.content()).toBeUndefined();
    expect(registry.fault()).toBe(code);
  });

  it('opens no slice with another row key than it was made with, by which nobody would be found', () => {
    const { host, options, path } = setUp();
    const own = readFileSync(path('slice.key'), 'utf8');
    writeFileSync(path('slice.key'), `${'5a'.repeat(32)}\n`);
    registry = openRegistry(options, host);
    expect(registry.content()).toBeUndefined();
    expect(registry.fault()).toBe('slice-key-mismatch');
    writeFileSync(path('slice.key'), own);
    host.advance(2_000);
    expect(registry.fault()).toBeUndefined();
    expect(registry.content()).toBeDefined();
  });

  it('opens no slice whose manifest names no key, and says that the centre is to be updated', () => {
    const { host, options, path } = setUp();
    const envelopes = parseEnvelopes(readFileSync(path('slice.manifest.cose'), 'utf8'));
    const manifest = envelopes.ok ? parsePayload(envelopes.value[0], sliceManifestSchema) : envelopes;
    if (!manifest.ok) throw new Error(manifest.reason);
    const sliceKey = fromHex(readFileSync(path('upstream-keys/slice.key'), 'utf8').trim());
    const { keyCheck: _, ...without } = manifest.value;
    writeFileSync(path('slice.manifest.cose'), signStatement('slice-manifest', without, sliceKey));
    registry = openRegistry(options, host);
    expect(registry.content()).toBeUndefined();
    expect(registry.fault()).toBe('slice-outdated');
  });

  describe('under a newer manifest of the same rows', () => {
    /** What a centre does each day, and at each killed key. */
    const renew = (path: (name: string) => string, change: Partial<SliceManifest> = {}) => {
      const envelopes = parseEnvelopes(readFileSync(path('slice.manifest.cose'), 'utf8'));
      const manifest = envelopes.ok ? parsePayload(envelopes.value[0], sliceManifestSchema) : envelopes;
      if (!manifest.ok) throw new Error(manifest.reason);
      const sliceKey = fromHex(readFileSync(path('upstream-keys/slice.key'), 'utf8').trim());
      const version = manifest.value.version + 1;
      writeFileSync(path('fresh'), signStatement('slice-manifest', { ...manifest.value, version, ...change }, sliceKey));
      renameSync(path('fresh'), path('slice.manifest.cose'));
      return version;
    };
    const anybody = { cti: new Uint8Array(8), subject: new Uint8Array(12) };

    it('goes on with the slice that is open, and reads none of its rows again', () => {
      const { host, options, path } = setUp();
      const opened = openRegistry(options, host);
      registry = opened;
      const [held, watch] = [opened.content()?.slice.held, opened.content()?.watch];
      for (let day = 0; day < 3; day++) {
        const version = renew(path);
        host.advance(2_000);
        const now = opened.content();
        expect(now?.slice.manifest.version).toBe(version);
        expect([now?.slice.held, now?.watch]).toEqual([held, watch]);
        expect([opened.fault(), opened.changed()]).toEqual([undefined, undefined]);
        expect(now?.slice.lookup(anybody).status).toBe('clear');
      }
      // It is watched as before.
      appendFileSync(path('slice.db'), 'x');
      expect(opened.changed()).toBe('slice-changed');
    });

    it('is refused where it does not know the newest entry that was heard, though the file of the feed was lost', () => {
      const { host, options, path } = setUp();
      const state = new Map<string, unknown>();
      const memory = createFeedMemory({ get: (name) => state.get(name), set: (name, value) => void state.set(name, value) });
      const used = openRegistry(options, host);
      const manifest = used.content()?.slice.manifest;
      used.close();
      if (manifest === undefined) throw new Error('no slice');
      const { sliceId, storeId, generation, keyCheck, version } = manifest;
      const place = { sliceId, storeId, generation, keyCheck };
      const before = openLastingOverlay(path('feed.db'), memory, host);
      before.startFrom({ ...place, seq: 5 }, []);
      const dates = { version: 1, audience: 'k1', issuedAt: manifest.issuedAt, expires: manifest.expires };
      const entry = { kind: 'status', key: 'ef'.repeat(8), status: 'F0', fromDay: 0, untilDay: null } as const;
      const page = { ...place, ...dates, after: 5, upTo: 7, more: false, sliceVersion: version, requestDigest: '', nonce: '' };
      before.apply({ ...page, entries: [{ ...entry, seq: 7, prev: 5 }] }, true);
      before.close();
      for (const suffix of ['', '-wal', '-shm']) rmSync(path('feed.db') + suffix, { force: true });
      const overlay = openLastingOverlay(path('feed.db'), memory, host);
      const store = {
        ...{ storeId: () => storeId, noteUsed: () => undefined, stamp: () => '', unreadable: () => undefined },
        lastUsed: () => manifest,
      };
      const open = (earlierEntries: number[]) => {
        registry?.close();
        renew(path, { version: version + 1, feedSeq: 9, earlier: [version], earlierEntries });
        registry = openRegistry({ ...options, overlay, store }, host);
        return registry.fault();
      };
      expect(open([9, 6])).toBe('store-set-back');
      expect(open([9, 7])).toBeUndefined();
      overlay.close();
    });

    it('opens the slice anew where another file lies in its place', () => {
      const { host, options, path } = setUp();
      const opened = openRegistry(options, host);
      registry = opened;
      const held = opened.content()?.slice.held;
      copyFileSync(path('slice.db'), path('copy'));
      renameSync(path('copy'), path('slice.db'));
      const version = renew(path);
      host.advance(2_000);
      expect(opened.content()?.slice.manifest.version).toBe(version);
      expect(opened.content()?.slice.held === held).toBe(false);
      expect(opened.content()?.slice.lookup(anybody).status).toBe('clear');
    });

    it('takes no rows that were changed meanwhile', () => {
      const { host, options, path } = setUp();
      const opened = openRegistry(options, host);
      registry = opened;
      appendFileSync(path('slice.db'), 'x');
      renew(path);
      host.advance(2_000);
      expect([opened.content(), opened.fault()]).toEqual([undefined, 'slice-changed']);
    });
  });

  it.each(['keyring.cose', 'policy.cose', 'slice.db', 'slice.manifest.cose', 'slice.key'])(
    'is closed without %s and opens once it is there',
    (name) => {
      const { host, options, path } = setUp();
      renameSync(path(name), path('away'));
      registry = openRegistry(options, host);
      expect(registry.content()).toBeUndefined();
      renameSync(path('away'), path(name));
      host.advance(2_001);
      expect(registry.fault()).toBeUndefined();
      expect(registry.content()).toBeDefined();
    },
  );

  it('believes no slice overwritten in place, and keeps a good one that was replaced by a bad file', () => {
    const { host, options, path } = setUp();
    registry = openRegistry(options, host);
    writeFileSync(path('other'), 'not a database');
    copyFileSync(path('slice.db'), path('good'));
    renameSync(path('other'), path('slice.db'));
    host.advance(2_001);
    expect(registry.fault()).toBe('slice-corrupt');
    expect(registry.content()).toBeDefined();
    renameSync(path('good'), path('slice.db'));
    host.advance(2_001);
    expect(registry.fault()).toBeUndefined();
    appendFileSync(path('slice.db'), 'x');
    host.advance(2_001);
    expect(registry.content()).toBeUndefined();
  });

  it('refuses an older set, and the same version with other content', () => {
    const first = setUp();
    const sameVersion = setUp(mkdtempSync(join(folder, 'b-')), SIMULATED_START_MS, 2);
    const older = setUp(mkdtempSync(join(folder, 'a-')), SIMULATED_START_MS - 60_000, 3);
    openRegistry(first.options, first.host).close();
    for (const { options, host } of [older, sameVersion]) {
      const opened = openRegistry({ ...options, floor: first.options.floor }, host);
      expect(opened.content()).toBeUndefined();
      expect(opened.fault()).toBe('keyring-rollback');
      opened.close();
    }
  });

  it('believes no statement that is made out for somebody else', () => {
    const { host, options } = setUp();
    const other = createDemoKit(
      {
        folder,
        nowMs: SIMULATED_START_MS,
        demo: true,
        audience: 'gate-9',
        config: { 'camera.kind': 'replay', 'camera.source': 'x' },
      },
      host.random,
    );
    const parsed = parseConfig(readFileSync(other.configFile, 'utf8'));
    if (!parsed.ok) throw new Error(parsed.problems[0].key);
    const files = { ...options.files, root: parsed.config['keyring.root'] };
    registry = openRegistry({ ...options, files }, host);
    expect(registry.fault()).toBe('keyring-invalid');
    registry.close();
    registry = openRegistry({ ...options, files, audiences: ['gate-9'] }, host);
    expect(registry.fault()).toBeUndefined();
  });

  it('opens no real checkpoint with the keys of a demo', () => {
    const { host, options } = setUp();
    registry = openRegistry({ ...options, allowDemo: false }, host);
    expect(registry.fault()).toBe('keyring-invalid');
  });

  it('does not activate a policy whose own golden cases do not come out, and goes on with the one in use', () => {
    const { host, options } = setUp();
    registry = openRegistry(options, host);
    const before = registry.content()?.policy.version;
    const golden = [
      { rule: 'passes', expect: 'ok' },
      { rule: 'F2 is held', status: 'F2', expect: 'status-hold' },
    ];
    const renew = (afterMs: number, cases: readonly unknown[]) =>
      createDemoKit(
        { folder, nowMs: SIMULATED_START_MS + afterMs, demo: true, slice: false, policy: { golden: cases }, config: {} },
        host.random,
      );
    renew(60_000, golden);
    registry.refresh();
    expect(registry.fault()).toBe('policy-golden');
    expect(registry.content()?.policy.version).toBe(before);
    renew(120_000, [golden[0], { rule: 'F0 is held', status: 'F0', expect: 'status-hold' }]);
    registry.refresh();
    expect(registry.fault()).toBeUndefined();
    expect(registry.content()?.policy.version).toBeGreaterThan(before ?? 0);
  });
});
