/** The demo's own centre: an upstream in the same process, in the demo's folder, at which the demo's kiosk enrols. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { readTextFile } from '../config/host/text-file.ts';
import type { KioskConfig } from '../config/options/kiosk-options.ts';
import { parseConfig } from '../config/options/parse-config.ts';
import type { Host } from '../config/ports/host.ts';
import type { DemoKit } from '../fixtures/demo-kit.ts';
import { fromHex, toHex } from '../sync/credential/bytes.ts';
import { authorityDay } from '../sync/protocol/authority-time.ts';
import { STORE_ID_BYTES } from '../sync/protocol/store-identity.ts';
import type { Upstream } from '../sync/upstream/open-upstream.ts';
import { importCsv } from '../sync/upstream/registry/import-csv.ts';
import { initStore } from '../sync/upstream/store/open-store.ts';
import { CommandError, exitCode } from './command.ts';
import { enrolWith } from './enrol.ts';
import { readKeyFile } from './key-file.ts';
import { openStore, storeFile } from './store.ts';
import { loadOperatorToken, startUpstream } from './upstream.ts';

export interface DemoCentre {
  readonly upstream: Upstream;
  /** The configuration of the kiosk that is enrolled here. */
  readonly config: KioskConfig;
  /** What the overview page asks for. */
  readonly operatorToken: string;
  /** Holds a further person at the centre; resolves when that is done. */
  hold(): Promise<void>;
  /** Crossings that the centre can be asked for. */
  projected(): Promise<number>;
}

const TOKEN_MS = 600_000;
const REVOKED_S = 8 * 86_400;

export async function openDemoCentre(kit: DemoKit, port: number, host: Host): Promise<DemoCentre> {
  const { folder, keyring, root } = kit.upstream;
  const store = `sqlite:${join(kit.folder, 'upstream', 'store.db')}`;
  if (!existsSync(storeFile(store))) initStore(store, { storeId: toHex(host.random.bytes(STORE_ID_BYTES)), atMs: host.clock.wallMs() });
  await fillRegistry(kit, store, host);
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
      slices: undefined,
      policy: join(kit.folder, 'policy.cose'),
      publishS: 5,
      slice: [],
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
    return {
      upstream,
      config,
      operatorToken: loadOperatorToken(folder, host),
      async hold() {
        const own = openStore(store);
        try {
          const today = authorityDay(host.clock.wallMs() / 1000);
          const change = { kind: 'status', pseudonym: kit.traveller.subject, status: 'F0', fromDay: today, untilDay: undefined } as const;
          await own.changeRegistry([change], true, { atMs: host.clock.wallMs(), actor: 'demo', action: 'status F0', detail: '' });
        } finally {
          await own.close();
        }
      },
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

/** The people of the demo, as an operator would bring them in: held persons from a file, and a credential that is revoked. */
async function fillRegistry(kit: DemoKit, given: string, host: Host): Promise<void> {
  const store = openStore(given);
  try {
    const subjectKey = readKeyFile(join(kit.upstream.folder, 'subject.key'));
    const fail = (line: number, reason: string) => {
      throw new CommandError(exitCode.software, `the demo's own registry, line ${line}: ${reason}`);
    };
    await importCsv(
      store,
      { file: kit.registry.csv, subjectKey, actor: 'demo', dryRun: false, onBadRow: fail, onProgress: () => undefined },
      host,
    );
    const nowMs = host.clock.wallMs();
    const revoked = { kind: 'revoked', cti: fromHex(kit.registry.revoked), expiresAt: Math.floor(nowMs / 1000) + REVOKED_S } as const;
    await store.changeRegistry([revoked], false, { atMs: nowMs, actor: 'demo', action: 'revoked', detail: '' });
  } finally {
    await store.close();
  }
}

function readConfig(file: string): KioskConfig {
  const parsed = parseConfig(readTextFile(file));
  if (!parsed.ok) throw new CommandError(exitCode.software, `the demo's own configuration: ${parsed.problems[0].key}`);
  return parsed.config;
}
