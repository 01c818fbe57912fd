import { describe, expect, it } from 'vitest';
import { quietHost } from '../../fixtures/test-centre.ts';
import { toHex } from '../credential/bytes.ts';
import { readKeyring } from '../credential/keyring.ts';
import { type KeyringBody, rootFingerprint } from '../credential/keyring-body.ts';
import { createSigner } from '../credential/signer.ts';
import { signStatement } from '../credential/statement.ts';
import type { FeedPage } from '../protocol/feed.ts';
import { startFeedLoop } from './feed-loop.ts';
import type { ClientReply } from './upstream-client.ts';

const key = (fill: number) => createSigner(new Uint8Array(32).fill(fill));
const [root, feed, slice] = [key(1), key(2), key(3)];
const header = { version: 1, issuedAt: '2026-01-01T00:00:00Z', expires: '2036-01-01T00:00:00Z', audience: 'k1' };
const body: KeyringBody = {
  ...header,
  ...{ roots: [toHex(root.publicKey)], threshold: 1, issuers: [], sealing: '09'.padEnd(64, '0'), upstreamPins: [] },
  roles: { release: [], slice: [toHex(slice.publicKey)], feed: [toHex(feed.publicKey)], receipt: [], fleet: [], config: [] },
};
const STORE = 'a'.repeat(32);
const KEY = '1'.repeat(16);

function keyring() {
  const read = readKeyring(signStatement('keyring', body, root), rootFingerprint(root.publicKey));
  if (!read.ok) throw new Error(read.reason);
  return read.value;
}

/** Waits that the loop asked for, while `isFresh` says what it says; every question is answered at once by `signer`. */
async function ask(count: number, isFresh: () => boolean, signer = feed, change: Partial<FeedPage> = {}) {
  const waits: string[] = [];
  let others = 0;
  let applied = 0;
  const nonce = 'n'.repeat(16);
  const page: FeedPage = {
    ...header,
    ...{ sliceId: 'default', storeId: STORE, generation: 1, keyCheck: KEY, after: 7, upTo: 7, entries: [], more: false, sliceVersion: 5 },
    ...{ requestDigest: '0'.repeat(64), nonce },
    ...change,
  };
  const reply: ClientReply = {
    kind: 'reply',
    status: 200,
    text: signStatement('feed', page, signer),
    digest: '0'.repeat(64),
    nonce,
    retryAfterMs: 0,
  };
  const loop = startFeedLoop(
    {
      client: {
        async send({ target }) {
          waits.push(/wait=(\d+)/.exec(target)?.[1] ?? '');
          return reply;
        },
        download: async () => ({ kind: 'failed', why: 'not asked for' }),
        close: () => undefined,
      },
      kioskId: 'k1',
      inbox: {
        cursor: () => ({ sliceId: 'default', storeId: STORE, generation: 1, keyCheck: KEY, seq: 7 }),
        sliceVersion: () => 5,
        isFresh,
        apply: () => applied++,
      },
      keyring,
      needsTime: () => false,
      onSignedTime: () => undefined,
      onOtherSlice: () => others++,
    },
    quietHost,
  );
  await expect.poll(() => waits.length, { timeout: 10_000 }).toBeGreaterThanOrEqual(count);
  const failure = loop.failure();
  await loop.stop();
  return { waits: waits.slice(0, count), others, applied, failure };
}

describe('the feed loop', () => {
  it('asks once for the time, and then waits', async () => {
    expect(await ask(3, () => true)).toMatchObject({ waits: ['0', '25', '25'], others: 0 });
  });

  it('waits for nothing while it does not know how fresh its lists are', async () => {
    let asked = 0;
    expect(await ask(4, () => ++asked > 2)).toMatchObject({ waits: ['0', '0', '0', '25'], others: 0 });
  });

  it('takes nothing that was made with another row key than the slice in use, and has the slice looked for', async () => {
    const hold = { seq: 8, prev: 7, kind: 'status', key: 'ab'.repeat(8), status: 'F0', fromDay: 0, untilDay: null } as const;
    const heard = await ask(2, () => true, feed, { keyCheck: '2'.repeat(16), upTo: 8, entries: [hold] });
    expect(heard.failure).toContain('slice-key-mismatch');
    expect(heard.applied).toBe(0);
    expect(heard.others).toBeGreaterThan(0);
  });

  it('takes nothing of another store than that of the slice in use, and has the slice looked for', async () => {
    const clear = { seq: 8, prev: 7, kind: 'status', key: 'ab'.repeat(8), status: 'clear', fromDay: 0, untilDay: null } as const;
    const heard = await ask(2, () => true, feed, { storeId: 'b'.repeat(32), upTo: 8, entries: [clear] });
    expect(heard.failure).toContain('store-mismatch');
    expect(heard.applied).toBe(0);
    expect(heard.others).toBeGreaterThan(0);
  });

  it('has the keyring looked for when it hears a key that it does not know', async () => {
    expect((await ask(2, () => true, slice)).others).toBeGreaterThan(0);
  });
});
