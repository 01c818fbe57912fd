/** What no policy can do, whoever signed it: the widest one that the schema takes, in a real registry before a real lane. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createDemoKit, type DemoKit } from '../fixtures/demo-kit.ts';
import { type OpenLane, openLane } from '../fixtures/open-lane.ts';
import { createSimulatedHost, SIMULATED_START_MS } from '../fixtures/simulated-host.ts';
import { fromHex } from '../sync/credential/bytes.ts';
import { type Claims, encodeClaims } from '../sync/credential/claims.ts';
import { signSign1 } from '../sync/credential/cose.ts';
import { writeCp1 } from '../sync/credential/credential.ts';
import { parseEnvelopes, parsePayload, signStatement } from '../sync/credential/statement.ts';
import { authorityDay } from '../sync/protocol/authority-time.ts';
import { goldenCaseSchema } from '../sync/protocol/golden-case.ts';
import { type Policy, policySchema } from '../sync/protocol/policy.ts';
import { type SliceManifest, type Status, sliceManifestSchema, sliceRowKey, statuses } from '../sync/protocol/slice.ts';
import { createSliceFile, describeSlice } from '../sync/slice/slice-file.ts';
import { openRegistry, type Registry } from './registry/registry.ts';

const nowS = SIMULATED_START_MS / 1000;
const ALL = [1, 2, 3, 4, 5, 6];
/** The greatest ages that the schema takes. */
const agesOf = (days: number) => {
  const ageS = days * 86_400;
  return { amberS: ageS, restrictedS: ageS, closedS: ageS, amberClasses: ALL, restrictedClasses: ALL };
};
const wideAges = { statuses: agesOf(30), revocations: agesOf(30), keys: agesOf(120) };
let folder: string;
let kit: DemoKit;
let registry: Registry;
let lane: OpenLane;
let policy: Policy;

const file = (name: string) => join(folder, name);
const key = (name: string) => fromHex(readFileSync(file(name), 'utf8').trim());
/** A person of each status, by their pseudonym. */
const subjectOf = (status: Status) => new Uint8Array(12).fill(statuses.indexOf(status) + 1);
const revokedCti = new Uint8Array(8).fill(9);
let codes = 0;

function code(change: Partial<Claims> = {}): string {
  const claims: Claims = {
    ...{ expiresAt: nowS + 86_400, notBefore: nowS - 3_600, cti: new Uint8Array(8).fill(20 + codes++), class: 2 },
    ...{ subject: new Uint8Array(12).fill(99), areas: [79], purpose: 1, declaredAt: nowS - 3_600, ...change },
  };
  return writeCp1(signSign1(encodeClaims(claims), key('offline-keys/issuer.key')));
}

function signedBody(name: string) {
  const envelopes = parseEnvelopes(readFileSync(file(name), 'utf8'));
  if (!envelopes.ok) throw new Error(envelopes.reason);
  return envelopes.value[0];
}

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'release-'));
  const host = createSimulatedHost();
  const config = { 'camera.kind': 'replay', 'camera.source': 'x' };
  kit = createDemoKit({ folder, nowMs: SIMULATED_START_MS, demo: true, config }, host.random);
  rmSync(file('slice.db'));
  createSliceFile(file('slice.db'), (rows) => {
    const today = authorityDay(nowS);
    for (const [number, status] of statuses.entries()) {
      if (status !== 'clear') rows.status(sliceRowKey(key('slice.key'), subjectOf(status)), number, today - 1, undefined);
    }
    rows.revoked(revokedCti, nowS + 86_400);
  });
  const before = parsePayload(signedBody('slice.manifest.cose'), sliceManifestSchema);
  const demo = parsePayload(signedBody('policy.cose'), policySchema);
  if (!before.ok || !demo.ok) throw new Error('the kit is not as it should be');
  const manifest: SliceManifest = { ...before.value, ...describeSlice(file('slice.db')) };
  writeFileSync(file('slice.manifest.cose'), signStatement('slice-manifest', manifest, key('upstream-keys/slice.key')));
  policy = {
    ...demo.value,
    access: [{ classes: ALL }],
    curfews: [],
    staleness: wideAges,
    declarationAgeS: { default: null, byClass: {} },
    alsoHold: [],
    plateUnchecked: 'pass-flagged',
    antiPassbackS: { default: 0, byClass: {} },
    repeatS: 0,
    paperClasses: ALL,
    askIdClasses: [],
    passOnUnknownClock: true,
    golden: [
      goldenCaseSchema.parse({ rule: 'passes', expect: 'ok' }),
      goldenCaseSchema.parse({ rule: 'F0', status: 'F0', expect: 'status-hold' }),
    ],
  };
  writeFileSync(file('policy.cose'), signStatement('policy', policy, key('offline-keys/release.key')));
  registry = openRegistry(
    {
      files: {
        keyring: file('keyring.cose'),
        root: kit.upstream.root,
        policy: file('policy.cose'),
        slice: { database: file('slice.db'), manifest: file('slice.manifest.cose'), key: file('slice.key') },
      },
      floor: { get: () => undefined, raise: () => undefined },
      audiences: [],
      allowDemo: true,
    },
    host,
  );
  lane = openLane(registry, file('lane'), host);
});
afterAll(async () => {
  await lane.close();
  registry.close();
  rmSync(folder, { recursive: true, force: true });
});

describe('the widest policy that a stolen release key can sign', () => {
  it('is in use, and passes whom it may', async () => {
    expect(registry.content()?.policy).toEqual(policy);
    expect(await lane.hold(code())).toBe('pass ok');
    expect(await lane.hold(code({ declaredAt: nowS - 30 * 86_400, subject: new Uint8Array(12).fill(98) }))).toBe('pass ok');
    expect(await lane.hold(code({ subject: subjectOf('F2') }))).toBe('pass ok');
    expect(await lane.hold(code({ subject: subjectOf('F3') }))).toBe('pass ok');
  });

  it.each(['F0', 'F1', 'hold', 'deceased'] as const)('passes nobody who is %s', async (status) => {
    for (let credentialClass = 1; credentialClass <= 6; credentialClass++) {
      const plate = credentialClass === 3 || credentialClass === 4 ? { plateTag: new Uint8Array(4) } : {};
      expect(await lane.hold(code({ subject: subjectOf(status), class: credentialClass, ...plate }))).toBe('see-staff status-hold');
    }
  });

  it('passes no code without a signature, nor one that another key has signed', async () => {
    const text = (name: string) => kit.cases.find((person) => person.case === name)?.text ?? '';
    expect(await lane.hold(text('bank'))).toBe('see-staff prefix-unknown');
    expect(await lane.hold(text('forged'))).toBe('deny sig-invalid');
    const claims = {
      expiresAt: nowS + 60,
      notBefore: nowS,
      cti: revokedCti,
      class: 2,
      subject: subjectOf('clear'),
      areas: [79],
      purpose: 1,
    };
    const payload = encodeClaims({ ...claims, declaredAt: nowS });
    expect(await lane.hold(writeCp1(signSign1(payload, key('offline-keys/release.key'))))).toBe('deny kid-unknown');
  });

  it('passes no code outside its time, its place or its issuer, and none that was revoked', async () => {
    const issued = Math.floor(nowS) - 86_400;
    expect(await lane.hold(code({ notBefore: issued, expiresAt: nowS - 1 }))).toBe('deny expired');
    expect(await lane.hold(code({ notBefore: nowS + 3_600, expiresAt: nowS + 7_200 }))).toBe('deny not-yet-valid');
    expect(await lane.hold(code({ expiresAt: nowS + 8 * 86_400 }))).toBe('deny validity-range');
    expect(await lane.hold(code({ areas: [1] }))).toMatch(/^(deny|see-staff) area-not-permitted$/);
    expect(await lane.hold(code({ cti: revokedCti }))).toBe('deny revoked');
  });

  it.each([
    ['that it is its to say who of the F0 is held', { alsoHold: ['F0'] }],
    ['ages that fall', { staleness: { ...wideAges, keys: { amberS: 3, restrictedS: 2, closedS: 1 } } }],
    ['statuses that are never too old', { staleness: { ...wideAges, statuses: agesOf(31) } }],
    ['revocations that are never too old', { staleness: { ...wideAges, revocations: agesOf(31) } }],
    ['keys that are never too old', { staleness: { ...wideAges, keys: agesOf(121) } }],
    ['a class that is none', { paperClasses: [7] }],
    ['what no schema knows', { passWithoutSignature: true }],
  ])('cannot say: %s', (_name, change) => {
    expect(policySchema.safeParse({ ...policy, ...change }).success).toBe(false);
  });
});
