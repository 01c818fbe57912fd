/**
 * Earlier passes, by keyed hash of credential and person: the memory behind anti-passback, uses and "already recorded".
 * Its rows are on disk beside the records that made them; this index is rebuilt from them at the start.
 */
import { createHmac } from 'node:crypto';
import { toHex } from '../../sync/credential/bytes.ts';
import type { Credential } from '../../sync/credential/credential.ts';
import type { ReuseState } from '../decision/decide.ts';
import type { ReuseTag } from './segment.ts';

export interface PassedCredential {
  readonly credential: Credential;
  readonly passedAtMs: number;
  /** Until when the person is remembered, Unix milliseconds. */
  readonly subjectUntilMs: number;
  /** Whether this pass led in. */
  readonly inside: boolean;
}

interface Passes {
  readonly lastPassedAtMs: number;
  readonly expiresAtMs: number;
  readonly uses: number;
  readonly step: number | undefined;
  readonly inside: boolean | undefined;
}

export interface ReuseIndex {
  find(credential: Credential): Omit<ReuseState, 'nobodyBetween'>;
  /** People who came in after an instant, and have not left. */
  inside(sinceMs: number): number;
  tagsFor(passed: PassedCredential): ReuseTag[];
  add(tags: readonly ReuseTag[]): void;
  /** Drops what is over at `wallMs`, and at the last pass of all: a clock that is years ahead after a boot forgets nobody. */
  rebuild(tags: readonly ReuseTag[], wallMs: number): void;
}

const TAG_BYTES = 16;

export function createReuseIndex(key: Uint8Array): ReuseIndex {
  const passes = new Map<string, Passes>();
  const tagOf = (domain: 'credential' | 'subject', id: Uint8Array) =>
    new Uint8Array(createHmac('sha256', key).update(domain).update(id).digest().subarray(0, TAG_BYTES));

  const add = (tags: readonly ReuseTag[]) => {
    for (const { tag, passedAtMs, expiresAtMs, step, inside } of tags) {
      const name = toHex(tag);
      const earlier = passes.get(name);
      passes.set(name, {
        lastPassedAtMs: Math.max(passedAtMs, earlier?.lastPassedAtMs ?? 0),
        expiresAtMs: Math.max(expiresAtMs, earlier?.expiresAtMs ?? 0),
        uses: (earlier?.uses ?? 0) + 1,
        step: step ?? earlier?.step,
        inside: inside ?? earlier?.inside,
      });
    }
  };

  return {
    find({ claims }) {
      const own = passes.get(toHex(tagOf('credential', claims.cti)));
      const subject = passes.get(toHex(tagOf('subject', claims.subject)));
      return {
        credentialPassedAtMs: own?.lastPassedAtMs,
        subjectPassedAtMs: subject?.lastPassedAtMs,
        uses: own?.uses ?? 0,
        step: own?.step,
      };
    },
    inside: (sinceMs) => [...passes.values()].filter(({ inside, lastPassedAtMs }) => inside === true && lastPassedAtMs > sinceMs).length,
    tagsFor({ credential, passedAtMs, subjectUntilMs, inside }) {
      const { claims, step } = credential;
      return [
        { tag: tagOf('credential', claims.cti), passedAtMs, expiresAtMs: claims.expiresAt * 1000, step, inside: undefined },
        { tag: tagOf('subject', claims.subject), passedAtMs, expiresAtMs: subjectUntilMs, step: undefined, inside },
      ];
    },
    add,
    rebuild(tags, wallMs) {
      passes.clear();
      const nowMs = tags.reduce((newestMs, { passedAtMs }) => Math.max(newestMs, Math.min(passedAtMs, wallMs)), 0);
      add(tags.filter(({ expiresAtMs }) => expiresAtMs > nowMs));
    },
  };
}
