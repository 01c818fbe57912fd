/** The one sentence over all tiles: what is wrong, and what still works. The worst comes first. Pure. */
import type { Grade } from '../../../../sync/protocol/evidence.ts';
import { nextExpiries } from '../../../../sync/protocol/expiry.ts';
import type { SupervisorSnapshot } from '../../supervisor-view.ts';
import { spanText } from './spans.ts';
import { expiryText, type Heard, PAGE_SILENT_MS } from './tiles.ts';
import { type Language, say } from './words.ts';

export interface Banner {
  readonly level: Grade;
  readonly text: string;
}

/** `heard`: undefined before the first word. `isKnown`: false once the kiosk has refused this browser. */
export function bannerOf(heard: Heard | undefined, isKnown: boolean, language: Language): Banner {
  if (!isKnown) return { level: 'red', text: say('needsLink', language) };
  if (heard === undefined) return { level: 'red', text: say('notHeard', language) };
  if (heard.agoMs > PAGE_SILENT_MS)
    return { level: 'red', text: `${say('lost', language)} ${spanText(heard.agoMs, language)}. ${say('lostThen', language)}` };
  const { snapshot } = heard;
  if (snapshot.fault !== undefined) return { level: 'red', text: closedText(snapshot.fault, language) };
  const doubt = DOUBTS.flatMap((find) => find(heard, language) ?? [])[0];
  return doubt === undefined ? { level: 'green', text: say('open', language) } : { level: 'amber', text: doubt };
}

function closedText(
  { screenCode, summary, action, summaryVi, actionVi, detail }: NonNullable<SupervisorSnapshot['fault']>,
  language: Language,
): string {
  const words = language === 'vi' ? `${summaryVi} ${actionVi}` : `${summary} ${action}`;
  return `${say('closed', language)} ${screenCode}: ${words}${detail === undefined ? '' : ` (${detail})`}`;
}

type FindDoubt = (heard: Heard, language: Language) => string | undefined;

/** Of an open lane, the gravest first: at the first nobody passes. */
const DOUBTS: readonly FindDoubt[] = [
  ({ snapshot: { grades } }, language) => (grades.lane === 'green' ? undefined : say('doubtClock', language)),
  ({ snapshot: { grades } }, language) => (grades.camera === 'green' ? undefined : say('doubtCamera', language)),
  ({ snapshot: { grades } }, language) => (grades.screen === 'green' ? undefined : say('doubtScreen', language)),
  (
    {
      snapshot: {
        slice: { refused },
      },
    },
    language,
  ) =>
    refused &&
    `${refused.screenCode}: ${language === 'vi' ? `${refused.summaryVi} ${refused.actionVi}` : `${refused.summary} ${refused.action}`}`,
  ({ snapshot: { grades, slice }, agoMs }, language) =>
    grades.slice === 'green'
      ? undefined
      : `${say('doubtData', language)} (${spanText((slice.ageMs ?? 0) + agoMs, language)}). ${say('doubtDataThen', language)}`,
  ({ snapshot, agoMs }, language) => {
    const { centre, grades, slice } = snapshot;
    if (centre === undefined || grades.centre === 'green') return undefined;
    const { feed } = centre.ages;
    // Who is away is told by the feed, by which a hold would come; where that is well something else is late.
    if (centre.grades.feed === 'green') return say('doubtLate', language);
    const away = feed === undefined ? say('doubtNever', language) : `${say('doubtCentre', language)} ${spanText(feed + agoMs, language)}`;
    return `${away}. ${say('doubtCentreThen', language)} ${spanText((slice.ageMs ?? 0) + agoMs, language)}.`;
  },
  ({ snapshot: { grades } }, language) =>
    grades.lanes === undefined || grades.lanes === 'green' ? undefined : say('doubtLanes', language),
  // Weeks before, its tile says so; in the last days it is what is wrong.
  ({ snapshot, agoMs }, language) => {
    const [first] = nextExpiries(snapshot.expiries, Date.parse(snapshot.clock.at) + agoMs);
    return first === undefined || first.grade !== 'red' ? undefined : `${expiryText(first, language)}. ${say('doubtExpiryThen', language)}`;
  },
  ({ snapshot: { grades, clock } }, language) =>
    grades.clock === 'green' || clock.state === 'confirmed'
      ? undefined
      : say(clock.state === 'trusted' ? 'doubtTimeOld' : 'doubtTime', language),
];
