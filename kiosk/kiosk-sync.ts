/**
 * Joins a kiosk to its centre: three loops, each on a connection of its own, so that no upload holds up a list and no
 * download an urgent hold. What they need of journal, registry and time is handed to them here.
 */
import { join } from 'node:path';
import { z } from 'zod';
import { loadOrCreateKey } from '../config/host/private-file.ts';
import type { KioskConfig } from '../config/options/kiosk-options.ts';
import type { Host } from '../config/ports/host.ts';
import type { Signer } from '../sync/credential/signer.ts';
import { type FeedLoop, startFeedLoop } from '../sync/edge/feed-loop.ts';
import { type PullLoop, startPullLoop } from '../sync/edge/pull-loop.ts';
import { type PushLoop, startPushLoop } from '../sync/edge/push-loop.ts';
import { createUpstreamClient } from '../sync/edge/upstream-client.ts';
import { journalIdText } from '../sync/protocol/batch.ts';
import type { KioskTime } from './decision/kiosk-time.ts';
import type { Journal } from './journal/journal.ts';
import type { KioskState } from './journal/kiosk-state.ts';
import type { FeedOverlay } from './registry/feed-overlay.ts';
import { offerKeyring, offerPolicy } from './registry/offer-statement.ts';
import type { Registry } from './registry/registry.ts';
import { fetchedFiles } from './registry/registry-slice.ts';

export interface SyncParts {
  readonly config: KioskConfig;
  /** Absolute. */
  readonly paths: { readonly dataDir: string; readonly keyring: string; readonly policy: string; readonly manifest: string };
  readonly bootId: string;
  readonly signer: Signer;
  readonly journal: Journal;
  readonly registry: Registry;
  readonly overlay: FeedOverlay | undefined;
  readonly time: KioskTime;
  readonly state: KioskState;
}

export interface KioskSync {
  readonly push: PushLoop;
  readonly pull: PullLoop;
  readonly feed: FeedLoop;
  stop(): Promise<void>;
}

const markSchema = z.object({ journalId: journalIdText, n: z.number().int().min(0) });

/** Undefined for a kiosk without a centre. */
export function startSync(parts: SyncParts, host: Host): KioskSync | undefined {
  const { config, paths, bootId, signer, journal, registry, overlay, time, state } = parts;
  const url = config['upstream.url'];
  if (url === undefined || overlay === undefined) return undefined;
  const { kioskId } = config;
  const { keyring } = registry;
  const pins = () => keyring()?.upstreamPins ?? [];
  const clients = Array.from({ length: 3 }, () => createUpstreamClient({ url: new URL(url), pins, keyId: kioskId, signer }, host));
  const [pushClient, pullClient, feedClient] = clients;
  if (pushClient === undefined || pullClient === undefined || feedClient === undefined) throw new Error('three loops, three clients');
  const slice = () => registry.content()?.slice;
  const spreadMs = config['upstream.reconnectSpreadMs'];

  const push = startPushLoop(
    {
      journal: {
        ...journal,
        startNewJournal: (afterSeq, lost) => journal.startNewJournal(afterSeq, lost, { nowMs: time.nowMs(), clockState: time.state() }),
        // On a full disk room for the next crossing is worth more than what upstream has already.
        prune: (acknowledged) => journal.prune(acknowledged, journal.fault() === 'disk-full' ? 0 : config['journal.keepMs']),
      },
      mark: {
        read: () => markSchema.safeParse(state.get('sync.mark')).data,
        write: (mark) => state.set('sync.mark', mark),
      },
      client: pushClient,
      kioskId,
      bootId,
      receiptKeys: () => keyring()?.roles.receipt,
      reconnectSpreadMs: spreadMs,
    },
    host,
  );
  const pull = startPullLoop(
    {
      client: pullClient,
      kioskId,
      sliceId: config['slice.id'],
      sealingSecret: loadOrCreateKey(join(paths.dataDir, 'keys/sealing.key'), host.random),
      bytesMax: config['slice.bytesMax'],
      log: host.log,
      inbox: {
        inUse: slice,
        manifestFile: paths.manifest,
        filesFor: (manifest) => fetchedFiles(paths.manifest, manifest),
        refresh: registry.refresh,
      },
      keyring,
      offerKeyring: (text) => offerKeyring(paths.keyring, config['keyring.root'], text),
      offerPolicy(text) {
        const known = keyring();
        return known !== undefined && offerPolicy(paths.policy, known, text);
      },
      spreadMs,
    },
    host,
  );
  const feed = startFeedLoop(
    {
      client: feedClient,
      kioskId,
      inbox: { cursor: overlay.cursor, sliceVersion: () => slice()?.manifest.version, apply: overlay.apply },
      keyring,
      onSignedTime: time.noteSignedTime,
      onOtherSlice: pull.wake,
    },
    host,
  );
  return {
    push,
    pull,
    feed,
    async stop() {
      for (const client of clients) client.close();
      await Promise.all([push.stop(), pull.stop(), feed.stop()]);
    },
  };
}
