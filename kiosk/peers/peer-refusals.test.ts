/** Who is not let in between the lanes, by which name, and that the lane goes on as before. Real sockets on loopback. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { callLane, createLaneGroup, type LaneGroup, type RawPeer, type TestLane } from '../../fixtures/lane-group.ts';
import { testCredential } from '../../fixtures/test-journal.ts';
import { toHex } from '../../sync/credential/bytes.ts';
import { createSigner } from '../../sync/credential/signer.ts';
import { checkpointKeys, passTags } from './checkpoint-keys.ts';
import { outlives } from './peer-connections.ts';
import { createFrames } from './peer-frames.ts';
import { prove, refuseProof, transcriptOf } from './peer-handshake.ts';
import { type Hello, PAGE_ROWS_MAX, type PassRow } from './peer-messages.ts';

const WAIT = { timeout: 10_000, interval: 20 };
let folder: string;
let group: LaneGroup;
let lane: TestLane;
const callers: RawPeer[] = [];

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'peer-refusals-'));
  group = await createLaneGroup(folder, ['k1', 'k2']);
  lane = group.open('k1');
  await expect.poll(() => lane.peers.port(), WAIT).toBeGreaterThan(0);
});
afterEach(async () => {
  for (const caller of callers.splice(0)) caller.close();
  await lane.close();
  rmSync(folder, { recursive: true, force: true });
});

const port = () => lane.peers.port() ?? 0;
/** As lane k2, unless said otherwise. */
async function call(as: Partial<Parameters<typeof callLane>[1]> = {}): Promise<RawPeer> {
  const caller = await callLane(port(), { kioskId: 'k2', signer: group.signerOf('k2'), key: group.key, ...as });
  callers.push(caller);
  return caller;
}
const rowAt = (counter: number, change: Partial<PassRow> = {}): PassRow => {
  const tags = passTags(checkpointKeys(group.key).tags, testCredential(counter).claims);
  return {
    bootId: 'b1',
    counter,
    tags: [toHex(tags.credential), toHex(tags.subject)],
    passedAtMs: Date.now(),
    windowMs: 600_000,
    expiresAtMs: Date.now() + 600_000,
    ...change,
  };
};
const refusals = () => lane.logged.filter(({ event }) => event === 'peers-refused').map(({ fields }) => fields.reason);
const known = (number: number) => lane.peers.elsewhere(testCredential(number));

describe('a lane', () => {
  it('takes the passes of one that is listed and has both keys', async () => {
    const caller = await call();
    caller.say({ kind: 'passes', rows: [rowAt(1)] });
    await expect.poll(() => known(1)?.uses, WAIT).toBe(1);
    await expect.poll(() => caller.heard, WAIT).toContainEqual({ kind: 'have', boots: [] });
    expect(lane.peers.state().connected).toBe(1);
  });

  const stranger = createSigner(new Uint8Array(32).fill(5));
  it.each([
    ['who has not the key of the checkpoint', 'peer-key', () => ({ key: new Uint8Array(32).fill(1) })],
    ['who has not the key of the kiosk', 'peer-signature', () => ({ signer: stranger })],
    ['who is not on the list', 'peer-unlisted', () => ({ kioskId: 'k9', signer: stranger })],
    ['who is the lane itself', 'peer-unlisted', () => ({ kioskId: 'k1', signer: group.signerOf('k1') })],
    ['who is of another checkpoint', 'peer-checkpoint', () => ({ hello: { checkpointId: 'gate-8' } })],
    ['whose key is of another generation', 'peer-generation', () => ({ hello: { generation: 2 } })],
    ['who begins in another way', 'peer-message', () => ({ hello: { nonce: 'short' } })],
  ] as const)('refuses one %s: %s', async (_who, reason, as) => {
    const caller = await call(as());
    expect(await caller.ended).toBe(reason);
    expect(caller.frames).toBeUndefined();
    expect(refusals()).toContain(reason);
    expect(lane.peers.state()).toMatchObject({ connected: 0, refused: 1 });
  });

  it('that was started anew takes the place of what it was before', async () => {
    const before = await call({ hello: { bootId: 'first' } });
    const after = await call({ hello: { bootId: 'second' } });
    expect(await before.ended).toBe('peer-replaced');
    after.say({ kind: 'passes', rows: [rowAt(1)] });
    await expect.poll(() => known(1)?.uses, WAIT).toBe(1);
    expect(lane.peers.state().connected).toBe(1);
  });

  it('keeps the same one of two connections as the other lane, whichever came first', () => {
    const link = (role: 'caller' | 'called', peer: string, boot = 'b') => ({ role, peerId: () => peer, peerBootId: () => boot });
    // As `a` sees what it called and what called it, and as `b` does.
    for (const [own, peer, ofA, ofB] of [
      ['a', 'b', 'caller', 'called'],
      ['b', 'a', 'called', 'caller'],
    ] as const) {
      expect(outlives(link(ofA, peer), link(ofB, peer), own), own).toBe(true);
      expect(outlives(link(ofB, peer), link(ofA, peer), own), own).toBe(false);
      expect(outlives(link(ofA, peer, 'old'), link(ofB, peer, 'new'), own), own).toBe(false);
      // Called again from the same side: the first was lost.
      expect(outlives(link(ofA, peer), link(ofA, peer), own), own).toBe(false);
    }
  });

  it('shows a stranger neither its signature nor that it has the key', async () => {
    const words: string[] = [];
    const socket = new WebSocket(`ws://127.0.0.1:${port()}/peers`);
    const hello = { kind: 'hello', v: 1, kioskId: 'k2', checkpointId: 'gate-7', generation: 1, bootId: 'b', nonce: 'A'.repeat(43) };
    socket.on('open', () => socket.send(JSON.stringify(hello)));
    socket.on('message', (data) => words.push(String(data)));
    const reason = await new Promise((resolve) => socket.on('close', (_code, text) => resolve(text.toString())));
    expect(reason).toBe('peer-silent');
    expect(words.map((word) => JSON.parse(word).kind)).toEqual(['hello']);
  }, 15_000);

  it('refuses a page of a browser, whatever it could say', async () => {
    const socket: WebSocket = new WebSocket(`ws://127.0.0.1:${port()}/peers`, { origin: 'http://127.0.0.1:8743' });
    const outcome = await new Promise((resolve) => {
      socket.on('open', () => resolve('open'));
      socket.on('error', (error) => resolve(error.message));
    });
    expect(outcome).toContain('401');
  });
});

describe('a frame', () => {
  const message = (rows: PassRow[]) => new TextEncoder().encode(JSON.stringify({ kind: 'passes', rows }));

  it('that comes a second time ends the connection: frame-sequence', async () => {
    const caller = await call();
    const frame = caller.frames?.seal(message([rowAt(1)])) ?? '';
    caller.send(frame);
    await expect.poll(() => known(1)?.uses, WAIT).toBe(1);
    caller.send(frame);
    expect(await caller.ended).toBe('frame-sequence');
  });

  it('that comes before the one before it ends the connection: frame-sequence', async () => {
    const caller = await call();
    caller.frames?.seal(message([rowAt(1)]));
    caller.send(caller.frames?.seal(message([rowAt(2)])) ?? '');
    expect(await caller.ended).toBe('frame-sequence');
    expect(known(2)?.uses).toBe(0);
  });

  it('of the lane itself, sent back, ends the connection: frame-reflected', async () => {
    const caller = await call();
    await expect.poll(() => caller.raw.length, WAIT).toBeGreaterThan(0);
    caller.send(caller.raw[0] ?? '');
    expect(await caller.ended).toBe('frame-reflected');
  });

  it('of the lane itself under the other name counts for nothing: frame-forged', async () => {
    const caller = await call();
    await expect.poll(() => caller.raw.length, WAIT).toBeGreaterThan(0);
    const turned = Uint8Array.from(caller.raw[0] ?? []);
    turned[0] = 0;
    caller.send(turned);
    expect(await caller.ended).toBe('frame-forged');
  });

  it.each([9, 60, -1])('that was changed at byte %i ends the connection: frame-forged', async (at) => {
    const caller = await call();
    const frame = Uint8Array.from(caller.frames?.seal(message([rowAt(1)])) ?? []);
    const place = at < 0 ? frame.length + at : at;
    frame[place] = (frame[place] ?? 0) ^ 1;
    caller.send(frame);
    expect(await caller.ended).toBe('frame-forged');
    expect(known(1)?.uses).toBe(0);
  });

  it('of another connection of the same two lanes ends it: frame-forged', async () => {
    const first = await call();
    const frame = first.frames?.seal(message([rowAt(1)])) ?? '';
    const second = await call();
    second.send(frame);
    expect(await second.ended).toBe('frame-forged');
  });

  it.each([
    ['a text where a frame should be', 'peer-message', '{"kind":"alive"}'],
    ['a frame that is too short', 'frame-malformed', new Uint8Array(40)],
  ])('is none: %s', async (_what, reason, bytes) => {
    const caller = await call();
    caller.send(bytes);
    expect(await caller.ended).toBe(reason);
  });

  it.each([
    ['with a field that is not known', { kioskId: 'k3' }],
    ['with a name for a tag', { tags: ['NGUYEN VAN A', 'x'] }],
    ['that never ends', { expiresAtMs: Date.now() + 1e12 }],
    ['that ends before it begins', { expiresAtMs: 1 }],
  ])('with a pass %s ends the connection: peer-message', async (_what, change) => {
    const caller = await call();
    const rows = JSON.stringify([{ ...rowAt(1), ...change }]);
    caller.send(caller.frames?.seal(new TextEncoder().encode(`{"kind":"passes","rows":${rows}}`)) ?? '');
    expect(await caller.ended).toBe('peer-message');
    expect(known(1)?.uses).toBe(0);
  });

  it('with a pass in the future is answered and counts for nothing', async () => {
    const caller = await call();
    const passedAtMs = Date.now() + 3_600_000;
    caller.say({ kind: 'passes', rows: [rowAt(1, { passedAtMs, expiresAtMs: passedAtMs + 1_000 }), rowAt(2)] });
    await expect.poll(() => known(2)?.uses, WAIT).toBe(1);
    expect(known(1)?.uses).toBe(0);
    await expect.poll(() => caller.heard, WAIT).toContainEqual({ kind: 'taken' });
  });

  it('that says what the other side has a second time ends the connection', async () => {
    const caller = await call();
    caller.say({ kind: 'have', boots: [] });
    caller.say({ kind: 'have', boots: [] });
    expect(await caller.ended).toBe('peer-message');
  });
});

describe('a lane that floods', () => {
  it('without waiting for answers is not listened to for a while: peer-flooding', async () => {
    const caller = await call();
    for (let page = 0; page < 40; page++) {
      caller.say({ kind: 'passes', rows: Array.from({ length: PAGE_ROWS_MAX }, (_, row) => rowAt(page * PAGE_ROWS_MAX + row + 1)) });
    }
    expect(await caller.ended).toBe('peer-flooding');
    expect(lane.logged.map(({ event }) => event)).toContain('peers-flooding');
    const again = await call();
    expect(await again.ended).toBe('peer-flooding');
  });

  it('with words that say nothing is not listened to either', async () => {
    const caller = await call();
    for (let word = 0; word < 2_000; word++) caller.say({ kind: 'alive' });
    expect(await caller.ended).toBe('peer-flooding');
  });

  it('as quickly as it is let is slowed down, and no decision waits for it', async () => {
    const caller = await call();
    const asked: number[] = [];
    const startMs = performance.now();
    let sent = 0;
    let answered = 0;
    while (performance.now() - startMs < 3_000) {
      if (caller.heard.filter(({ kind }) => kind === 'taken').length === answered + (sent > answered ? 1 : 0)) {
        answered = sent;
        // Always the same person: what is asked about is what there is most of.
        const tags = rowAt(1).tags;
        caller.say({
          kind: 'passes',
          rows: Array.from({ length: PAGE_ROWS_MAX }, (_, row) => rowAt(sent * PAGE_ROWS_MAX + row + 1, { tags })),
        });
        sent++;
      }
      const beforeMs = performance.now();
      known(1);
      asked.push(performance.now() - beforeMs);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    // 400 at once, then 100 a second.
    expect(answered * PAGE_ROWS_MAX).toBeGreaterThanOrEqual(400);
    expect(answered * PAGE_ROWS_MAX).toBeLessThan(900);
    asked.sort((a, b) => a - b);
    expect(asked[Math.floor(asked.length * 0.95)]).toBeLessThan(10);
    expect(lane.peers.state().connected).toBe(1);
  }, 20_000);
});

describe('a proof', () => {
  const hello = (kioskId: string, nonce: string): Hello => ({
    kind: 'hello',
    v: 1,
    kioskId,
    checkpointId: 'gate-7',
    generation: 1,
    bootId: 'b',
    nonce: nonce.repeat(43),
  });
  const keys = checkpointKeys(new Uint8Array(32).fill(1));
  const signer = createSigner(new Uint8Array(32).fill(2));
  const transcript = transcriptOf(hello('k1', 'A'), hello('k2', 'B'));
  const proof = prove('caller', transcript, keys, signer);

  it('holds for this meeting, this role and this key alone', () => {
    const judge = (role: 'caller' | 'called', of: Uint8Array, by = keys, key = signer.publicKey) => refuseProof(proof, role, of, by, key);
    expect(judge('caller', transcript)).toBeUndefined();
    expect(judge('called', transcript)).toBe('peer-key');
    expect(judge('caller', transcriptOf(hello('k1', 'A'), hello('k2', 'C')))).toBe('peer-key');
    expect(judge('caller', transcriptOf(hello('k2', 'B'), hello('k1', 'A')))).toBe('peer-key');
    expect(judge('caller', transcript, checkpointKeys(new Uint8Array(32).fill(3)))).toBe('peer-key');
    expect(judge('caller', transcript, keys, createSigner(new Uint8Array(32).fill(4)).publicKey)).toBe('peer-signature');
  });

  it('is signed for nothing else that a kiosk signs', () => {
    const own = { ...proof, signature: toHex(signer.sign(transcript)) };
    expect(refuseProof(own, 'caller', transcript, keys, signer.publicKey)).toBe('peer-signature');
  });

  it('gives each direction its own frames', () => {
    const [caller, called] = [createFrames('caller', transcript, keys), createFrames('called', transcript, keys)];
    const text = new TextEncoder().encode('{}');
    expect(called.open(caller.seal(text))).toEqual({ ok: true, value: Buffer.from(text) });
    expect(caller.open(called.seal(text))).toEqual({ ok: true, value: Buffer.from(text) });
    expect(caller.open(caller.seal(text))).toEqual({ ok: false, reason: 'frame-reflected' });
  });
});
