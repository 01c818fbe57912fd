/**
 * The screen of a kiosk, opened before anything that can fail: whatever keeps the stages from opening is shown with its
 * code. It needs nothing of the data folder that it cannot do without.
 */
import { dirname, join, resolve } from 'node:path';
import type { FaultCode } from '../config/faults.ts';
import type { KioskConfig } from '../config/options/kiosk-options.ts';
import { type Cancel, every } from '../config/ports/clock.ts';
import type { Host } from '../config/ports/host.ts';
import { cameraPages, guideOf } from './camera/configured-camera.ts';
import type { PageLinks } from './camera/page-link.ts';
import { type Display, openDisplay } from './display/display.ts';
import type { StaffReply } from './display/messages.ts';
import { sessionFile } from './display/session-file.ts';
import type { StaffHandler } from './display/staff-channel.ts';
import { closedSnapshot } from './display/supervisor-snapshot.ts';
import type { SupervisorSnapshot } from './display/supervisor-view.ts';
import { loadRemoteConfig, type RemoteOptions } from './remote-config.ts';
import type { KioskFacts } from './service/kiosk-facts.ts';
import { createMetrics, type Metrics } from './service/metrics.ts';

/** What the stages answer once they are open. */
export interface ScreenStages {
  facts(): KioskFacts;
  snapshot(): SupervisorSnapshot;
  readonly onStaff: StaffHandler;
  onLinkReused(): void;
}

export interface KioskScreen {
  readonly display: Display;
  /** Where pages offer their camera; undefined where the kiosk has one of its own. */
  readonly pages: PageLinks | undefined;
  readonly metrics: Metrics;
  /** The options in force. */
  readonly remote: RemoteOptions;
  /** Returns how to take the stages off again. */
  attach(stages: ScreenStages): Cancel;
  /** Why the stages cannot be opened. */
  showFault(fault: FaultCode, detail?: string): void;
  close(): Promise<void>;
}

export interface KioskScreenOptions {
  readonly config: KioskConfig;
  /** Relative paths of the configuration start here. */
  readonly configFile: string;
  readonly allowDemo: boolean;
}

const SNAPSHOT_MS = 1_000;
const NOT_READY: StaffReply = {
  ok: false,
  vi: 'Máy chưa sẵn sàng. Thử lại sau khi lỗi trên trang này đã hết.',
  en: 'The kiosk is not ready. Try again once the fault on this page is gone.',
};

/** Throws Fault('display-port-busy') and nothing else for what an operator can mend. */
export async function openKioskScreen({ config: local, configFile, allowDemo }: KioskScreenOptions, host: Host): Promise<KioskScreen> {
  const path = (given: string) => resolve(dirname(resolve(configFile)), given);
  const dataDir = path(local.dataDir);
  const remote = loadRemoteConfig(local, { file: join(dataDir, 'config.cose'), keyring: path(local['keyring.file']) }, host);
  const { config } = remote;
  const pages = cameraPages(config);
  const metrics = createMetrics();
  const tokenDir = join(dataDir, 'display');
  let stages: ScreenStages | undefined;
  let fault: FaultCode = 'starting';
  let detail: string | undefined;
  /** Before there was a journal to put them in. */
  let linksReused = 0;
  const display = await openDisplay(
    {
      port: config['display.port'],
      tokenDir,
      sessions: sessionFile(join(tokenDir, 'sessions.json'), host.log),
      guide: guideOf(config),
      required: config['display.required'],
      camera: pages,
      metrics: { contentType: metrics.contentType, text: () => metrics.text(stages?.facts(), fault) },
      onLinkReused() {
        if (stages === undefined) linksReused++;
        else stages.onLinkReused();
      },
      onStaff: (message) => stages?.onStaff(message) ?? NOT_READY,
    },
    host,
  );
  const stopSnapshots = every(host.clock, SNAPSHOT_MS, () => {
    display.setSupervisor(
      stages?.snapshot() ?? closedSnapshot({ config, demo: allowDemo, display }, { fault, detail }, host.clock.wallMs()),
    );
  });
  const showFault = (next: FaultCode, why?: string) => {
    fault = next;
    detail = why;
    display.setLane({ open: false, fault });
  };
  return {
    ...{ display, pages, metrics, remote, showFault },
    attach(opened) {
      stages = opened;
      for (; linksReused > 0; linksReused--) opened.onLinkReused();
      return () => {
        stages = undefined;
        pages?.pause();
        showFault('starting');
      };
    },
    async close() {
      stopSnapshots();
      await display.close();
    },
  };
}
