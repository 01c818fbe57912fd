import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { silentLog } from '../../config/ports/log.ts';
import { toHex } from '../../sync/credential/bytes.ts';
import { keyId } from '../../sync/credential/cose.ts';
import type { Keyring } from '../../sync/credential/keyring.ts';
import { createSigner, type Signer } from '../../sync/credential/signer.ts';
import { signStatement } from '../../sync/credential/statement.ts';
import { createTrustedStore } from './trusted-store.ts';

const [fleet, other] = [createSigner(new Uint8Array(32).fill(1)), createSigner(new Uint8Array(32).fill(2))];
const [A, B] = ['a'.repeat(32), 'b'.repeat(32)];
const OWN = '1'.repeat(64);
let folder = '';
let values: Map<string, unknown>;
const state = { get: (name: string) => values.get(name), set: (name: string, value: unknown) => void values.set(name, value) };
const file = () => join(folder, 'certificate.cose');
const open = () => createTrustedStore({ certificateFile: file(), kioskId: 'k1', signingKey: OWN, state }, silentLog);

function keyringOf(signer: Signer, digest: string): Keyring {
  const none = new Map<string, Uint8Array>();
  const roles = {
    release: none,
    slice: none,
    feed: none,
    receipt: none,
    config: none,
    fleet: new Map([[toHex(keyId(signer.publicKey)), signer.publicKey]]),
  };
  return {
    ...{ version: 1, digest, audience: '*', issuedAtMs: 0, expiresAtMs: 0, demo: false, roles, upstreamPins: [] },
    ...{ trust: new Map(), sealingKey: new Uint8Array(32), subjectKeyCheck: undefined, anchor: { version: 1, roots: [], threshold: 1 } },
  };
}
const sliceOf = (storeId: string) => ({ storeId, version: 1, issuedAt: '2026-01-01T00:00:00Z', holds: { status: [], revoked: [] } });
const keyring = keyringOf(fleet, 'first');

function certify(change: object, signer = fleet): void {
  const header = { version: 1, issuedAt: '2026-01-01T00:00:00Z', expires: '2036-01-01T00:00:00Z', audience: 'k1' };
  const body = { ...header, kioskId: 'k1', checkpointId: 'c1', lane: '1', signingKey: OWN, sealingKey: '2'.repeat(64), ...change };
  writeFileSync(file(), `${signStatement('enrolment', body, signer)}\n`);
}

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'trusted-store-'));
  values = new Map();
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

describe('the store that a kiosk believes', () => {
  it('is the one of its certificate, from the moment that another certificate lies there', () => {
    certify({ storeId: A });
    const store = open();
    expect(store.storeId(keyring)).toBe(A);
    store.noteUsed(sliceOf(B));
    expect(store.storeId(keyring)).toBe(A);
    const before = store.stamp();
    certify({ storeId: B });
    expect(store.stamp()).not.toBe(before);
    expect(store.storeId(keyring)).toBe(B);
  });

  it('is the first that it used, where it has no certificate or one that names no store', () => {
    const store = open();
    expect(store.storeId(keyring)).toBeUndefined();
    store.noteUsed(sliceOf(A));
    store.noteUsed(sliceOf(B));
    expect(open().storeId(keyring)).toBe(A);
    certify({});
    expect(open().storeId(keyring)).toBe(A);
    certify({ storeId: B });
    expect(open().storeId(keyring)).toBe(B);
  });

  it.each([
    ['another key has signed', () => certify({ storeId: B }, other)],
    ['names another kiosk', () => certify({ storeId: B, kioskId: 'k2' })],
    ['names another key', () => certify({ storeId: B, signingKey: '3'.repeat(64) })],
    ['is no statement', () => writeFileSync(file(), 'nothing')],
    ['is gone', () => rmSync(file())],
  ])('stays what it was where a certificate %s', (_what, exchange) => {
    certify({ storeId: A });
    expect(open().storeId(keyring)).toBe(A);
    exchange();
    expect(open().storeId(keyring)).toBe(A);
  });

  it.each([
    ['is a folder', () => mkdirSync(file())],
    ['holds no text', () => writeFileSync(file(), Uint8Array.of(0xc3, 0x28))],
  ])('stays what it was, and the file is named, where a certificate %s', (_what, harm) => {
    certify({ storeId: A });
    const store = open();
    expect([store.storeId(keyring), store.unreadable()]).toEqual([A, undefined]);
    const before = store.stamp();
    rmSync(file());
    harm();
    expect(store.stamp()).not.toBe(before);
    expect(store.unreadable()).toContain(file());
    expect(store.storeId(keyring)).toBe(A);
    rmSync(file(), { recursive: true });
    certify({ storeId: B });
    expect([store.storeId(keyring), store.unreadable()]).toEqual([B, undefined]);
  });

  it('stays what it was under a keyring that no longer names the key of the certificate', () => {
    certify({ storeId: A });
    const store = open();
    expect(store.storeId(keyring)).toBe(A);
    expect(store.storeId(keyringOf(other, 'second'))).toBe(A);
    expect(open().storeId(undefined)).toBe(A);
  });
});
