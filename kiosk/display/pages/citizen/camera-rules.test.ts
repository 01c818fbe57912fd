import { describe, expect, it } from 'vitest';
import { cameraFaultOf, chooseCamera, fitInto, isAnyCamera } from './camera-rules.ts';

const cameras = [
  { deviceId: 'a1b2c3d4e5f60718', label: 'Laptop camera (04f2:b6d0)' },
  { deviceId: 'ffee00112233cafe', label: 'HD Pro Webcam C920 (046d:082d)' },
  { deviceId: '0102030405060708', label: 'HD Pro Webcam' },
];

describe('the camera that is meant', () => {
  it.each([
    ['c920', 1],
    ['046D:082D', 1],
    ['laptop', 0],
    ['ffee00112233cafe', 1],
    ['00112233', 1],
    // The very name before one that holds it.
    ['HD Pro Webcam', 2],
  ])('%s is camera %i', (source, index) => {
    expect(chooseCamera(cameras, source)).toBe(cameras[index]);
  });

  it.each(['c930', 'ffee', 'cafe', 'default'])('%s is none of them: no other is taken for it', (source) => {
    expect(chooseCamera(cameras, source)).toBeUndefined();
  });

  it('is the one the browser takes where none is named', () => {
    expect(['default', 'any', 'anything'].map(isAnyCamera)).toEqual([true, true, false]);
  });
});

describe('what ends a camera', () => {
  it.each([
    ['NotAllowedError', 'camera-denied'],
    ['SecurityError', 'camera-denied'],
    ['NotFoundError', 'camera-missing'],
    ['NotReadableError', 'camera-missing'],
    ['OverconstrainedError', 'camera-settings'],
    ['Surprise', 'camera-missing'],
  ])('%s is %s', (name, fault) => {
    expect(cameraFaultOf(name)).toBe(fault);
  });
});

describe('a picture', () => {
  it.each([
    [640, 480, 640, 480],
    [1920, 1080, 1280, 720],
    [1080, 1920, 405, 720],
    [4000, 3, 1280, 1],
    [100_000, 1, 1280, 1],
  ])('of %i x %i is sent as %i x %i where 1280 x 720 is the most', (width, height, widthPx, heightPx) => {
    expect(fitInto(width, height, 1280, 720)).toEqual({ widthPx, heightPx });
  });
});
