/** `checkpoint-kiosk policy`: a policy to begin with, whether one is right, and why a code got its verdict under it. */
import { existsSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { z } from 'zod';
import { nodeClock } from '../config/host/node-host.ts';
import { readTextFile } from '../config/host/text-file.ts';
import type { KioskConfig } from '../config/options/kiosk-options.ts';
import { parseConfig } from '../config/options/parse-config.ts';
import { type DecisionContext, declarationAgeSMax, type Presented } from '../kiosk/decision/decide.ts';
import { type Explanation, explainDecision } from '../kiosk/decision/explain-decision.ts';
import { failedGoldenCases } from '../kiosk/decision/golden.ts';
import { gradeData } from '../kiosk/decision/staleness.ts';
import { openFeedOverlay } from '../kiosk/registry/feed-overlay.ts';
import { openRegistry, type RegistryContent } from '../kiosk/registry/registry.ts';
import { readCredential } from '../sync/credential/credential.ts';
import { parseEnvelopes, parsePayload } from '../sync/credential/statement.ts';
import { localInstantS } from '../sync/protocol/authority-time.ts';
import type { Direction } from '../sync/protocol/golden-case.ts';
import { type Policy, policySchema } from '../sync/protocol/policy.ts';
import { policyTemplate } from '../sync/protocol/policy-template.ts';
import { reasonOrder } from '../sync/protocol/reasons.ts';
import { normalisePlate } from '../sync/protocol/tags.ts';
import { CommandError, exitCode } from './command.ts';

export function printTemplate(profile: Policy['profile']): void {
  process.stdout.write(`${JSON.stringify(policyTemplate(profile), null, 2)}\n`);
}

/** Exit code 1 where a golden case does not come out, 65 where it is no policy at all. */
export function checkPolicy(file: string, json: boolean): number {
  const parsed = policySchema.safeParse(withHeader(readBody(file)));
  if (!parsed.success) {
    const problems = parsed.error.issues.map(({ path, message }) => ({ path: path.join('.'), message }));
    if (json) process.stdout.write(`${JSON.stringify({ ok: false, problems, failed: [], warnings: [] })}\n`);
    throw new CommandError(exitCode.dataError, `${file} is no policy:\n${z.prettifyError(parsed.error)}`);
  }
  const policy = parsed.data;
  const unknown = policy.golden.filter(({ expect }) => !reasonOrder.some((reason) => reason === expect));
  const failed = failedGoldenCases(policy);
  const warnings = [
    ...unknown.map(({ rule, expect }) => `golden case "${rule}": ${expect} is no reason (explain lists them)`),
    ...warningsOf(policy),
  ];
  if (json) process.stdout.write(`${JSON.stringify({ ok: failed.length === 0, problems: [], failed, warnings })}\n`);
  else {
    for (const { rule, expected, actual } of failed) process.stdout.write(`FAILED  ${rule}: gives ${actual}, should give ${expected}\n`);
    for (const warning of warnings) process.stdout.write(`warning ${warning}\n`);
    const passed = policy.golden.length - failed.length;
    process.stdout.write(`${policy.id} (${policy.profile}): ${passed} of ${policy.golden.length} golden cases come out\n`);
    if (failed.length > 0) process.stderr.write('  no kiosk would activate it: mend the rule or the case\n');
  }
  return failed.length === 0 ? exitCode.ok : exitCode.failed;
}

/** What is allowed and yet looks like a slip. */
function warningsOf(policy: Policy): string[] {
  const { access, curfews, occupancy, paperClasses, askIdClasses, antiPassbackS, staleness, golden } = policy;
  const shown = new Set(golden.map(({ expect }) => expect));
  const unshown = (applies: boolean, reason: string) => (applies && !shown.has(reason) ? [`no golden case shows ${reason}`] : []);
  const admitted = new Set(access.flatMap(({ classes }) => classes));
  const nobody = [1, 2, 3, 4, 5, 6].filter((one) => !admitted.has(one));
  const windows = [antiPassbackS.default, ...Object.values(antiPassbackS.byClass)];
  return [
    ...(nobody.length === 0 ? [] : [`class ${nobody.join(', ')} passes nowhere`]),
    ...(windows.includes(0) ? ['anti-passback of 0 s: a code that is handed on passes again at once'] : []),
    ...(policy.passOnUnknownClock ? ['codes pass before the time is known (passOnUnknownClock)'] : []),
    ...(staleness.statuses.closedS > 7 * 86_400 ? ['statuses may be older than a week before the lane closes'] : []),
    ...unshown(
      access.some(({ hours, days }) => hours !== undefined || days !== undefined),
      'hours-not-permitted',
    ),
    ...unshown(
      access.some(({ directions }) => directions !== undefined),
      'direction-not-permitted',
    ),
    ...unshown(
      access.some(({ areas }) => areas !== undefined),
      'class-not-permitted',
    ),
    ...unshown(curfews.length > 0, 'curfew'),
    ...unshown(occupancy !== undefined, 'venue-full'),
    ...unshown(paperClasses.length < 6, 'paper-needs-staff'),
    ...unshown(askIdClasses.length > 0, 'id-unchecked'),
    ...unshown(policy.plateUnchecked === 'see-staff', 'plate-unchecked'),
    ...unshown(true, 'status-hold'),
    ...unshown(true, 'revoked'),
  ];
}

export interface ExplainPolicyOptions {
  readonly config: string;
  readonly code: string;
  /** Local time YYYY-MM-DDTHH:MM; now, unless given. */
  readonly at?: string | undefined;
  readonly direction?: Direction | undefined;
  readonly plate?: string | undefined;
  readonly idNumber?: string | undefined;
  readonly passedAgoS?: number | undefined;
  readonly uses?: number | undefined;
  readonly inside?: number | undefined;
  readonly json: boolean;
}

const quietHost = {
  clock: nodeClock,
  random: { bytes: (count: number) => new Uint8Array(count) },
  log: { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined },
};

/** Decides as the kiosk of this configuration would, from its own files; of earlier passes it knows what it is told. */
export function explainPolicy(options: ExplainPolicyOptions): void {
  const config = readConfig(options.config);
  const { content, close } = openLists(config, options.config);
  try {
    const nowMs = options.at === undefined ? nodeClock.wallMs() : localInstantS(options.at) * 1000;
    const freshAtMs = content.dataFreshAtMs();
    const context: DecisionContext = {
      nowMs,
      policy: content.policy,
      area: config.area,
      direction: options.direction ?? config.direction,
      surroundings: {
        clock: 'trusted',
        grades: gradeData(freshAtMs, nowMs, content.policy),
        trustExpired: nowMs >= content.keyring.expiresAtMs,
      },
    };
    print(explainDecision(presentedOf(options, content, context), context, freshAtMs), options.json);
  } finally {
    close();
  }
}

function presentedOf(
  options: ExplainPolicyOptions,
  content: RegistryContent,
  { nowMs, policy }: DecisionContext,
): Extract<Presented, { kind: 'code' }> {
  const now = Math.floor(nowMs / 1000);
  const read = readCredential(options.code, { trust: content.trust(), now, declarationAgeSMax: declarationAgeSMax(policy) });
  const passedAtMs = options.passedAgoS === undefined ? undefined : nowMs - options.passedAgoS * 1000;
  return {
    kind: 'code',
    read,
    slice: read.ok ? content.slice.lookup(read.value.claims) : undefined,
    reuse: {
      credentialPassedAtMs: passedAtMs,
      subjectPassedAtMs: passedAtMs,
      uses: options.uses ?? (passedAtMs === undefined ? 0 : 1),
      step: undefined,
      nobodyBetween: false,
    },
    plate: options.plate === undefined ? undefined : normalisePlate(options.plate),
    idDigits: options.idNumber,
    inside: options.inside ?? 0,
  };
}

function print(explanation: Explanation, json: boolean): void {
  if (json) {
    process.stdout.write(`${JSON.stringify(explanation)}\n`);
    return;
  }
  const { verdict, reason, screenCode, meaning, action, steps } = explanation;
  const lines = steps.flatMap(({ ok, vi, en }) => [`${ok ? '✓' : '✕'} ${vi}`, `  ${en}`]);
  const code = screenCode === undefined ? '' : ` ${screenCode}`;
  const next = action.vi === '' ? [] : [`→ ${action.vi}`, `  ${action.en}`];
  process.stdout.write([...lines, `= ${verdict} (${reason})${code}: ${meaning.vi}.`, `  ${meaning.en}.`, ...next, ''].join('\n'));
}

function openLists(config: KioskConfig, configFile: string): { readonly content: RegistryContent; close(): void } {
  const path = (given: string) => resolve(dirname(resolve(configFile)), given);
  const feedFile = join(path(config.dataDir), 'feed.db');
  const overlay = existsSync(feedFile) ? openFeedOverlay(feedFile) : undefined;
  const registry = openRegistry(
    {
      files: {
        keyring: path(config['keyring.file']),
        root: config['keyring.root'],
        policy: path(config['policy.file']),
        slice: { database: path(config['slice.file']), manifest: path(config['slice.manifestFile']), key: path(config['slice.keyFile']) },
      },
      floor: { get: () => undefined, raise: () => undefined },
      audiences: [config.kioskId, config.checkpointId],
      allowDemo: true,
      overlay,
    },
    quietHost,
  );
  const close = () => {
    registry.close();
    overlay?.close();
  };
  const content = registry.content();
  if (content !== undefined) return { content, close };
  close();
  throw new CommandError(
    exitCode.dataError,
    `the lists of ${configFile} cannot be used: ${registry.fault() ?? 'not read'} (explain says what to do)`,
  );
}

function readConfig(file: string): KioskConfig {
  const parsed = parseConfig(readText(file));
  if (parsed.ok) return parsed.config;
  throw new CommandError(exitCode.config, `${file}: ${parsed.problems[0].key} is wrong (config check says more)`);
}

/** A JSON body, or what a signed policy holds. */
function readBody(file: string): Record<string, unknown> {
  const text = readText(file);
  const envelopes = text.trimStart().startsWith('{') ? undefined : parseEnvelopes(text);
  const anything = z.record(z.string(), z.unknown());
  if (envelopes?.ok === true) {
    const body = parsePayload(envelopes.value[0], anything);
    if (body.ok) return body.value;
  }
  try {
    return anything.parse(JSON.parse(text));
  } catch (error) {
    throw new CommandError(
      exitCode.dataError,
      `${file} is neither JSON nor a signed statement: ${error instanceof Error ? error.message : error}`,
    );
  }
}

/** What signing would add. */
function withHeader(body: Record<string, unknown>): Record<string, unknown> {
  const now = new Date(nodeClock.wallMs()).toISOString();
  return { version: 1, issuedAt: now, expires: now, audience: '*', ...body };
}

function readText(file: string): string {
  try {
    return readTextFile(file);
  } catch (error) {
    throw new CommandError(exitCode.noInput, `cannot read ${file}: ${error instanceof Error ? error.message : error}`);
  }
}
