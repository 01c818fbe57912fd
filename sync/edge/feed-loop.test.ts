/** When the feed asks for the time, by a clock that a test moves; what it does with entries is tested with a real centre. */
import { expect, it } from 'vitest';
import { createSimulatedHost } from '../../fixtures/simulated-host.ts';
import { toHex } from '../credential/bytes.ts';
import { keyId } from '../credential/cose.ts';
import type { Keyring } from '../credential/keyring.ts';
import { createSigner } from '../credential/signer.ts';
import { signStatement } from '../credential/statement.ts';
import type { FeedPage } from '../protocol/feed.ts';
import { startFeedLoop } from './feed-loop.ts';
import type { UpstreamClient } from './upstream-client.ts';

const feed = createSigner(new Uint8Array(32).fill(1));
const digest = 'ab'.repeat(32);
const nonce = 'n'.repeat(16);
const storeId = 'a'.repeat(32);
const keyCheck = '1'.repeat(16);

/** Runs the loop against a centre that answers each waiting question after its wait; gives when it asked for the time, in seconds. */
async function asksOfTime(needsTime: () => boolean, forS: number): Promise<number[]> {
  const host = createSimulatedHost();
  const asked: number[] = [];
  const client: UpstreamClient = {
    send({ target }) {
      const query = new URL(target, 'http://upstream').searchParams;
      const waitS = Number(query.get('wait'));
      if (waitS === 0) asked.push(host.clock.monotonicMs() / 1000);
      const page: FeedPage = {
        ...{ version: 1, audience: 'k1', sliceId: 'default', storeId, generation: 1, keyCheck, after: 0, upTo: 0 },
        ...{ entries: [], more: false, sliceVersion: 1 },
        ...{ issuedAt: new Date(host.clock.wallMs()).toISOString(), expires: '2099-01-01T00:00:00Z', requestDigest: digest, nonce },
      };
      const text = signStatement('feed', page, feed);
      return new Promise((resolve) =>
        host.clock.after(waitS * 1000, () =>
          resolve({ kind: 'reply', status: waitS > 0 ? 204 : 200, text, digest, nonce, retryAfterMs: 0 }),
        ),
      );
    },
    download: async () => ({ kind: 'failed', why: 'none' }),
    close: () => undefined,
  };
  const roles: Keyring['roles'] = {
    ...{ release: new Map(), slice: new Map(), receipt: new Map(), fleet: new Map(), config: new Map() },
    feed: new Map([[toHex(keyId(feed.publicKey)), feed.publicKey]]),
  };
  const keyring: Keyring = {
    ...{ version: 1, digest, audience: '*', issuedAtMs: 0, expiresAtMs: 0, demo: false, roles, upstreamPins: [] },
    ...{ subjectKeyCheck: undefined, trust: new Map(), sealingKey: new Uint8Array(32), anchor: { version: 1, roots: [], threshold: 1 } },
  };
  const loop = startFeedLoop(
    {
      client,
      kioskId: 'k1',
      inbox: {
        cursor: () => ({ sliceId: 'default', storeId, generation: 1, keyCheck, seq: 0 }),
        sliceVersion: () => 1,
        isFresh: () => true,
        apply: () => undefined,
      },
      keyring: () => keyring,
      needsTime,
      onSignedTime: () => undefined,
      onOtherSlice: () => undefined,
    },
    host,
  );
  for (let at = 0; at < forS * 10; at++) {
    host.advance(100);
    for (let turn = 0; turn < 20; turn++) await Promise.resolve();
  }
  const stopped = loop.stop();
  host.advance(30_000);
  await stopped;
  return asked;
}

it('asks for the time at the start and every ten minutes', async () => {
  const asked = await asksOfTime(() => false, 1_300);
  expect(asked).toHaveLength(3);
  expect((asked[1] ?? 0) - (asked[0] ?? 0)).toBeGreaterThanOrEqual(600);
});

it('asks twice a minute while the kiosk does not know what time it is', async () => {
  const asked = await asksOfTime(() => true, 300);
  expect(asked.length).toBeGreaterThanOrEqual(10);
  expect(asked.length).toBeLessThanOrEqual(16);
});
