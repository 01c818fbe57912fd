/**
 * The USB cameras of this machine under names that stay. On Linux these are the links in /dev/v4l: by-id names the device
 * itself, by-path its socket. Two cameras of one make without serial numbers share one by-id name, which then leads to
 * either: such cameras go by their sockets.
 */
import { existsSync, readdirSync, readFileSync, realpathSync } from 'node:fs';
import { join } from 'node:path';
import type { Host } from '../../config/ports/host.ts';
import type { CameraMode } from './camera-mode.ts';
import { parseAvfoundationDevices, parseDshowDevices } from './device-lists.ts';
import { runTool } from './run-tool.ts';
import { listModes } from './usb-device.ts';

export interface ListedCamera {
  readonly kind: 'v4l2' | 'dshow' | 'avfoundation';
  /** For `camera.source`. */
  readonly source: string;
  readonly name: string;
  /** Where the source leads to just now, on Linux. */
  readonly device: string | undefined;
  readonly modes: readonly CameraMode[];
}

export interface CameraTools {
  readonly ffmpegPath: string;
  readonly v4l2CtlPath?: string | undefined;
}

/** Where Linux keeps its devices; others are for tests. */
export interface LinuxFolders {
  readonly dev: string;
  readonly sys: string;
}

export interface VideoNode {
  readonly device: string;
  readonly name: string;
  readonly source: string;
}

const LINUX: LinuxFolders = { dev: '/dev', sys: '/sys/class/video4linux' };
const LIST_MS_MAX = 15_000;

export async function listCameras(tools: CameraTools, platform: NodeJS.Platform, host: Host): Promise<ListedCamera[]> {
  const cameras: Omit<ListedCamera, 'modes'>[] = [];
  if (platform === 'linux') cameras.push(...videoNodes(LINUX).map((node) => ({ kind: 'v4l2' as const, ...node })));
  if (platform === 'win32' || platform === 'darwin') {
    const [kind, parse] =
      platform === 'win32' ? (['dshow', parseDshowDevices] as const) : (['avfoundation', parseAvfoundationDevices] as const);
    const call = ['-nostdin', '-hide_banner', '-f', kind, '-list_devices', 'true', '-i', platform === 'win32' ? 'dummy' : ''];
    const { stderr } = await runTool(tools.ffmpegPath, call, LIST_MS_MAX, host.clock);
    cameras.push(...parse(stderr).map((device) => ({ kind, ...device, device: undefined })));
  }
  const listed: ListedCamera[] = [];
  for (const camera of cameras) listed.push({ ...camera, modes: await listModes(camera.kind, { ...tools, source: camera.source }, host) });
  // A camera has further nodes for what is no picture: they offer no mode.
  return listed.filter(({ kind, modes }) => kind !== 'v4l2' || modes.length > 0);
}

/** Every video node with the name to use for it. */
export function videoNodes(folders: LinuxFolders): VideoNode[] {
  const numbers = readNames(folders.dev).flatMap((name) => /^video(\d+)$/.exec(name)?.[1] ?? []);
  const [byId, byPath] = [linksIn(join(folders.dev, 'v4l/by-id')), linksIn(join(folders.dev, 'v4l/by-path'))];
  const nodes = numbers
    .map(Number)
    .sort((a, b) => a - b)
    .map((number) => {
      const device = join(folders.dev, `video${number}`);
      const own = (file: string) => readText(join(folders.sys, `video${number}`, file));
      return { device, name: own('name') || `video${number}`, index: own('index') };
    });
  return nodes.map(({ device, name, index }) => {
    const isTwin = nodes.some((other) => other.device !== device && other.name === name && other.index === index);
    const [first, second] = isTwin ? [byPath, byId] : [byId, byPath];
    return { device, name, source: first.get(device) ?? second.get(device) ?? device };
  });
}

/** A name for a device node that stays the same; undefined where the given one does, or none is known. */
export function steadierName(source: string, folders: LinuxFolders = LINUX): string | undefined {
  const node = videoNodes(folders).find(({ device }) => device === source);
  return node === undefined || node.source === source ? undefined : node.source;
}

/** Links of a folder by where they lead to. */
function linksIn(folder: string): Map<string, string> {
  const links = new Map<string, string>();
  for (const name of readNames(folder)) {
    try {
      links.set(realpathSync(join(folder, name)), join(folder, name));
    } catch (error) {
      // One that leads nowhere belongs to a camera that is going.
      if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error;
    }
  }
  return links;
}

function readNames(folder: string): string[] {
  return existsSync(folder) ? readdirSync(folder).sort() : [];
}

function readText(file: string): string {
  return existsSync(file) ? readFileSync(file, 'utf8').trim() : '';
}
