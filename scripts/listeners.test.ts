/**
 * An error that nobody listens to ends the program. Whatever can raise one (servers, upgraded streams, sockets, children,
 * workers, streams of files) is made in a few files, each of which listens; a further place must be added here, with its listener.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { expect, it } from 'vitest';
import { packageRoot } from '../config/host/install-paths.ts';

const MAKERS: Readonly<Record<string, { readonly pattern: RegExp; readonly files: readonly string[] }>> = {
  servers: {
    pattern: /\bcreateServer\(|\bfastify\(|\bcreateSecureServer\(/,
    files: [
      'kiosk/display/page-server.ts',
      'kiosk/peers/peer-socket.ts',
      'scripts/bench/feed.ts',
      'sync/holder/serve-holder.ts',
      'sync/upstream/http/server.ts',
    ],
  },
  'upgraded streams': { pattern: /\.on\('(?:upgrade|connect|checkContinue)'/, files: ['kiosk/display/page-server.ts'] },
  'web sockets': { pattern: /new WebSocket(?:Server)?\(/, files: ['kiosk/display/page-server.ts', 'kiosk/peers/peer-socket.ts'] },
  connections: {
    pattern: /\b(?:tls|net)\.connect\(|\bhttps?\)?\.request\(|= connect\(/,
    files: ['scripts/bench/feed.ts', 'sync/edge/pinned-agent.ts', 'sync/edge/upstream-client.ts'],
  },
  children: {
    pattern: /\bspawn\(|\bexecFile\(/,
    files: ['kiosk/camera/ffmpeg-source.ts', 'kiosk/camera/run-tool.ts', 'scripts/bench/feed.ts', 'scripts/video-frames.ts'],
  },
  workers: { pattern: /\bstartWorker\(|new Worker\(/, files: ['config/host/worker.ts', 'kiosk/decode/worker-decoder.ts'] },
  'streams of files': {
    pattern: /\bcreateReadStream\(|\bcreateWriteStream\(|\bcreateInterface\(/,
    files: ['scripts/keys/sign-keyring.ts', 'sync/edge/fetch-slice-file.ts', 'sync/upstream/registry/import-csv.ts'],
  },
};
/** A callback, `for await` or a promise takes the error there. */
const LISTENS = /\.on\('error'|\btendServer\(|\bexecFile\(|for await \(|readline\/promises/;

function sources(): readonly (readonly [string, string])[] {
  return ['config', 'kiosk', 'sync', 'scripts'].flatMap((room) =>
    readdirSync(join(packageRoot, room), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile() && /\.ts$/.test(entry.name) && !/\.(test|d)\.ts$/.test(entry.name))
      .map((entry) => join(entry.parentPath, entry.name))
      // A page's sockets and workers are the browser's.
      .filter((path) => !path.includes(`${join('display', 'pages')}`) && !path.includes(join('holder', 'page')))
      .map((path) => [relative(packageRoot, path).replaceAll('\\', '/'), readFileSync(path, 'utf8')] as const),
  );
}

it.each(Object.entries(MAKERS))('%s are made only where somebody listens to their errors', (_name, { pattern, files }) => {
  const found = sources().filter(([, text]) => pattern.test(text.replaceAll(/^\s*(?:\*|\/\/|\/\*).*$/gm, '')));
  expect(found.map(([path]) => path).sort()).toEqual([...files].sort());
  for (const [path, text] of found) expect(LISTENS.test(text), `${path} listens to errors`).toBe(true);
});

it('lets no listener of errors go after the first one where more may come', () => {
  const once = sources().filter(([, text]) => /\b(?:child|worker|socket)\.once\('error'/.test(text));
  // The browser's camera ends with the first one; the socket itself has its own listener in display.ts.
  expect(once.map(([path]) => path)).toEqual(['kiosk/display/camera-link.ts']);
});
