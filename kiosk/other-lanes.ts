/** Joins a kiosk to the other lanes of its checkpoint: what the room of the peers needs of journal, registry and time. */
import { join } from 'node:path';
import { z } from 'zod';
import { Fault } from '../config/faults.ts';
import type { KioskConfig } from '../config/options/kiosk-options.ts';
import type { Host } from '../config/ports/host.ts';
import type { Signer } from '../sync/credential/signer.ts';
import { forClass } from '../sync/protocol/policy.ts';
import type { DecisionEvent } from './checkpoint.ts';
import type { KioskTime } from './decision/kiosk-time.ts';
import { createDoubleUseRecorder } from './double-use-recorder.ts';
import type { Journal } from './journal/journal.ts';
import type { KioskState } from './journal/kiosk-state.ts';
import { kioskKey } from './kiosk-keys.ts';
import { openPeers, type PeerFiles, type Peers } from './peers/peers.ts';
import { createRecorder } from './recorder.ts';
import type { Registry } from './registry/registry.ts';

export interface OtherLaneParts {
  readonly config: KioskConfig;
  readonly dataDir: string;
  readonly bootId: string;
  readonly signer: Signer;
  readonly journal: Journal;
  readonly registry: Registry;
  readonly time: KioskTime;
  readonly state: KioskState;
}

export interface OtherLanes extends Peers {
  /** Tells the other lanes of a decision, where it was a pass. */
  onDecision(event: Pick<DecisionEvent, 'record' | 'decision'>): void;
}

const FLOOR = 'version.peers';

export function peerFiles(dataDir: string): PeerFiles {
  return { list: join(dataDir, 'peers.cose'), database: join(dataDir, 'peers.db') };
}

/** Undefined for a kiosk that listens for no other lane, or that cannot keep what they say: the lane then stands alone. */
export function openOtherLanes(parts: OtherLaneParts, host: Host): OtherLanes | undefined {
  const { config, dataDir, bootId, signer, journal, registry, time, state } = parts;
  const port = config['peers.port'];
  if (port === undefined) return undefined;
  const { kioskId, checkpointId } = config;
  const recorder = createRecorder(journal, registry, time, host);
  try {
    const peers = openPeers(
      {
        identity: { kioskId, checkpointId, bootId, signer },
        sealingSecret: kioskKey(dataDir, 'sealing', host.random),
        files: peerFiles(dataDir),
        listen: { host: config['peers.address'], port },
        keyring: registry.keyring,
        floor: {
          read: () => z.number().catch(0).parse(state.get(FLOOR)),
          raise: (version) => state.set(FLOOR, version),
        },
        nowMs: time.nowMs,
        record: createDoubleUseRecorder(journal, (entry) => recorder.append(entry)),
      },
      host,
    );
    return {
      ...peers,
      onDecision({ record, decision: { verdict, credential } }) {
        const policy = registry.content()?.policy;
        if (verdict !== 'pass' || credential === undefined || policy === undefined) return;
        const windowMs = forClass(policy.antiPassbackS, credential.claims.class) * 1000;
        peers.publish({ ref: record.id, credential, passedAtMs: Date.parse(record.eventTime), windowMs });
      },
    };
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    host.log.warn(error.code, { detail: error.detail });
    return undefined;
  }
}
