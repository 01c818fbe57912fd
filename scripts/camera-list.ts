/** `checkpoint-kiosk camera list`: the USB cameras of this machine, by names that stay, with what they offer. */
import { createNodeHost } from '../config/host/node-host.ts';
import type { CameraMode } from '../kiosk/camera/camera-mode.ts';
import { type CameraTools, type ListedCamera, listCameras } from '../kiosk/camera/list-cameras.ts';
import { exitCode } from './command.ts';

export async function runCameraList(tools: CameraTools, json: boolean): Promise<number> {
  const cameras = await listCameras(tools, process.platform, createNodeHost('warn'));
  for (const camera of cameras) process.stdout.write(json ? `${JSON.stringify(camera)}\n` : textOf(camera));
  if (cameras.length > 0) return exitCode.ok;
  process.stderr.write('checkpoint-kiosk: no USB camera was found. A network camera is named by its address: camera.kind rtsp or mjpeg.\n');
  return exitCode.failed;
}

function textOf({ kind, source, name, device, modes }: ListedCamera): string {
  const where = device === undefined || device === source ? '' : ` (now ${device})`;
  const lines = [`${name}${where}`, '  camera:', `    kind: ${kind}`, `    source: ${JSON.stringify(source)}`, ...modes.map(modeLine)];
  return `${lines.join('\n')}\n`;
}

function modeLine({ format, minWidthPx, minHeightPx, maxWidthPx, maxHeightPx, minRateHz, maxRateHz }: CameraMode): string {
  const least = minWidthPx === maxWidthPx && minHeightPx === maxHeightPx ? '' : `${minWidthPx}x${minHeightPx} to `;
  const most = `${maxWidthPx}x${maxHeightPx}`;
  const rate = Number.isFinite(maxRateHz) ? `, ${minRateHz === maxRateHz ? '' : `${minRateHz} to `}${maxRateHz} frames/s` : '';
  return `  # ${format} ${least}${most}${rate}`;
}
