/** The audit of what is done at the centre's command line. */
import { nodeClock } from '../config/host/node-host.ts';
import { operatingUser } from '../config/host/operating-user.ts';
import type { AuditEntry, RegistryStore } from '../sync/upstream/store/store.ts';

/** `given`: what `--actor` says of who asked for it; the account that did it stands beside it. */
export function auditEntry(action: string, detail: string, given?: string): AuditEntry {
  const user = operatingUser();
  return { atMs: nodeClock.wallMs(), actor: given === undefined ? user : `${given} (${user})`, action, detail };
}

/** For acts that change no registry. */
export async function writeAudit(store: Pick<RegistryStore, 'addAudit'>, action: string, detail: string): Promise<void> {
  await store.addAudit(auditEntry(action, detail));
}
