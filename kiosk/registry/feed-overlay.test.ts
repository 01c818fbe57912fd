import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { TrustedIssuer, TrustList } from '../../sync/credential/trust.ts';
import { type FeedEntry, feedEntrySchema } from '../../sync/protocol/feed.ts';
import { type FeedOverlay, openFeedOverlay } from './feed-overlay.ts';

const storeId = 'a'.repeat(32);
const [keyCheck, otherKey] = ['1'.repeat(16), '2'.repeat(16)];
let folder = '';
let overlay: FeedOverlay;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'overlay-'));
  overlay = openFeedOverlay(join(folder, 'feed.db'));
  overlay.startFrom({ sliceId: 'default', storeId, generation: 1, keyCheck, seq: 0 }, ['f1']);
});
afterEach(() => {
  overlay.close();
  rmSync(folder, { recursive: true, force: true });
});

function reopen(): void {
  overlay.close();
  overlay = openFeedOverlay(join(folder, 'feed.db'));
}

type Unnumbered = FeedEntry extends infer One ? (One extends FeedEntry ? Omit<One, 'seq' | 'prev'> : never) : never;

function apply(...entries: readonly Unnumbered[]): void {
  const cursor = overlay.cursor();
  if (cursor === undefined) throw new Error('no cursor');
  const after = cursor.seq;
  const page = {
    ...{ version: 1, issuedAt: '2026-01-01T00:00:00Z', expires: '2026-01-01T01:00:00Z', audience: 'k1' },
    ...{
      sliceId: cursor.sliceId,
      storeId,
      generation: cursor.generation,
      keyCheck,
      sliceVersion: 1,
      requestDigest: '',
      nonce: '',
      more: false,
    },
    ...{ after, upTo: after + entries.length },
    entries: entries.map((entry, index) => feedEntrySchema.parse({ ...entry, seq: after + index + 1, prev: after + index })),
  };
  overlay.apply(page, true);
}

const kill = (kid: string) => ({ kind: 'key-killed', kid }) as const;
const [a, b] = ['aaaaaaaa', 'bbbbbbbb'];
const listing = (...issuers: readonly (readonly [string, TrustedIssuer['status']])[]): TrustList =>
  new Map(issuers.map(([kid, status]) => [kid, { publicKey: new Uint8Array(32), status, classes: new Set([2]) }]));

describe('a killed key', () => {
  it('stays through a restart, the next slice, another generation and another slice', () => {
    overlay.settleKills([], listing([a, 'active']));
    apply(kill(a));
    expect([...overlay.killed()]).toEqual([a]);
    reopen();
    expect([...overlay.killed()]).toEqual([a]);
    for (const [sliceId, generation] of [
      ['default', 1],
      ['default', 2],
      ['hcmc', 1],
    ] as const) {
      overlay.startFrom({ sliceId, storeId, generation, keyCheck: generation === 1 ? keyCheck : otherKey, seq: 1_000 }, ['f2']);
      overlay.settleKills([], listing([a, 'active']));
      expect([...overlay.killed()]).toEqual([a]);
    }
    reopen();
    expect([...overlay.killed()]).toEqual([a]);
  });

  it('is given back by no other entry of the feed', () => {
    apply(kill(a));
    const days = { status: 'clear', fromDay: 0, untilDay: null } as const;
    apply(
      { kind: 'status', key: `${a}${a}`, ...days },
      { kind: 'revoked', cti: `${a}${a}`, expiresAt: 1 },
      { kind: 'released', cti: `${a}${a}` },
    );
    expect([...overlay.killed()]).toEqual([a]);
    for (const kind of ['key-restored', 'key-released', 'key-unkilled']) {
      expect(feedEntrySchema.safeParse({ seq: 9, prev: 8, kind, kid: a }).success).toBe(false);
    }
  });

  it('goes when the keyring in use revokes it, or lists it no more', () => {
    overlay.settleKills([], listing([a, 'active'], [b, 'retired']));
    apply(kill(a), kill(b));
    overlay.settleKills([], listing([a, 'active'], [b, 'active']));
    expect([...overlay.killed()].sort()).toEqual([a, b]);
    overlay.settleKills([], listing([a, 'revoked'], [b, 'active']));
    expect([...overlay.killed()]).toEqual([b]);
    overlay.settleKills([], listing([a, 'revoked']));
    expect([...overlay.killed()]).toEqual([]);
    reopen();
    expect([...overlay.killed()]).toEqual([]);
  });

  it('waits for the keyring that will list it', () => {
    overlay.settleKills([], listing([b, 'active']));
    apply(kill(a));
    overlay.settleKills([], listing([b, 'active']));
    reopen();
    overlay.settleKills([], listing([a, 'active'], [b, 'active']));
    expect([...overlay.killed()]).toEqual([a]);
  });

  it('that a slice states is kept when the next one does not state it', () => {
    overlay.settleKills([a], listing([a, 'active']));
    overlay.settleKills([], listing([a, 'active']));
    reopen();
    expect([...overlay.killed()]).toEqual([a]);
  });

  it('is not crowded out by kills of keys that nobody listed', () => {
    overlay.settleKills([], listing([a, 'active']));
    const kid = (index: number) => index.toString(16).padStart(8, '0');
    for (let first = 0; first < 5_000; first += 500) apply(...Array.from({ length: 500 }, (_, index) => kill(kid(first + index))));
    expect(overlay.killed().size).toBe(4_096);
    apply(kill(a), kill(b));
    expect(overlay.killed().has(a)).toBe(true);
    expect(overlay.killed().has(b)).toBe(false);
  });
});

describe('what the feed has said', () => {
  const hold = { kind: 'status', key: 'ab'.repeat(8), status: 'F0', fromDay: 0, untilDay: null } as const;
  const key = new Uint8Array(8).fill(0xab);

  const [cleared, released] = ['cd'.repeat(8), 'ef'.repeat(8)];
  const bytes = (text: string) => new Uint8Array(Buffer.from(text, 'hex'));

  it('goes with the key that may have said it: at once what let pass, and what held when the feed is heard again', () => {
    apply(hold, { ...hold, key: cleared, status: 'clear' }, { kind: 'released', cti: released }, kill(a));
    apply({ kind: 'revoked', cti: 'aa'.repeat(8), expiresAt: 1 });
    overlay.startFrom({ sliceId: 'default', storeId, generation: 1, keyCheck, seq: 0 }, ['f1', 'f2']);
    expect(overlay.status(bytes(cleared))?.status).toBe('clear');
    expect(overlay.freshness()).toBeDefined();
    reopen();
    overlay.startFrom({ sliceId: 'default', storeId, generation: 1, keyCheck, seq: 0 }, ['f2']);
    expect(overlay.cursor()?.seq).toBe(0);
    expect(overlay.freshness()).toBeUndefined();
    reopen();
    expect(overlay.freshness()).toBeUndefined();
    expect([overlay.status(bytes(cleared)), overlay.revoked(bytes(released))]).toEqual([undefined, undefined]);
    expect([overlay.status(key)?.status, overlay.revoked(bytes('aa'.repeat(8)))]).toEqual(['F0', true]);
    // The next key says everything anew: a hold that was never made is gone.
    apply({ ...hold, key: cleared, status: 'F1' });
    expect([overlay.status(key), overlay.revoked(bytes('aa'.repeat(8)))]).toEqual([undefined, undefined]);
    expect(overlay.status(bytes(cleared))?.status).toBe('F1');
    expect([...overlay.killed()]).toEqual([a]);
    reopen();
    expect(overlay.status(key)).toBeUndefined();
  });

  it('counts anew before what is in doubt', () => {
    apply(hold);
    overlay.startFrom({ sliceId: 'default', storeId, generation: 1, keyCheck, seq: 0 }, ['f2']);
    const page = { version: 1, issuedAt: '2026-01-01T00:00:00Z', expires: '2026-01-01T01:00:00Z', audience: 'k1' };
    const bound = { sliceId: 'default', storeId, generation: 1, keyCheck, sliceVersion: 1, requestDigest: '', nonce: '', more: true };
    overlay.apply({ ...page, ...bound, after: 0, upTo: 1, entries: [{ ...hold, seq: 1, prev: 0, status: 'clear' }] }, true);
    expect(overlay.status(key)?.status).toBe('clear');
    reopen();
    expect(overlay.status(key)?.status).toBe('clear');
  });

  it('all goes with another row key, also where its generation has the number of the one before', () => {
    apply(hold);
    overlay.startFrom({ sliceId: 'default', storeId, generation: 1, keyCheck, seq: 0 }, ['f2']);
    overlay.startFrom({ sliceId: 'default', storeId, generation: 1, keyCheck: otherKey, seq: 0 }, ['f2']);
    expect(overlay.status(key)).toBeUndefined();
  });

  it('stays where keys are only added, or the same slice is opened again', () => {
    apply(hold);
    for (const signers of [['f1'], ['f1', 'f2'], ['f2', 'f1']]) {
      overlay.startFrom({ sliceId: 'default', storeId, generation: 1, keyCheck, seq: 0 }, signers);
      expect(overlay.status(key)?.status).toBe('F0');
    }
    overlay.startFrom({ sliceId: 'default', storeId, generation: 1, keyCheck, seq: 1 }, ['f1', 'f2']);
    expect(overlay.status(key)).toBeUndefined();
    expect(overlay.cursor()?.seq).toBe(1);
  });
});
