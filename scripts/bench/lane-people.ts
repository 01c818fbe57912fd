/** The people of `bench lane`: what each holds up and how, drawn from a seed; most may pass, a few may not. */
import type { DemoKit } from '../../fixtures/demo-kit.ts';
import { type HeldCode, renderVisit } from '../../fixtures/render-qr.ts';
import { createSeededRandom } from '../../fixtures/simulated-host.ts';

export interface Person {
  readonly description: string;
  /** State of the screen. */
  readonly expected: string;
  readonly comes: readonly Uint8Array[];
  readonly holds: readonly Uint8Array[];
  readonly leaves: readonly Uint8Array[];
  /** Before the next person holds out a code. */
  readonly pauseMs: number;
}

export interface PeopleOptions {
  readonly widthPx: number;
  readonly heightPx: number;
  readonly count: number;
  readonly seed: number;
}

/** As renderVisit has them. */
const COMING_FRAMES = 3;
const HOLD_FRAMES = 5;
const PAUSE_MS_MAX = 500;
/** One in so many holds up a code that does not pass. */
const REFUSED_EVERY = 12;

export function createPeople(kit: DemoKit, { widthPx, heightPx, count, seed }: PeopleOptions): Person[] {
  const random = createSeededRandom(seed * 331 + 7);
  const dice = () => (random.bytes(1)[0] ?? 0) / 256;
  const between = (low: number, high: number) => low + (high - low) * dice();
  const refused = kit.cases.filter((person) => person.case === 'expired' || person.case === 'held' || person.case === 'forged');
  return Array.from({ length: count }, (_, index) => {
    const bad = index % REFUSED_EVERY === REFUSED_EVERY - 1 ? refused[Math.floor(index / REFUSED_EVERY) % refused.length] : undefined;
    const trouble = dice();
    const code: HeldCode = {
      text: bad?.text ?? kit.moreValid[index] ?? '',
      look: dice() < 0.6 ? 'phone' : 'paper',
      modulePx: between(3, 4.6),
      x: between(0.42, 0.58),
      y: between(0.46, 0.54),
      turnDeg: between(-12, 12),
      tiltDeg: between(0, 22),
      ...(trouble < 0.25 && { glare: between(0.3, 0.6) }),
      ...(trouble > 0.75 && { blurPx: between(0.8, 1.3) }),
    };
    const frames = renderVisit({ widthPx, heightPx, seed: seed * 100 + index, code }, HOLD_FRAMES);
    const way = trouble < 0.25 ? ', glare' : trouble > 0.75 ? ', blurred' : '';
    return {
      description: `person ${index + 1} (${code.look}, ${code.modulePx.toFixed(1)} px a module, tilt ${code.tiltDeg?.toFixed(0)}${way})`,
      expected: bad?.expected.verdict ?? 'pass',
      comes: frames.slice(0, COMING_FRAMES),
      holds: frames.slice(COMING_FRAMES, COMING_FRAMES + HOLD_FRAMES),
      leaves: frames.slice(COMING_FRAMES + HOLD_FRAMES),
      pauseMs: between(0, PAUSE_MS_MAX),
    };
  });
}
