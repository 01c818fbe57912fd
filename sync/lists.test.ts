/** From the registry to the kiosk's decision: slice, feed and time, over real HTTP. */
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { extname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openTamperingProxy, type TamperingProxy } from '../fixtures/tampering-proxy.ts';
import { openTestCentre, quietHost, type SyncedKiosk, type TestCentre } from '../fixtures/test-centre.ts';
import { fromHex, toHex } from './credential/bytes.ts';
import { keyId } from './credential/cose.ts';
import { readCredential } from './credential/credential.ts';
import type { KeyringBody } from './credential/keyring-body.ts';
import { parseKeyringChain } from './credential/keyring-chain.ts';
import { roleNames, signStatement } from './credential/statement.ts';
import { authorityDay } from './protocol/authority-time.ts';
import { subjectPseudonym } from './protocol/tags.ts';
import { importCsv } from './upstream/registry/import-csv.ts';
import type { RegistryChange } from './upstream/store/store.ts';

const WAIT = { timeout: 24_000, interval: 20 };
const subject = new Uint8Array(12).fill(7);
const cti = new Uint8Array(8).fill(9);
const today = authorityDay(Date.now() / 1000);
const f0: RegistryChange = { kind: 'status', pseudonym: subject, status: 'F0', fromDay: today, untilDay: today + 14 };
const clear: RegistryChange = { kind: 'status', pseudonym: subject, status: 'clear', fromDay: 0, untilDay: undefined };
let folder: string;
let centre: TestCentre;
const open: SyncedKiosk[] = [];

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'lists-'));
  centre = await openTestCentre(folder);
});

afterEach(async () => {
  for (const kiosk of open.splice(0)) await kiosk.close();
  await centre.close();
  rmSync(folder, { recursive: true, force: true });
});

/** A centre that publishes changes at once, not by the feed alone. */
async function openQuickCentre(): Promise<void> {
  await centre.close();
  centre = await openTestCentre(folder, 0, 200);
}

async function openKiosk(name = 'k1'): Promise<SyncedKiosk> {
  const kiosk = await centre.openSyncedKiosk(name);
  open.push(kiosk);
  await expect.poll(() => kiosk.registry.content() !== undefined && kiosk.overlay.freshness() !== undefined, WAIT).toBe(true);
  return kiosk;
}

const change = (changes: readonly RegistryChange[], urgent = true) =>
  centre.store.changeRegistry(changes, urgent, { atMs: Date.now(), actor: 'test', action: 'test', detail: '' });

/** Ends of the names of what the kiosk keeps of slices. */
const kept = () =>
  readdirSync(join(folder, 'k1/slices'))
    .map((name) => extname(name))
    .sort();

/** Pseudonyms in the registry that a default slice would list. */
const listed = () => {
  const pseudonyms: string[] = [];
  centre.store.exportRegistry(0, [], { status: ({ pseudonym }) => pseudonyms.push(toHex(pseudonym)), revoked: () => undefined });
  return pseudonyms;
};

describe('a kiosk that has nothing but its keyring', () => {
  it('fetches policy, slice and key, and knows the time', async () => {
    await openQuickCentre();
    await change([f0], false);
    const kiosk = await openKiosk();
    // Where the first slice was built before the change, the next one is heard of when a wait of 25 s is over.
    await expect.poll(() => kiosk.status(subject)?.status, { timeout: 40_000, interval: 50 }).toBe('F0');
    expect(kiosk.registry.content()?.policy.id).toBe('demo');
    expect(kiosk.time.state()).toBe('trusted');
    expect(Math.abs(kiosk.time.nowMs() - Date.now())).toBeLessThan(5_000);
    expect(kiosk.registry.content()?.freshAtMs()).toBeGreaterThan(Date.now() - 60_000);
    expect(kiosk.sync.pull.failure()).toBeUndefined();
  }, 120_000);

  it('keeps one slice and one key', async () => {
    await openQuickCentre();
    const kiosk = await openKiosk();
    const first = kiosk.registry.content()?.slice.manifest.version;
    // A kiosk that waits hears of a new slice when its wait of 25 s is over; only what is urgent cuts it short.
    await change([f0], false);
    await expect
      .poll(() => kiosk.registry.content()?.slice.manifest.version, { timeout: 40_000, interval: 50 })
      .toBeGreaterThan(first ?? 0);
    expect(kiosk.status(subject)?.status).toBe('F0');
    expect(kept()).toEqual(['.db', '.key', '.sha256']);
  }, 120_000);
});

describe('the next slice', () => {
  const many = Array.from({ length: 3_000 }, (_, index): RegistryChange => {
    const pseudonym = new Uint8Array(12).fill(1);
    new DataView(pseudonym.buffer).setUint32(0, index + 1);
    return { kind: 'status', pseudonym, status: 'F1', fromDay: today, untilDay: undefined };
  });
  let proxy: TamperingProxy;
  let kiosk: SyncedKiosk;
  const bytes = (part: string) => [...proxy.sent].reduce((sum, [path, length]) => sum + (path.includes(part) ? length : 0), 0);
  const version = () => kiosk.registry.content()?.slice.manifest.version ?? 0;
  const publish = async () => {
    const before = version();
    const ask = () => {
      kiosk.sync.pull.wake();
      return version();
    };
    await expect.poll(ask, { timeout: 50_000, interval: 100 }).toBeGreaterThan(before);
  };

  beforeEach(async () => {
    await openQuickCentre();
    proxy = await openTamperingProxy(centre.upstream.url);
    await change(many, false);
    kiosk = await centre.openSyncedKiosk('k1', proxy.url);
    open.push(kiosk);
    await expect.poll(() => (kiosk.registry.content()?.slice.manifest.rows.status ?? 0) === many.length, { timeout: 50_000 }).toBe(true);
    proxy.sent.clear();
  });
  afterEach(() => proxy.close());

  it('is made from the one in use and what has changed', async () => {
    await change([f0, ...many.slice(0, 10).map((one) => ({ ...one, status: 'clear' as const }))], false);
    await publish();
    expect(kiosk.status(subject)?.status).toBe('F0');
    expect(kiosk.registry.content()?.slice.manifest.rows.status).toBe(2_991);
    expect(bytes('/snapshots/')).toBe(0);
    expect(bytes('/deltas/')).toBeLessThan(4_096);
    expect(kept()).toEqual(['.db', '.key', '.sha256']);
    open.pop();
    await kiosk.close();
    expect((await openKiosk()).status(subject)?.status).toBe('F0');
  }, 120_000);

  it('is the whole snapshot where the changes do not arrive as they were signed', async () => {
    proxy.tamper = (path, body) => (path.includes('/deltas/') ? Buffer.alloc(body.length) : body);
    await change([f0], false);
    await publish();
    expect(kiosk.status(subject)?.status).toBe('F0');
    expect(bytes('/snapshots/')).toBeGreaterThan(0);
    expect(kept()).toEqual(['.db', '.key', '.sha256']);
  }, 120_000);

  it('is not taken where no file is the one that was signed, and the one in use stays', async () => {
    const before = version();
    proxy.tamper = (path, body) => {
      if (!/deltas|snapshots/.test(path)) return body;
      const flipped = Buffer.from(body);
      flipped[flipped.length - 1] = (flipped[flipped.length - 1] ?? 0) ^ 1;
      return flipped;
    };
    await change([f0], false);
    const ask = () => {
      kiosk.sync.pull.wake();
      return kiosk.sync.pull.failure();
    };
    await expect.poll(ask, { timeout: 50_000, interval: 100 }).toContain('not the file that its manifest names');
    expect(version()).toBe(before);
    expect(kiosk.status(subject)?.status).toBe('clear');
  }, 120_000);

  it('goes on with a download where it was cut off', async () => {
    let cuts = 0;
    proxy.tamper = (path, body) => {
      if (path.includes('/deltas/')) return Buffer.alloc(0);
      return path.includes('/snapshots/') && cuts++ === 0 ? undefined : body;
    };
    await change([f0], false);
    await publish();
    expect(cuts).toBe(2);
    const { lengthBytes } = kiosk.registry.content()?.slice.manifest.snapshot ?? { lengthBytes: 0 };
    expect(bytes('/snapshots/')).toBe(lengthBytes);
  }, 120_000);

  it('is fetched anew where the file in its place is not whole', async () => {
    open.pop();
    await kiosk.close();
    const slices = join(folder, 'k1/slices');
    const file = join(slices, readdirSync(slices).find((name) => name.endsWith('.db')) ?? '');
    const damaged = readFileSync(file);
    damaged[5_000] = (damaged[5_000] ?? 0) ^ 1;
    writeFileSync(file, damaged);
    kiosk = await centre.openSyncedKiosk('k1', proxy.url);
    open.push(kiosk);
    await expect.poll(() => kiosk.registry.content() !== undefined, { timeout: 50_000 }).toBe(true);
    expect(readFileSync(file)).not.toEqual(damaged);
  }, 120_000);
});

describe('a slice of a region', () => {
  it('has everybody of the region, and of all others whoever is not clear', async () => {
    await openQuickCentre();
    const local = { ...clear, pseudonym: new Uint8Array(12).fill(2), region: 79 };
    const foreign = { ...clear, pseudonym: new Uint8Array(12).fill(3), region: 1 };
    await change([f0, local, foreign], false);
    await expect.poll(async () => (await centre.store.publishedSlices('hcmc', 1))[0]?.body.rows.status, { timeout: 50_000 }).toBe(2);
    expect((await centre.store.publishedSlices('default', 1))[0]?.body.rows.status).toBe(1);
    // Where a person lives is kept through a change that does not say.
    await change([{ ...local, status: 'hold', region: undefined }], false);
    await change([{ ...local, region: undefined }], false);
    await expect
      .poll(async () => (await centre.store.publishedSlices('default', 1))[0]?.revision, { timeout: 50_000 })
      .toBe(await centre.store.registryRevision());
    await expect.poll(async () => (await centre.store.publishedSlices('hcmc', 1))[0]?.body.rows.status, { timeout: 50_000 }).toBe(2);
  }, 120_000);
});

describe('the feed', () => {
  it('brings a hold and its end to the kiosk, one after the other', async () => {
    const kiosk = await openKiosk();
    expect(kiosk.status(subject)?.status).toBe('clear');
    await change([f0]);
    await expect.poll(() => kiosk.status(subject), WAIT).toMatchObject({ status: 'F0', fromDay: today, untilDay: today + 14 });
    await change([clear]);
    await expect.poll(() => kiosk.status(subject)?.status, WAIT).toBe('clear');
  });

  it('brings a revocation and its release', async () => {
    const kiosk = await openKiosk();
    await change([{ kind: 'revoked', cti, expiresAt: Math.floor(Date.now() / 1000) + 1_000 }]);
    await expect.poll(() => kiosk.status(subject, cti)?.revoked, WAIT).toBe(true);
    await change([{ kind: 'released', cti }]);
    await expect.poll(() => kiosk.status(subject, cti)?.revoked, WAIT).toBe(false);
  });

  it('outlives a restart, without asking again', async () => {
    const kiosk = await openKiosk();
    await change([f0]);
    await expect.poll(() => kiosk.status(subject)?.status, WAIT).toBe('F0');
    const cursor = kiosk.overlay.cursor();
    open.pop();
    await kiosk.close();
    const again = await openKiosk();
    expect(again.status(subject)?.status).toBe('F0');
    expect(again.overlay.cursor()).toEqual(cursor);
  });

  it('brings many entries in pages', async () => {
    const many = Array.from({ length: 1_203 }, (_, index): RegistryChange => {
      const pseudonym = new Uint8Array(12);
      new DataView(pseudonym.buffer).setUint32(0, index + 1);
      return { kind: 'status', pseudonym, status: 'hold', fromDay: today, untilDay: undefined };
    });
    const kiosk = await openKiosk();
    await change(many);
    const head = await centre.store.feedHead();
    await expect.poll(() => kiosk.overlay.cursor()?.seq, WAIT).toBe(head);
    for (const one of many) if (one.kind === 'status') expect(kiosk.status(one.pseudonym)?.status).toBe('hold');
  });

  it('says nothing twice: a change that changes nothing has no entry', async () => {
    expect(await change([f0])).toBe(1);
    expect(await change([f0])).toBe(0);
    expect(await centre.store.feedAfter(0, 10)).toHaveLength(1);
  });

  it('tells nobody who it is: no entry holds a pseudonym', async () => {
    const kiosk = await openKiosk();
    await change([f0]);
    await expect.poll(() => kiosk.status(subject)?.status, WAIT).toBe('F0');
    const stored =
      readFileSync(join(folder, 'k1/feed.db')).toString('latin1') + readFileSync(join(folder, 'k1/feed.db-wal')).toString('latin1');
    expect(stored).toContain('"kind":"status"');
    expect(stored).not.toContain(toHex(subject));
  });
});

describe('a key of an issuer that is killed at the centre', () => {
  const text = () => centre.kit.cases.find((person) => person.case === 'valid')?.text ?? '';
  const readBy = (kiosk: SyncedKiosk) => {
    const trust = kiosk.registry.content()?.trust() ?? new Map();
    const read = readCredential(text(), { trust, now: Math.floor(Date.now() / 1000) });
    return read.ok ? 'ok' : read.reason;
  };
  const issuerKid = (kiosk: SyncedKiosk) => {
    const [kid] = [...(kiosk.registry.keyring()?.trust.keys() ?? [])];
    if (kid === undefined) throw new Error('no issuer');
    return kid;
  };
  const kill = (kid: string, urgent = true) => change([{ kind: 'key-killed', kid: fromHex(kid) }], urgent);

  it('makes its codes count no more at once, and stays so through a restart and the next slices', async () => {
    const kiosk = await openKiosk();
    expect(readBy(kiosk)).toBe('ok');
    const roles = kiosk.registry.keyring()?.roles;
    expect(await kill(issuerKid(kiosk))).toBe(1);
    await expect.poll(() => readBy(kiosk), WAIT).toBe('kid-revoked');
    expect(kiosk.registry.keyring()?.roles).toEqual(roles);
    expect(await kill(issuerKid(kiosk))).toBe(0);
    open.pop();
    await kiosk.close();
    const again = await openKiosk();
    expect(readBy(again)).toBe('kid-revoked');
    const before = again.registry.content()?.slice.manifest.version ?? 0;
    await centre.upstream.publish();
    again.sync.pull.wake();
    await expect.poll(() => again.registry.content()?.slice.manifest.version, WAIT).toBeGreaterThan(before);
    expect(readBy(again)).toBe('kid-revoked');
  }, 60_000);

  it('reaches by the slice alone who has never heard the feed', async () => {
    const first = await openKiosk();
    // Nobody may make a kill that waits for the next slice.
    await kill(issuerKid(first), false);
    expect((await centre.store.feedAfter(0, 10)).map(({ kind }) => kind)).toEqual(['key-killed']);
    await centre.upstream.publish();
    const late = await openKiosk('k2');
    expect(late.registry.content()?.slice.manifest.killedKeys).toEqual([issuerKid(first)]);
    expect(late.registry.content()?.slice.manifest.feedSeq).toBe(await centre.store.feedHead());
    expect(readBy(late)).toBe('kid-revoked');
  }, 60_000);

  it('is named by the slices until the keyring of the centre revokes it', async () => {
    await openQuickCentre();
    const named = async () => (await centre.store.publishedSlices('default', 1))[0]?.body.killedKeys;
    const file = centre.kit.upstream.keyring;
    const chain = parseKeyringChain(readFileSync(file, 'utf8'));
    if (!chain.ok) throw new Error(chain.reason);
    const [{ body }] = chain.value;
    const kid = toHex(keyId(fromHex(body.issuers[0]?.key ?? '')));
    await kill(kid);
    await expect.poll(named, WAIT).toEqual([kid]);
    const issuers = body.issuers.map((issuer) => ({ ...issuer, status: 'revoked' as const }));
    const revoking: KeyringBody = { ...body, version: body.version + 10, issuers };
    const root = fromHex(readFileSync(join(centre.kit.folder, 'offline-keys/root.key'), 'utf8').trim());
    writeFileSync(file, `${signStatement('keyring', revoking, root)}\n`);
    await expect.poll(named, WAIT).toEqual([]);
  }, 60_000);

  it('kills no key that signs lists', async () => {
    const kiosk = await openKiosk();
    const roles = kiosk.registry.keyring()?.roles;
    if (roles === undefined) throw new Error('no keyring');
    const kids = roleNames.flatMap((role) => [...roles[role].keys()]);
    await change(kids.map((kid) => ({ kind: 'key-killed', kid: fromHex(kid) })));
    await expect.poll(() => kiosk.overlay.killed().size, WAIT).toBe(kids.length);
    await change([f0]);
    await expect.poll(() => kiosk.status(subject)?.status, WAIT).toBe('F0');
    expect(readBy(kiosk)).toBe('ok');
    expect(kiosk.registry.keyring()?.roles).toEqual(roles);
    // A slice names only those that the keyring lists as issuers.
    await centre.upstream.publish();
    expect((await centre.store.publishedSlices('default', 1))[0]?.body.killedKeys).toEqual([]);
  }, 60_000);
});

describe('a centre that was set back to a backup', () => {
  it('still stops who is held from then on, and its kiosk does not take its lists for whole', async () => {
    const port = Number(new URL(centre.upstream.url).port);
    await centre.close();
    cpSync(join(folder, 'upstream'), join(folder, 'backup'), { recursive: true });
    centre = await openTestCentre(folder, port);
    const kiosk = await openKiosk();
    const lost = { ...f0, pseudonym: new Uint8Array(12).fill(1) };
    await change([lost]);
    await expect.poll(() => kiosk.status(lost.pseudonym)?.status, WAIT).toBe('F0');
    await centre.close();
    rmSync(join(folder, 'upstream'), { recursive: true });
    cpSync(join(folder, 'backup'), join(folder, 'upstream'), { recursive: true });
    centre = await openTestCentre(folder, port);
    await centre.openKiosk('k1').then((again) => again.close());
    // From here on a page has an entry that does not follow the last one that the kiosk has.
    const changedAtMs = Date.now();
    await change([f0]);
    await expect.poll(() => kiosk.status(subject)?.status, { timeout: 50_000, interval: 50 }).toBe('F0');
    expect(kiosk.status(lost.pseudonym)?.status).toBe('F0');
    expect(kiosk.overlay.freshness()?.issuedAtMs).toBeLessThan(changedAtMs);
  }, 120_000);
});

describe('a page of the feed', () => {
  it('is applied only where it follows', async () => {
    const kiosk = await openKiosk();
    const cursor = kiosk.overlay.cursor();
    if (cursor === undefined) throw new Error('no cursor');
    const page = {
      version: 1,
      issuedAt: new Date().toISOString(),
      expires: new Date().toISOString(),
      audience: 'k1',
      sliceId: cursor.sliceId,
      storeId: cursor.storeId,
      generation: cursor.generation,
      keyCheck: cursor.keyCheck,
      after: cursor.seq + 1,
      upTo: cursor.seq + 1,
      entries: [],
      more: false,
      sliceVersion: 1,
      requestDigest: '',
      nonce: '',
    };
    expect(() => kiosk.overlay.apply(page, true)).toThrow('does not follow');
    expect(() => kiosk.overlay.apply({ ...page, after: cursor.seq, keyCheck: '0'.repeat(16) }, true)).toThrow('does not follow');
    expect(kiosk.overlay.cursor()).toEqual(cursor);
  });
});

describe('an import', () => {
  const key = new Uint8Array(32).fill(4);
  const rowsOf = (count: number) =>
    Array.from({ length: count }, (_, index) => `${String(79_000_000_000 + index).padStart(12, '0')},,F1,2026-01-02,2026-12-31`);
  const run = (file: string, dryRun = false) => {
    const bad: string[] = [];
    const options = {
      file,
      subjectKey: key,
      actor: 'test',
      dryRun,
      onBadRow: (line: number, reason: string) => bad.push(`${line} ${reason}`),
      onProgress() {},
    };
    return importCsv(centre.store, options, quietHost).then((result) => ({ ...result, reasons: bad }));
  };

  it('brings good rows in, names bad ones by line, and changes nothing the second time', async () => {
    const file = join(folder, 'people.csv');
    const bad = [
      '123,,F0,,',
      ',?,F0,,',
      '079000000001,,F9,,',
      '079000000001,,F0,2026-02-31,',
      '079000000001,,F0,2026-03-02,2026-03-01',
      ',,F0,,',
    ];
    writeFileSync(
      file,
      `\uFEFFid;plate;status;from;until\r\n${[...rowsOf(3), ...bad, ',59-C1 123.45,hold,,'].join('\r\n').replaceAll(',', ';')}\r\n`,
    );
    const reasons = ['5 id-form', '6 plate-form', '7 status-unknown', '8 date-form', '9 date-order', '10 subject-missing'];
    expect(await run(file, true)).toEqual({ rows: 10, changed: 0, bad: 6, resumed: 0, reasons });
    expect(listed()).toEqual([]);
    expect(await run(file)).toEqual({ rows: 10, changed: 4, bad: 6, resumed: 0, reasons });
    expect(await run(file)).toEqual({ rows: 10, changed: 0, bad: 6, resumed: 0, reasons });
    expect(listed()).toContain(toHex(subjectPseudonym(key, '59C112345')));
    expect(await centre.store.feedHead()).toBe(0);
    expect((await centre.store.audit(5))[0]).toMatchObject({ actor: 'test', action: 'import' });
  });

  it('goes on where it was cut off', async () => {
    const file = join(folder, 'people.csv');
    writeFileSync(file, `id,plate,status,from,until\n${rowsOf(3_500).join('\n')}\n`);
    const { store } = centre;
    let calls = 0;
    const cut = {
      ...store,
      changeRegistry: (...args: Parameters<typeof store.changeRegistry>) => {
        if (++calls > 2) throw new Error('cut off');
        return store.changeRegistry(...args);
      },
    };
    const options = { file, subjectKey: key, actor: 'test', dryRun: false, onBadRow() {}, onProgress() {} };
    await expect(importCsv(cut, options, quietHost)).rejects.toThrow('cut off');
    expect(await run(file)).toMatchObject({ rows: 3_500, changed: 1_500, resumed: 2_000, bad: 0 });
    expect(listed()).toHaveLength(3_500);
  });

  it('refuses a file without the columns it needs', async () => {
    const file = join(folder, 'people.csv');
    writeFileSync(file, 'name,phone\nA,1\n');
    expect(await run(file)).toMatchObject({ rows: 0, bad: 1, reasons: ['1 columns'] });
  });
});
