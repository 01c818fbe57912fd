/** The demo's own centre: an upstream in the same process, in the demo's folder, at which the demo's kiosk enrols. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { KioskConfig } from '../config/options/kiosk-options.ts';
import { parseConfig } from '../config/options/parse-config.ts';
import type { Host } from '../config/ports/host.ts';
import type { DemoKit } from '../fixtures/demo-kit.ts';
import type { Upstream } from '../sync/upstream/open-upstream.ts';
import { CommandError, exitCode } from './command.ts';
import { enrolWith } from './enrol.ts';
import { loadOperatorToken, openStore, startUpstream } from './upstream.ts';

export interface DemoCentre {
  readonly upstream: Upstream;
  /** The configuration of the kiosk that is enrolled here. */
  readonly config: KioskConfig;
  /** Address of the overview page, with its password. */
  readonly pageUrl: string;
  /** Crossings that the centre can be asked for. */
  projected(): Promise<number>;
}

const TOKEN_MS = 600_000;

export async function openDemoCentre(kit: DemoKit, port: number, host: Host): Promise<DemoCentre> {
  const { folder, keyring, root } = kit.upstream;
  const store = `sqlite:${join(kit.folder, 'upstream', 'store.db')}`;
  const upstream = await startUpstream(
    {
      store,
      keys: folder,
      keyring,
      root,
      address: '127.0.0.1',
      port,
      tlsCert: undefined,
      tlsKey: undefined,
      retentionDays: undefined,
      logLevel: 'warn',
      allowDemo: true,
    },
    host,
  );
  try {
    kit.configure({ 'upstream.url': upstream.url, 'upstream.reconnectSpreadMs': 0 });
    const config = readConfig(kit.configFile);
    const { kioskId, checkpointId, lane } = config;
    const token = await upstream.desk.issueToken({ kioskId, checkpointId, lane }, TOKEN_MS);
    await enrolWith(config, kit.configFile, token, host);
    const page = new URL(upstream.url);
    page.username = 'demo';
    page.password = loadOperatorToken(folder, host);
    return {
      upstream,
      config,
      pageUrl: page.href,
      async projected() {
        await upstream.settle();
        const own = openStore(store);
        try {
          return (await own.counts()).crossings;
        } finally {
          await own.close();
        }
      },
    };
  } catch (error) {
    await upstream.close();
    throw error;
  }
}

function readConfig(file: string): KioskConfig {
  const parsed = parseConfig(readFileSync(file, 'utf8'));
  if (!parsed.ok) throw new CommandError(exitCode.software, `the demo's own configuration: ${parsed.problems[0].key}`);
  return parsed.config;
}
