/** `checkpoint-kiosk run`: the kiosk. Starts even where something is broken, says what, and goes on by itself once it is mended. */
import { dirname, resolve } from 'node:path';
import { type Closers, closingAfter } from '../config/closers.ts';
import { Fault, type FaultCode, faults } from '../config/faults.ts';
import { createNodeHost } from '../config/host/node-host.ts';
import type { KioskConfig } from '../config/options/kiosk-options.ts';
import type { Host } from '../config/ports/host.ts';
import { type KioskScreen, openKioskScreen } from '../kiosk/kiosk-screen.ts';
import { type Kiosk, openKiosk } from '../kiosk/main.ts';
import { ed25519Backend } from '../sync/credential/ed25519.ts';
import { exitCode } from './command.ts';
import { loadConfig } from './config-check.ts';
import { setupProblems } from './config-setup.ts';
import { untilStopped } from './until-stopped.ts';

const RETRY_MS = 5_000;

export async function runKiosk(configFile: string): Promise<number> {
  const config = loadConfig(configFile);
  const host = createNodeHost(config['log.level']);
  const path = (given: string) => resolve(dirname(resolve(configFile)), given);
  for (const { key, expected, found } of setupProblems({ config, lines: new Map(), path })) {
    // Folder and keyring have faults of their own, which say when they are mended.
    if (key.startsWith('camera.')) host.log.warn('config-doubtful', { key, expected, found });
  }
  return closingAfter((opened) => runUntilStopped(opened, config, configFile, host));
}

async function runUntilStopped(opened: Closers, config: KioskConfig, configFile: string, host: Host): Promise<number> {
  const stopped = untilStopped();
  let isStopped = false;
  void stopped.then(() => {
    isStopped = true;
  });
  const waitToRetry = () => Promise.race([stopped, new Promise<void>((resolve) => host.clock.after(RETRY_MS, resolve))]);
  const openScreen = async () => {
    const fresh = opened.add(await openKioskScreen({ config, configFile, allowDemo: false }, host));
    host.log.info('display-open', { port: fresh.display.port });
    return fresh;
  };
  let screen: KioskScreen | undefined;
  let kiosk: Kiosk | undefined;
  while (kiosk === undefined && !isStopped) {
    screen ??= await tryOpen(openScreen, host);
    if (screen !== undefined) {
      const own = screen;
      const options = { config, configFile, allowDemo: false, loops: Infinity, watcher: {} };
      kiosk = await tryOpen(() => openKiosk(options, host, own), host, own.showFault);
    }
    if (kiosk === undefined) await waitToRetry();
  }
  if (kiosk === undefined) return exitCode.ok;
  opened.add(kiosk);
  host.log.info('kiosk-started', { port: kiosk.display.port, ed25519: ed25519Backend() });
  const signal = await Promise.race([kiosk.checkpoint.done, stopped]);
  host.log.info('kiosk-stopping', { signal: signal ?? 'source ended' });
  return exitCode.ok;
}

/** What `open` opens; undefined where a Fault, which is then shown and logged, keeps it shut. */
async function tryOpen<T>(
  open: () => Promise<T>,
  { log }: Host,
  show: (fault: FaultCode, detail?: string) => void = () => undefined,
): Promise<T | undefined> {
  try {
    return await open();
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    const { screenCode, action } = faults[error.code];
    show(error.code, error.detail);
    log.error(error.code, { screenCode, why: error.message, action, retryMs: RETRY_MS });
    return undefined;
  }
}
