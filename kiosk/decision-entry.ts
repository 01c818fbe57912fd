/** What the journal is given of a decision: the sealed part, the count of the day, and what a pass leaves to be known again (pure). */
import type { Credential } from '../sync/credential/credential.ts';
import type { Direction } from '../sync/protocol/golden-case.ts';
import { forClass, type Policy } from '../sync/protocol/policy.ts';
import { countedVerdict } from '../sync/protocol/reasons.ts';
import { dayName } from './decision/day-name.ts';
import type { Decision, DecisionContext, Presented } from './decision/decide.ts';
import { inputsOf } from './decision/replay.ts';
import type { Entry } from './journal/journal.ts';
import type { PassedCredential } from './journal/reuse-index.ts';
import type { RegistryContent } from './registry/registry.ts';

/** What a decision made now rests on. */
export interface Now {
  readonly content: RegistryContent;
  readonly context: DecisionContext;
}

/** What a presentation took: monotonic milliseconds of its first look, looks, and the decoder's time for the last. */
export interface Took {
  readonly sinceMs: number;
  readonly frames: number;
  readonly decodeMs: number;
}

export function decisionEntry(decision: Decision, presented: Presented, { content, context }: Now, { decodeMs, frames }: Took): Entry {
  const { verdict, reason, credential, plate, grade } = decision;
  const { nowMs, policy, direction } = context;
  const passed = verdict === 'pass' && credential !== undefined;
  return {
    kind: 'decision',
    sealTo: content.keyring.sealingKey,
    count: { day: dayName(nowMs), verdict: countedVerdict(decision) },
    passed: passed ? passedCredential(credential, nowMs, policy, direction) : undefined,
    decision: {
      verdict,
      reason,
      kid: credential?.kid,
      form: credential?.form,
      claims: credential?.claims,
      direction,
      plate,
      grade,
      decodeMs,
      frames,
      inputs: inputsOf(presented, context),
    },
  };
}

function passedCredential(credential: Credential, passedAtMs: number, policy: Policy, direction: Direction): PassedCredential {
  const rememberedS = Math.max(forClass(policy.antiPassbackS, credential.claims.class), policy.occupancy?.stayS ?? 0);
  return { credential, passedAtMs, subjectUntilMs: passedAtMs + rememberedS * 1000, inside: direction !== 'out' };
}
