import { describe, expect, it } from 'vitest';
import { renderFrame } from '../../fixtures/render-qr.ts';
import { createSimulatedHost } from '../../fixtures/simulated-host.ts';
import { createMirrorChannel } from './mirror-channel.ts';
import { createMovement } from './movement.ts';

const SIZE = { widthPx: 640, heightPx: 360 };
const guide = { x: 0.15, y: 0, width: 0.7, height: 1 };
const CODE = { text: 'CP1:ABC', modulePx: 3, look: 'phone', y: 0.5 } as const;
const frameOf = (luma: Uint8Array) => ({ ...SIZE, stride: SIZE.widthPx, luma, arrivedAtMs: 0, generation: 1, sequence: 1 });
const empty = (seed: number, noise = 2) => frameOf(renderFrame({ ...SIZE, seed, noise }));
const held = (seed: number, x: number) => frameOf(renderFrame({ ...SIZE, seed, code: { ...CODE, x } }));

describe('movement', () => {
  it.each([1, 2, 6, 15])('is none where only the noise of the sensor changes (deviation %i)', (noise) => {
    const movement = createMovement();
    movement.isMoving(empty(1, noise));
    movement.keep();
    const seen = Array.from({ length: 20 }, (_, seed) => movement.isMoving(empty(seed + 2, noise)));
    expect(seen).not.toContain(true);
  });

  it('is what comes in, what moves on and what has left', () => {
    const movement = createMovement();
    const frames = [empty(1), held(2, 0.3), held(3, 0.34), empty(4)];
    const seen = frames.map((frame) => {
      const isMoving = movement.isMoving(frame);
      movement.keep();
      return isMoving;
    });
    expect(seen).toEqual([true, true, true, true]);
  });

  it('begins anew with a picture of another size', () => {
    const movement = createMovement();
    movement.isMoving(empty(1));
    movement.keep();
    const small = { ...empty(1), widthPx: 320, heightPx: 180, stride: 320 };
    expect(movement.isMoving(small)).toBe(true);
  });
});

describe('the mirror', () => {
  /** Pictures sent in two seconds of a camera of 15 frames a second. */
  const sentOf = (frameAt: (index: number) => ReturnType<typeof empty>) => {
    const host = createSimulatedHost();
    const channel = createMirrorChannel(guide, host.clock);
    let sent = 0;
    channel.add({ bufferedAmount: 0, send: () => void sent++, on: () => undefined });
    const offer = (index: number) => {
      channel.offer({ arrivedAtMs: 0, generation: 1, symbols: [], decodeMs: 1, frame: frameAt(index) });
      host.advance(1000 / 15);
    };
    // The first picture of all counts as movement for a second.
    for (let index = 0; index < 30; index++) offer(index);
    sent = 0;
    for (let index = 30; index < 60; index++) offer(index);
    return sent;
  };

  it('is drawn five times a second while nothing moves', () => {
    const frames = [1, 2, 3, 4, 5].map((seed) => empty(seed));
    expect(sentOf((index) => frames[index % frames.length] ?? empty(1))).toBe(10);
  });

  it('is drawn with every frame while something moves', () => {
    const frames = Array.from({ length: 10 }, (_, index) => held(index + 1, 0.3 + index * 0.03));
    expect(sentOf((index) => frames[index % frames.length] ?? empty(1))).toBe(30);
  });
});
