/** `bench trust`: what the path spends on trust for one code: reading and verifying it, looking it up, deciding. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import nacl from 'tweetnacl';
import { nodeClock, nodeRandom } from '../../config/host/node-host.ts';
import { parseConfig } from '../../config/options/parse-config.ts';
import { silentLog } from '../../config/ports/log.ts';
import { createDemoKit } from '../../fixtures/demo-kit.ts';
import { type DecisionContext, decide } from '../../kiosk/decision/decide.ts';
import { openRegistry } from '../../kiosk/registry/registry.ts';
import { openSlice, type RegistrySlice } from '../../kiosk/registry/registry-slice.ts';
import { toHex } from '../../sync/credential/bytes.ts';
import { keyId } from '../../sync/credential/cose.ts';
import { readCredential } from '../../sync/credential/credential.ts';
import { type Ed25519Backend, openEd25519 } from '../../sync/credential/ed25519.ts';
import { signStatement } from '../../sync/credential/statement.ts';
import { type SliceManifest, sliceKeyCheck, statuses } from '../../sync/protocol/slice.ts';
import { createSliceFile, describeSlice } from '../../sync/slice/slice-file.ts';
import type { BenchResult, Metric } from './stats.ts';
import { metric, timeCalls } from './stats.ts';

const ROWS = 100_000;
const CALLS = 3_000;
const NACL_CALLS = 200;

export async function benchTrust(say: (line: string) => void): Promise<BenchResult> {
  const folder = mkdtempSync(join(tmpdir(), 'bench-trust-'));
  const host = { clock: nodeClock, random: nodeRandom, log: silentLog };
  const nowMs = nodeClock.wallMs();
  try {
    const kit = createDemoKit({ folder, nowMs, demo: true, config: { 'camera.kind': 'replay', 'camera.source': 'none' } }, nodeRandom);
    const parsed = parseConfig(readFileSync(kit.configFile, 'utf8'));
    if (!parsed.ok) throw new Error(parsed.problems[0].key);
    const file = (name: string) => join(folder, name);
    const registry = openRegistry(
      {
        files: {
          keyring: file('keyring.cose'),
          root: parsed.config['keyring.root'],
          policy: file('policy.cose'),
          slice: { database: file('slice.db'), manifest: file('slice.manifest.cose'), key: file('slice.key') },
        },
        floor: { get: () => undefined, raise: () => undefined },
        audiences: ['k1'],
        allowDemo: true,
      },
      host,
    );
    const content = registry.content();
    const text = kit.cases[0]?.text ?? '';
    if (content === undefined) throw new Error('the demo registry does not open');
    const now = Math.floor(nowMs / 1000);
    const read = readCredential(text, { trust: content.trust(), now });
    if (!read.ok) throw new Error(read.reason);

    say(`building a slice of ${ROWS} rows`);
    const big = bigSlice(folder);
    const claims = Array.from({ length: CALLS }, () => ({ ...read.value.claims, subject: nodeRandom.bytes(12), cti: nodeRandom.bytes(8) }));
    const context: DecisionContext = {
      nowMs,
      policy: content.policy,
      area: 79,
      direction: 'in',
      surroundings: { clock: 'unknown', grades: { statuses: 'fresh', revocations: 'fresh', keys: 'fresh' }, trustExpired: false },
    };
    const reuse = { credentialPassedAtMs: undefined, subjectPassedAtMs: undefined, uses: 0, step: undefined, nobodyBetween: false };
    const slice = content.slice.lookup(read.value.claims);
    const time = (calls: number, call: (index: number) => unknown) => metric(timeCalls(nodeClock.monotonicMs, calls, call), 'us');

    say('timing');
    const results: Record<string, Metric> = {
      'control: nothing': time(CALLS, () => undefined),
      'read and verify a static code': time(CALLS, () => readCredential(text, { trust: content.trust(), now })),
      'look up in the slice (100,000 rows)': time(CALLS, (index) => big.lookup(claims[index] ?? read.value.claims)),
      decide: time(CALLS, () => decide({ kind: 'code', read, slice, reuse }, context)),
      'Ed25519, native back end': time(CALLS, verifyWith('native')),
      'Ed25519, tweetnacl back end': time(NACL_CALLS, verifyWith('tweetnacl')),
    };
    big.close();
    registry.close();
    return { name: 'trust', results };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** A slice of one region's size, vouched for by a key made for this run. */
function bigSlice(folder: string): RegistrySlice {
  const key = nodeRandom.bytes(32);
  const files = { database: join(folder, 'big.db'), manifest: join(folder, 'big.cose'), key: join(folder, 'big.key') };
  createSliceFile(files.database, (rows) => {
    for (let index = 0; index < ROWS; index++) rows.status(nodeRandom.bytes(8), statuses.indexOf('F1'), 1, undefined);
  });
  const header = { version: 1, issuedAt: '2026-01-01T00:00:00Z', expires: '2036-01-01T00:00:00Z', audience: '*' };
  const seed = nodeRandom.bytes(32);
  const manifest: SliceManifest = {
    ...header,
    sliceId: 'bench',
    storeId: '0'.repeat(32),
    generation: 1,
    keyCheck: sliceKeyCheck(key),
    ...describeSlice(files.database),
    feedSeq: 0,
    killedKeys: [],
  };
  writeFileSync(files.manifest, signStatement('slice-manifest', manifest, seed));
  writeFileSync(files.key, toHex(key));
  const { publicKey } = nacl.sign.keyPair.fromSeed(seed);
  return openSlice(files, new Map([[toHex(keyId(publicKey)), publicKey]]));
}

function verifyWith(backend: Ed25519Backend): () => boolean {
  const verifier = openEd25519(backend);
  if (verifier === undefined) throw new Error(`${backend} fails its self-test`);
  // RFC 8032 section 7.1, TEST 2.
  const key = Buffer.from('3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c', 'hex');
  const signature = Buffer.from(
    '92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00',
    'hex',
  );
  const message = Uint8Array.of(0x72);
  return () => verifier.check(message, new Uint8Array(signature), new Uint8Array(key)) === undefined;
}
