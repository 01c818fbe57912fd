/** Every key exchanged while a kiosk was asleep: whole kiosk loops and a real centre over HTTP. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { type RotatedKeys, rotateEveryKey } from '../fixtures/rotate-keys.ts';
import { openTestCentre, projectedIds, type SyncedKiosk, type TestCentre } from '../fixtures/test-centre.ts';
import { offerKeyring, offerPolicy } from '../kiosk/registry/offer-statement.ts';
import { encodeClaims } from './credential/claims.ts';
import { signSign1 } from './credential/cose.ts';
import { readCredential, writeCp1 } from './credential/credential.ts';
import { readKeyring } from './credential/keyring.ts';
import { parseKeyringChain } from './credential/keyring-chain.ts';
import { createSigner } from './credential/signer.ts';
import { roleNames, signStatement } from './credential/statement.ts';
import { authorityDay } from './protocol/authority-time.ts';
import { sealKidOf } from './protocol/sealing.ts';

/** How long a kiosk that comes back may take until it works with what is new. */
const BOUND = { timeout: 30_000, interval: 20 };
const WAIT = { timeout: 15_000, interval: 20 };
let folder: string;
let centre: TestCentre;
let kiosk: SyncedKiosk | undefined;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'rotation-'));
  centre = await openTestCentre(folder);
});
afterEach(async () => {
  await kiosk?.close();
  kiosk = undefined;
  await centre.close();
  rmSync(folder, { recursive: true, force: true });
});

async function openKiosk(url?: string): Promise<SyncedKiosk> {
  kiosk = await centre.openSyncedKiosk('k1', url);
  return kiosk;
}

const isWhole = (one: SyncedKiosk) => one.registry.content() !== undefined && one.overlay.freshness() !== undefined;

/** The centre with other keys in all places, at the same address. */
async function rotate(): Promise<RotatedKeys> {
  const port = Number(new URL(centre.upstream.url).port);
  await centre.close();
  const rotated = rotateEveryKey(join(folder, 'kit'));
  // Versions are seconds: what is signed now must be newer than what was.
  await new Promise((resolve) => setTimeout(resolve, 1_100));
  centre = await openTestCentre(folder, port, undefined, rotated.prepare);
  return rotated;
}

const sealKids = () => {
  const database = new Database(join(folder, 'upstream/store.db'), { readonly: true });
  const kids = z.array(z.string()).parse(database.prepare('SELECT DISTINCT seal_kid FROM seal ORDER BY seal_kid').pluck().all());
  database.close();
  return kids;
};

/** A code of class 2 that the demo issuer with this seed signs, valid from `notBefore` on. */
function codeOf(seed: Uint8Array, notBefore: number): string {
  const claims = {
    ...{ expiresAt: notBefore + 86_400, notBefore, cti: new Uint8Array(8).fill(3), class: 2 as const },
    ...{ subject: new Uint8Array(12).fill(4), areas: [79], purpose: 1, declaredAt: notBefore },
  };
  return writeCp1(signSign1(encodeClaims(claims), seed));
}

describe('a kiosk that slept while every key was exchanged', () => {
  it('believes the new ones from its old pin, sends what it had recorded, and believes no old key', async () => {
    const before = await openKiosk();
    await expect.poll(() => isWhole(before), WAIT).toBe(true);
    const oldKeyring = before.registry.keyring();
    await before.close();
    kiosk = undefined;
    // Nobody hears what it records now; the seal is the old one.
    const cutOff = await openKiosk('http://127.0.0.1:9');
    const queued = cutOff.decide(40);
    await cutOff.close();
    kiosk = undefined;

    const { old, pin } = await rotate();
    const subject = new Uint8Array(12).fill(7);
    const today = authorityDay(Date.now() / 1000);
    const startedAtMs = Date.now();
    const after = await openKiosk();
    expect(after.registry.keyring()?.version).toBe(oldKeyring?.version);
    await expect.poll(() => isWhole(after) && after.registry.keyring()?.version !== oldKeyring?.version, BOUND).toBe(true);
    const tookMs = Date.now() - startedAtMs;
    expect(tookMs).toBeLessThan(BOUND.timeout);

    // Keyring, policy, slice, feed and time come from the new keys.
    const content = after.registry.content();
    const keyring = content?.keyring;
    for (const role of roleNames) {
      expect(
        [...(keyring?.roles[role].keys() ?? [])].some((kid) => oldKeyring?.roles[role].has(kid)),
        role,
      ).toBe(false);
      expect(keyring?.roles[role].size).toBe(1);
    }
    expect(Date.parse(content?.policy.issuedAt ?? '')).toBeGreaterThan(oldKeyring?.issuedAtMs ?? 0);
    await centre.store.changeRegistry([{ kind: 'status', pseudonym: subject, status: 'F0', fromDay: today, untilDay: undefined }], true, {
      atMs: Date.now(),
      actor: 'test',
      action: 'test',
      detail: '',
    });
    await expect.poll(() => after.status(subject)?.status, WAIT).toBe('F0');
    expect(after.time.state()).toBe('trusted');

    // What was queued is taken and opened, and what comes now is sealed to the new key.
    expect(keyring?.sealingKey).not.toEqual(oldKeyring?.sealingKey);
    const fresh = after.decide(10);
    await expect.poll(() => after.sync.push.state().waiting, WAIT).toBe(0);
    expect(await projectedIds(centre)).toEqual([...queued, ...fresh].sort());
    expect(await centre.store.counts()).toMatchObject({ quarantined: 0, unprojected: 0 });
    const kids = [oldKeyring, keyring].map((one) => sealKidOf(one?.sealingKey ?? new Uint8Array(32)));
    expect(sealKids()).toEqual(kids.sort());
    expect(await centre.store.alarms(9)).toEqual([]);

    // Issuers: codes from before the exchange count for their time; what the old key signs now does not.
    const nowS = Math.floor(Date.now() / 1000);
    const judge = (text: string) => {
      const read = readCredential(text, { trust: content?.trust() ?? new Map(), now: nowS + 60 });
      return read.ok ? 'ok' : read.reason;
    };
    const oldIssuer = old.get('issuer') ?? new Uint8Array(32);
    expect(judge(centre.kit.cases[0]?.text ?? '')).toBe('ok');
    expect(judge(codeOf(oldIssuer, nowS - 3_600))).toBe('ok');
    expect(judge(codeOf(oldIssuer, nowS + 30))).toBe('kid-retired');

    // Nothing that an old key signs is believed any more.
    const files = join(folder, 'k1');
    const chain = parseKeyringChain(readFileSync(join(files, 'keyring.cose'), 'utf8'));
    const newest = chain.ok ? chain.value.at(-1)?.body : undefined;
    if (keyring === undefined || newest === undefined) throw new Error('no keyring');
    const oldRoot = old.get('root') ?? new Uint8Array(32);
    const { publicKey } = createSigner(oldRoot);
    for (const roots of [newest.roots, [Buffer.from(publicKey).toString('hex')]]) {
      const stolen = `${signStatement('keyring', { ...newest, roots, version: newest.version + 100 } as typeof newest, oldRoot)}\n`;
      expect(offerKeyring(join(files, 'keyring.cose'), pin, stolen)).toBe(false);
      expect(offerKeyring(join(files, 'keyring.cose'), pin, `${readFileSync(join(files, 'keyring.cose'), 'utf8')}\n${stolen}`)).toBe(false);
    }
    const policy = content?.policy;
    if (policy === undefined) throw new Error('no policy');
    const oldRelease = old.get('release') ?? new Uint8Array(32);
    expect(
      offerPolicy(
        join(files, 'policy.cose'),
        keyring,
        signStatement('policy', { ...policy, version: policy.version + 100 } as typeof policy, oldRelease),
      ),
    ).toBe(false);
  }, 120_000);

  it('refuses a keyring file that the old root has begun anew, also after a restart', async () => {
    const before = await openKiosk();
    await expect.poll(() => isWhole(before), WAIT).toBe(true);
    const file = join(folder, 'k1/keyring.cose');
    const oldFile = readFileSync(file, 'utf8');
    const oldVersion = before.registry.keyring()?.version ?? 0;
    await before.close();
    const { old, pin } = await rotate();
    const after = await openKiosk();
    await expect.poll(() => isWhole(after) && (after.registry.keyring()?.version ?? 0) > oldVersion, BOUND).toBe(true);
    await after.close();
    kiosk = undefined;
    const chain = parseKeyringChain(oldFile);
    if (!chain.ok) throw new Error(chain.reason);
    const stolen = { ...chain.value[0].body, version: oldVersion + 1_000_000 };
    writeFileSync(file, `${oldFile}\n${signStatement('keyring', stolen, old.get('root') ?? new Uint8Array(32))}\n`);
    // Pin and file alone would believe it: what the kiosk has believed since does not.
    expect(readKeyring(readFileSync(file, 'utf8'), pin).ok).toBe(true);
    const misled = await openKiosk('http://127.0.0.1:9');
    expect(misled.registry.keyring()).toBeUndefined();
    expect(misled.registry.fault()).toBe('keyring-invalid');
  }, 120_000);

  it('enrols anew with its old pin', async () => {
    await rotate();
    await centre.openKiosk('k7').then((one) => one.close());
    expect((await centre.store.findKiosk('k7'))?.kioskId).toBe('k7');
  }, 60_000);
});

describe('a kiosk that is awake while every key is exchanged', () => {
  it('asks for the new keyring as soon as it hears a key that it does not know', async () => {
    const awake = await openKiosk();
    await expect.poll(() => isWhole(awake), WAIT).toBe(true);
    const version = awake.registry.keyring()?.version ?? 0;
    await rotate();
    await expect.poll(() => isWhole(awake) && (awake.registry.keyring()?.version ?? 0) > version, { ...BOUND, timeout: 60_000 }).toBe(true);
    awake.decide(3);
    await expect.poll(() => awake.sync.push.state().waiting, { ...WAIT, timeout: 60_000 }).toBe(0);
  }, 150_000);
});
