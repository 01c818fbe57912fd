/** `checkpoint-kiosk replay`: decides stored decisions again, from what is sealed in them, and compares. */
import { readTextFile } from '../config/host/text-file.ts';
import { replay } from '../kiosk/decision/replay.ts';
import { readKeyring } from '../sync/credential/keyring.ts';
import { storedDecisions } from '../sync/upstream/projector/open-batch.ts';
import { loadUpstreamKeys } from '../sync/upstream/upstream-keys.ts';
import { CommandError, exitCode } from './command.ts';
import { openStore } from './store.ts';
import type { KeyOptions } from './upstream.ts';
import { loadPolicy } from './verify.ts';

export interface ReplayOptions extends KeyOptions {
  readonly store: string;
  /** Signed policies: each decision is made again by the one that it was made by. */
  readonly policy: readonly string[];
  readonly limit: number;
}

const PROGRESS = 1_000;

/** Exit code 1 where one came out otherwise. */
export async function runReplay(options: ReplayOptions): Promise<number> {
  const keys = loadUpstreamKeys({ keyring: options.keyring, root: options.root, folder: options.keys, allowDemo: true });
  const keyring = readKeyring(readTextFile(options.keyring), options.root);
  if (!keyring.ok) throw new CommandError(exitCode.dataError, `${options.keyring}: ${keyring.reason}`);
  const policies = new Map(options.policy.map((file) => loadPolicy(file, keyring.value)).map((policy) => [policy.version, policy]));
  const store = openStore(options.store);
  const totals = { replayed: 0, same: 0, different: 0, policyMissing: 0, plateNotKept: 0, unopened: 0 };
  try {
    for await (const { record, decision: sealed } of storedDecisions(store, keys.sealing)) {
      if (totals.replayed >= options.limit) break;
      const policy = policies.get(record.policyVersion ?? 0);
      if (!sealed.ok) totals.unopened++;
      else if (policy === undefined) totals.policyMissing++;
      else {
        const again = replay(sealed.value, record.clockState, policy);
        if (again === undefined) {
          totals.plateNotKept++;
          continue;
        }
        totals.replayed++;
        const isSame = again.verdict === sealed.value.verdict && again.reason === sealed.value.reason;
        totals[isSame ? 'same' : 'different']++;
        const { verdict, reason } = sealed.value;
        if (!isSame) process.stderr.write(`${record.id}: was ${verdict} ${reason}, is ${again.verdict} ${again.reason}\n`);
        if (totals.replayed % PROGRESS === 0) process.stderr.write(`  ${totals.replayed} decisions\n`);
      }
    }
  } finally {
    await store.close();
  }
  process.stdout.write(`${JSON.stringify(totals)}\n`);
  if (totals.policyMissing > 0) process.stderr.write('  some were decided by a policy that was not given: add it with --policy\n');
  return totals.different === 0 && totals.replayed > 0 ? exitCode.ok : exitCode.failed;
}
