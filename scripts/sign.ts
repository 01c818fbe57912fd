/** `checkpoint-kiosk keys sign` for a policy or a slice manifest: turns a JSON file into a signed statement, after its schema was checked. */
import { writeFileSync } from 'node:fs';
import { z } from 'zod';
import { nodeClock } from '../config/host/node-host.ts';
import { readTextFile } from '../config/host/text-file.ts';
import { failedGoldenCases } from '../kiosk/decision/golden.ts';
import { signStatement } from '../sync/credential/statement.ts';
import { policySchema } from '../sync/protocol/policy.ts';
import { sliceManifestSchema } from '../sync/protocol/slice.ts';
import { CommandError, exitCode } from './command.ts';
import { readKeyFile } from './key-file.ts';

/** What people sign offline; the rest is signed by upstream as it works. */
const schemas = { policy: policySchema, 'slice-manifest': sliceManifestSchema } as const;

export interface SignOptions {
  readonly type: keyof typeof schemas;
  readonly key: string;
  readonly body: string;
  readonly out: string | undefined;
  /** Validity where the body names none. */
  readonly days: number;
}

/** version, issuedAt, expires and audience may be left out of the body: now, the given days, everybody. */
export function signFile({ type, key, body, out, days }: SignOptions): void {
  const nowMs = nodeClock.wallMs();
  const header = {
    version: Math.floor(nowMs / 1000),
    issuedAt: new Date(nowMs).toISOString(),
    expires: new Date(nowMs + days * 86_400_000).toISOString(),
    audience: '*',
  };
  const parsed = schemas[type].safeParse({ ...header, ...readObject(body) });
  if (!parsed.success) throw new CommandError(exitCode.dataError, `${body} is no ${type}:\n${z.prettifyError(parsed.error)}`);
  const [failed] = type === 'policy' ? failedGoldenCases(policySchema.parse(parsed.data)) : [];
  if (failed !== undefined) {
    const { rule, actual, expected } = failed;
    throw new CommandError(
      exitCode.dataError,
      `${body}: golden case "${rule}" gives ${actual}, should give ${expected}; no kiosk would activate it`,
    );
  }
  const line = `${signStatement(type, parsed.data, readKeyFile(key))}\n`;
  if (out === undefined) process.stdout.write(line);
  else writeFileSync(out, line);
}

function readObject(file: string): Record<string, unknown> {
  try {
    return z.record(z.string(), z.unknown()).parse(JSON.parse(readTextFile(file)));
  } catch (error) {
    throw new CommandError(exitCode.dataError, `${file} is no JSON object: ${error instanceof Error ? error.message : error}`);
  }
}
