/** `checkpoint-kiosk kiosk set`: options of kiosks from afar. What is named changes; what was set before stays. */
import { nodeClock } from '../config/host/node-host.ts';
import { refusedRemotely } from '../config/options/remote-options.ts';
import { writeAudit } from './audit.ts';
import { CommandError, exitCode } from './command.ts';
import { openStore } from './store.ts';

export interface KioskSetOptions {
  readonly store: string;
  /** Names of options. */
  readonly unset: readonly string[];
}

/** For one kiosk, or for all (`*`); prints all that is set for it then. In force when a kiosk starts the next time. */
export async function setKioskOptions(
  scope: string,
  assignments: readonly string[],
  { store: given, unset }: KioskSetOptions,
): Promise<void> {
  const set = Object.fromEntries(assignments.map(assignmentOf));
  if (assignments.length + unset.length === 0) throw new CommandError(exitCode.usage, 'give option=value, or --unset option');
  const both = unset.filter((name) => Object.hasOwn(set, name));
  if (both.length > 0) throw new CommandError(exitCode.usage, `${both.join(', ')}: set and unset at once`);
  const refused = refusedRemotely(set);
  if (refused.length > 0) throw new CommandError(exitCode.dataError, refused.map(({ key, reason }) => `${key}: ${reason}`).join('; '));
  const store = openStore(given);
  try {
    if (scope !== '*' && (await store.findKiosk(scope)) === undefined) {
      throw new CommandError(exitCode.failed, `no kiosk is called ${scope}`);
    }
    const before = await store.configOf(scope);
    const absent = unset.filter((name) => !Object.hasOwn(before, name));
    if (absent.length > 0) {
      const listed = Object.keys(before).join(', ') || 'nothing';
      throw new CommandError(exitCode.dataError, `${absent.join(', ')}: not set for ${scope}; set is ${listed}`);
    }
    const values = await store.changeConfig(scope, { set, unset }, nodeClock.wallMs());
    await writeAudit(store, 'kiosk set', `${scope}: ${[...assignments, ...unset.map((name) => `--unset ${name}`)].join(' ')}`);
    process.stdout.write(`${JSON.stringify({ scope, values })}\n`);
  } finally {
    await store.close();
  }
}

function assignmentOf(assignment: string): [string, string | number | boolean] {
  const [, name, text] = /^([\w.]+)=(.*)$/.exec(assignment) ?? [];
  if (name === undefined || text === undefined) throw new CommandError(exitCode.usage, `${assignment}: expected option=value`);
  return [name, /^(true|false)$/.test(text) ? text === 'true' : /^-?\d+(\.\d+)?$/.test(text) ? Number(text) : text];
}
