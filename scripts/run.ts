/** `checkpoint-kiosk run`: the kiosk. Starts even where something is broken, says what, and goes on by itself once it is mended. */
import { Fault, faults } from '../config/faults.ts';
import { createNodeHost } from '../config/host/node-host.ts';
import type { KioskConfig } from '../config/options/kiosk-options.ts';
import { type Kiosk, openKiosk } from '../kiosk/main.ts';
import { ed25519Backend } from '../sync/credential/ed25519.ts';
import { exitCode } from './command.ts';
import { loadConfig } from './config-check.ts';
import { untilStopped } from './until-stopped.ts';

const RETRY_MS = 5_000;

export async function runKiosk(configFile: string): Promise<number> {
  const config = loadConfig(configFile);
  const host = createNodeHost(config['log.level']);
  const stopped = untilStopped();
  let isStopped = false;
  void stopped.then(() => {
    isStopped = true;
  });
  let kiosk: Kiosk | undefined;
  while (kiosk === undefined && !isStopped) {
    kiosk = await tryOpen(config, configFile, host);
    if (kiosk === undefined) await Promise.race([stopped, new Promise<void>((resolve) => host.clock.after(RETRY_MS, resolve))]);
  }
  if (kiosk === undefined) return exitCode.ok;
  host.log.info('kiosk-started', { port: kiosk.display.port, ed25519: ed25519Backend() });
  const signal = await Promise.race([kiosk.checkpoint.done, stopped]);
  host.log.info('kiosk-stopping', { signal: signal ?? 'source ended' });
  await kiosk.close();
  return exitCode.ok;
}

async function tryOpen(config: KioskConfig, configFile: string, host: ReturnType<typeof createNodeHost>): Promise<Kiosk | undefined> {
  try {
    return await openKiosk({ config, configFile, allowDemo: false, loops: Infinity, watcher: {} }, host);
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    const { screenCode, action } = faults[error.code];
    host.log.error(error.code, { screenCode, why: error.message, action, retryMs: RETRY_MS });
    return undefined;
  }
}
