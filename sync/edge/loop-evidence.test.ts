/** What a loop may say of its own success, by a clock that a test moves. */
import { describe, expect, it } from 'vitest';
import { createSimulatedHost } from '../../fixtures/simulated-host.ts';
import { toHex } from '../credential/bytes.ts';
import { keyId } from '../credential/cose.ts';
import type { Keyring } from '../credential/keyring.ts';
import { createSigner } from '../credential/signer.ts';
import { signStatement } from '../credential/statement.ts';
import type { FeedPage } from '../protocol/feed.ts';
import { startFeedLoop } from './feed-loop.ts';
import { startHeartbeatLoop } from './heartbeat-loop.ts';
import type { ClientReply, UpstreamClient } from './upstream-client.ts';

const STORE = 'a'.repeat(32);
const signer = createSigner(new Uint8Array(32).fill(1));
const digest = 'ab'.repeat(32);
const keyCheck = '1'.repeat(16);
const nonce = 'n'.repeat(16);
const keys = new Map([[toHex(keyId(signer.publicKey)), signer.publicKey]]);
const roles: Keyring['roles'] = {
  ...{ release: new Map(), slice: new Map(), receipt: new Map(), config: new Map() },
  ...{ feed: keys, fleet: keys },
};
const keyring: Keyring = {
  ...{ version: 1, digest, audience: '*', issuedAtMs: 0, expiresAtMs: 0, demo: false, roles, upstreamPins: [], subjectKeyCheck: undefined },
  ...{ trust: new Map(), sealingKey: new Uint8Array(32), anchor: { version: 1, roots: [], threshold: 1 } },
};
const dates = { issuedAt: '2026-01-15T03:00:00Z', expires: '2099-01-01T00:00:00Z' };

type Answer = (target: string, nowMs: number) => { readonly afterMs: number; readonly reply: ClientReply };

const reply = (status: number, text: string, boundTo = nonce): ClientReply => ({
  ...{ kind: 'reply', status, text, digest, retryAfterMs: 0 },
  nonce: boundTo,
});
const page = (after = 0) => {
  const body: FeedPage = {
    keyCheck,
    ...{
      version: 1,
      audience: 'k1',
      sliceId: 'default',
      storeId: STORE,
      generation: 1,
      after,
      upTo: after,
      entries: [],
      more: false,
      sliceVersion: 1,
    },
    ...{ ...dates, requestDigest: digest, nonce },
  };
  return signStatement('feed', body, signer);
};
const waitOf = (target: string) => Number(new URL(target, 'http://upstream').searchParams.get('wait')) * 1000;

function simulate(answer: Answer) {
  const host = createSimulatedHost();
  const client: UpstreamClient = {
    send({ target }) {
      const { afterMs, reply } = answer(target, host.clock.monotonicMs());
      return new Promise((resolve) => host.clock.after(afterMs, () => resolve(reply)));
    },
    download: async () => ({ kind: 'failed', why: 'none' }),
    close: () => undefined,
  };
  const run = async (forMs: number) => {
    for (let atMs = 0; atMs < forMs; atMs += 100) {
      host.advance(100);
      for (let turn = 0; turn < 20; turn++) await Promise.resolve();
    }
  };
  return { host, client, run };
}

function feedLoop(answer: Answer) {
  const { host, client, run } = simulate(answer);
  const loop = startFeedLoop(
    {
      client,
      kioskId: 'k1',
      inbox: {
        cursor: () => ({ sliceId: 'default', storeId: STORE, generation: 1, keyCheck, seq: 0 }),
        ...{ sliceVersion: () => 1, isFresh: () => true, apply: () => undefined },
      },
      keyring: () => keyring,
      ...{ needsTime: () => false, onSignedTime: () => undefined, onOtherSlice: () => undefined },
    },
    host,
  );
  const ageMs = () => {
    const atMs = loop.lastSuccessAtMs();
    return atMs === undefined ? undefined : host.clock.monotonicMs() - atMs;
  };
  return { loop, run, ageMs };
}

describe('the feed', () => {
  it('has its evidence renewed by each wait that ends in a signed page', async () => {
    const { run, ageMs } = feedLoop((target) => ({ afterMs: waitOf(target), reply: reply(200, page()) }));
    await run(300_000);
    expect(ageMs()).toBeLessThan(26_000);
  });

  it('asks that a wait without news is signed as well', async () => {
    const asked: string[] = [];
    const { run } = feedLoop((target) => {
      asked.push(target);
      return { afterMs: waitOf(target), reply: reply(200, page()) };
    });
    await run(60_000);
    expect(asked.length).toBeGreaterThan(1);
    for (const target of asked) expect(target).toContain('signed=1');
  });

  it.each([
    ['an unsigned answer that waited', (): ClientReply => reply(204, '')],
    ['a page for another request', (): ClientReply => reply(200, page(), 'm'.repeat(16))],
    ['a page that was not asked for', (): ClientReply => reply(200, page(7))],
    ['no answer', (): ClientReply => ({ kind: 'failed', why: 'refused', timedOut: false })],
  ])('has no evidence by %s', async (_what, later) => {
    let answers = 0;
    const { run, ageMs } = feedLoop((target) => ({ afterMs: waitOf(target), reply: answers++ === 0 ? reply(200, page()) : later() }));
    await run(240_000);
    expect(ageMs()).toBeGreaterThan(230_000);
  });
});

describe('a feed whose centre is away', () => {
  const away: ClientReply = { kind: 'failed', why: 'refused', timedOut: false };
  const hour = () => {
    let isAway = true;
    const asked: number[] = [];
    const made = feedLoop((target, nowMs) => {
      asked.push(nowMs);
      return isAway ? { afterMs: 10, reply: away } : { afterMs: waitOf(target), reply: reply(200, page()) };
    });
    const back = () => {
      isAway = false;
    };
    return { ...made, asked, back };
  };

  it('tries again within 15 seconds, however long that lasts', async () => {
    const { run, asked } = hour();
    await run(3_600_000);
    const gaps = asked.slice(1).map((atMs, index) => atMs - (asked[index] ?? 0));
    expect(Math.max(...gaps)).toBeLessThanOrEqual(15_200);
    expect(asked.length).toBeLessThan(800);
  });

  it('tries at once when another loop is answered, and not as often as that is', async () => {
    const { run, loop, asked, back, ageMs } = hour();
    await run(600_000);
    const before = asked.length;
    for (let times = 0; times < 100; times++) {
      loop.retry();
      await run(100);
    }
    expect(asked.length - before).toBeGreaterThanOrEqual(8);
    expect(asked.length - before).toBeLessThanOrEqual(25);
    back();
    loop.retry();
    await run(1_100);
    expect(ageMs()).toBeLessThanOrEqual(1_100);
  });
});

it('a heartbeat has evidence only by the signed answer to that very heartbeat', async () => {
  let isBound = true;
  const { host, client, run } = simulate(() => {
    const body = { version: 1, audience: 'k1', ...dates, wanted: {}, commands: [], requestDigest: digest, nonce };
    return { afterMs: 50, reply: reply(200, signStatement('heartbeat', body, signer), isBound ? nonce : 'm'.repeat(16)) };
  });
  const loop = startHeartbeatLoop(
    {
      ...{ client, kioskId: 'k1', keyring: () => keyring },
      report: () => ({
        journal: { journalId: '0'.repeat(64), n: 0, head: '0'.repeat(64) },
        versions: { program: 'test' },
        ...{ queue: { waiting: 0, quarantined: 0 }, camera: { state: 'live', frameRateHz: 0, restarts: 0 } },
        ...{ screen: { connected: false, unpainted: 0 }, clock: { state: 'unknown', offsetMs: 0 }, disk: { freeBytes: 0 } },
        ...{ counts: { pass: 0, deny: 0, seeStaff: 0 }, configRefused: [] },
      }),
      carryOut: async () => ({ ok: true, detail: '' }),
      ...{ onWanted: () => undefined, offerConfig: () => false, configVersion: () => undefined },
    },
    host,
  );
  await run(1_000);
  const firstAtMs = loop.lastSuccessAtMs();
  expect(firstAtMs).toBeDefined();
  isBound = false;
  await run(300_000);
  expect(loop.lastSuccessAtMs()).toBe(firstAtMs);
  expect(loop.failure()).toContain('another request');
});
