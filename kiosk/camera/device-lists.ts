/** What ffmpeg says of the cameras of Windows and macOS (pure). */

export interface ListedDevice {
  /** For people. */
  readonly name: string;
  /** For `camera.source`: stays the same when other cameras come and go. */
  readonly source: string;
}

/** Of `ffmpeg -f dshow -list_devices true`, before and since ffmpeg 5. The name that Windows gives to a port is unique. */
export function parseDshowDevices(text: string): ListedDevice[] {
  const devices: ListedDevice[] = [];
  let isVideoPart = true;
  let isVideo = false;
  for (const line of text.split(/\r?\n/)) {
    if (/DirectShow (video|audio) devices/.test(line)) isVideoPart = line.includes('DirectShow video');
    const [, alternative] = /Alternative name "(.*)"/.exec(line) ?? [];
    const last = devices.at(-1);
    if (alternative !== undefined) {
      if (isVideo && last !== undefined) devices[devices.length - 1] = { ...last, source: alternative };
      continue;
    }
    const [, name, kinds] = /\]\s+"(.*)"(?:\s+\(([^)]*)\))?\s*$/.exec(line) ?? [];
    if (name === undefined) continue;
    isVideo = kinds === undefined ? isVideoPart : kinds.includes('video');
    if (isVideo) devices.push({ name, source: name });
  }
  return devices;
}

/** Of `ffmpeg -f avfoundation -list_devices true`. Numbers change with what is plugged in; names do not. */
export function parseAvfoundationDevices(text: string): ListedDevice[] {
  const [, video = ''] = text.split(/AVFoundation video devices:/);
  const [before = ''] = video.split(/AVFoundation audio devices:/);
  const names = [...before.matchAll(/\]\s+\[(\d+)\] (.*?)\s*$/gm)].map(([, number = '', name = '']) => ({ number, name }));
  const cameras = names.filter(({ name }) => !/^Capture screen \d+$/.test(name));
  const isAlone = (name: string) => cameras.filter((other) => other.name === name).length === 1;
  return cameras.map(({ number, name }) => ({ name, source: isAlone(name) && !name.includes(':') ? name : number }));
}
