import { describe, expect, it } from 'vitest';
import { addressProblem } from './camera-address.ts';

describe('the address of a network camera', () => {
  it.each([
    ['rtsp', 'rtsp://192.168.1.20/stream1'],
    ['rtsp', 'rtsps://camera-7.local:8554/live?channel=1&name=a@b'],
    ['rtsp', 'rtsp://viewer@192.168.1.20/stream1'],
    ['rtsp', 'rtsp://[fd00::20]:554/user@home'],
    ['mjpeg', 'http://192.168.1.20:8080/video?resolution=1280x720#a@b'],
  ] as const)('is taken: %s %s', (kind, source) => {
    expect(addressProblem(kind, source)).toBeUndefined();
  });

  it.each([
    ['rtsp', 'rtsp://admin:pass@192.168.1.20/stream1', 'login'],
    ['rtsp', 'rtsp://admin:pa#ss@192.168.1.20/stream1', 'login'],
    ['rtsp', 'rtsp://admin:pa/ss@192.168.1.20/stream1', 'login'],
    ['rtsp', 'rtsp://admin:pa@ss@192.168.1.20/stream1', 'login'],
    ['rtsp', 'rtsp://admin:12?34@192.168.1.20/stream1', 'login'],
    ['mjpeg', 'http://admin:geheim@cam/video', 'login'],
    ['rtsp', 'http://192.168.1.20/', 'does not begin'],
    ['rtsp', '192.168.1.20', 'does not begin'],
    ['rtsp', 'rtsp:///stream1', 'no host'],
    ['rtsp', 'rtsp://camera:port/x', 'no host'],
    ['rtsp', 'rtsp://camera:70000/x', 'no host'],
    ['mjpeg', 'http://camera/my video', 'a blank'],
  ] as const)('is refused: %s %s', (kind, source, found) => {
    const problem = addressProblem(kind, source);
    expect(problem?.found).toContain(found);
    if (found === 'login') expect(problem?.expected).toContain('camera.passwordFile');
    // No part of a login is repeated.
    expect(JSON.stringify(problem)).not.toMatch(/pass@|pa#|pa\/|ss@|geheim|34@/);
  });
});
