/**
 * What each tile says, and what it is worth: a value, the age of its own evidence, and a level. The page adds the time since it
 * last heard the kiosk; once that is too long it knows nothing, whatever the kiosk said last. Pure.
 */
import type { Grade, SyncLoop } from '../../../../sync/protocol/evidence.ts';
import { type NextExpiry, nextExpiries } from '../../../../sync/protocol/expiry.ts';
import type { SupervisorSnapshot } from '../../supervisor-view.ts';
import { countText, decimal, spanText } from './spans.ts';
import { type Language, say, type TextName } from './words.ts';

/** `plain`: a number that is neither good nor bad. */
export type Level = Grade | 'plain' | 'unknown';

export interface Tile {
  readonly name: TextName;
  readonly level: Level;
  readonly value: string;
  /** How old the evidence is, or what else stands below in small. */
  readonly note: string;
}

/** What the page last heard, and how long ago. */
export interface Heard {
  readonly snapshot: SupervisorSnapshot;
  readonly agoMs: number;
}

/** The kiosk says how it is every second; after this the page knows nothing. */
export const PAGE_SILENT_MS = 2_500;

const CAMERAS: Readonly<Record<string, TextName>> = {
  live: 'cameraLive',
  degraded: 'cameraDegraded',
  starting: 'cameraStarting',
  down: 'cameraDown',
};

export function tilesOf(heard: Heard, language: Language): Tile[] {
  const tiles = TILES.flatMap((tile) => tile(heard, language) ?? []);
  if (heard.agoMs <= PAGE_SILENT_MS) return tiles;
  return tiles.map(({ name }) => ({ name, level: 'unknown', value: say('nothingKnown', language), note: '' }));
}

type MakeTile = (heard: Heard, language: Language) => Tile | undefined;

const camera: MakeTile = ({ snapshot, agoMs }, language) => {
  const { state, frameAgeMs, frameRateHz, picture } = snapshot.camera;
  const rate = `${decimal(frameRateHz, language)} ${say('framesASecond', language)}`;
  const light = picture === undefined ? [] : [`${say('brightness', language)} ${Math.round((picture.level / 255) * 100)} %`];
  return {
    ...{ name: 'camera', level: snapshot.grades.camera, value: say(CAMERAS[state] ?? 'nothingKnown', language) },
    note: [rate, ...light, ageText('pictureAge', frameAgeMs, agoMs, language)].join(' · '),
  };
};

const screen: MakeTile = ({ snapshot, agoMs }, language) => {
  const { connected, state, confirmedAgeMs } = snapshot.screen;
  return {
    ...{ name: 'screen', level: snapshot.grades.screen },
    value: connected ? `${say('shows', language)}: ${say(`screen-${state}`, language)}` : say('missing', language),
    note: ageText('confirmedAge', confirmedAgeMs, agoMs, language),
  };
};

const clock: MakeTile = ({ snapshot, agoMs }, language) => {
  const { state, signedAgeMs } = snapshot.clock;
  return {
    ...{ name: 'clock', level: snapshot.grades.clock, value: say(`clock-${state}`, language) },
    note: signedAgeMs === undefined ? say('neverSigned', language) : ageText('signedAge', signedAgeMs, agoMs, language),
  };
};

const data: MakeTile = ({ snapshot, agoMs }, language) => {
  const { listed, revoked, ageMs, grade, grades, refused } = snapshot.slice;
  const level = snapshot.grades.slice;
  if (listed === undefined || grade === undefined) return { name: 'slice', level, value: say('noData', language), note: '' };
  const classes = grades === undefined || grade === 'fresh' ? [] : [gradesText(grades, language)];
  return {
    ...{ name: 'slice', level, value: `${countText(listed, language)} ${say('listed', language)}` },
    note: [
      `${countText(revoked ?? 0, language)} ${say('revokedCodes', language)}`,
      ageText('dataAge', ageMs, agoMs, language),
      say(`data-${grade}`, language),
      ...classes,
      ...(refused === undefined ? [] : [`${refused.screenCode} ${language === 'vi' ? refused.summaryVi : refused.summary}`]),
    ].join(' · '),
  };
};

const LOOPS: readonly { readonly loop: SyncLoop; readonly name: TextName }[] = [
  { loop: 'feed', name: 'feedAge' },
  { loop: 'heartbeat', name: 'reportAge' },
  { loop: 'pull', name: 'pullAge' },
  { loop: 'push', name: 'pushAge' },
];

const centre: MakeTile = ({ snapshot, agoMs }, language) => {
  const level = snapshot.grades.centre;
  if (snapshot.centre === undefined || level === undefined) {
    return snapshot.fault?.code === 'starting'
      ? undefined
      : { name: 'upstream', level: 'plain', value: say('noCentre', language), note: '' };
  }
  const { ages, grades } = snapshot.centre;
  // The feed brings holds, so its age is always there; of the others those that are late.
  const said = LOOPS.filter(({ loop }) => loop === 'feed' || grades[loop] !== 'green');
  return {
    ...{ name: 'upstream', level, value: say(`centre-${level}`, language) },
    note: said.map(({ loop, name }) => ageText(name, ages[loop], agoMs, language)).join(' · '),
  };
};

const queue: MakeTile = ({ snapshot, agoMs }, language) => {
  const { records, unacknowledged } = snapshot.journal;
  const oldest = snapshot.centre?.oldestAgeMs;
  const isWaiting = snapshot.centre !== undefined && unacknowledged > 0;
  return {
    ...{ name: 'journal', level: snapshot.centre?.grades.push ?? 'plain' },
    value: `${countText(unacknowledged, language)} ${say('waiting', language)}`,
    note: [
      ...(isWaiting ? [ageText('oldestAge', oldest, agoMs, language)] : []),
      `${countText(records, language)} ${say('records', language)}`,
    ].join(' · '),
  };
};

const lanes: MakeTile = ({ snapshot: { lanes: others, grades } }, language) =>
  others && {
    ...{ name: 'lanes', level: grades.lanes ?? 'plain' },
    value: `${others.connected} / ${others.listed} ${say('connected-lanes', language)}`,
    note: '',
  };

const validity: MakeTile = ({ snapshot, agoMs }, language) => {
  const all = nextExpiries(snapshot.expiries, Date.parse(snapshot.clock.at) + agoMs);
  const [first] = all;
  if (first === undefined) return undefined;
  return {
    ...{ name: 'validity', level: first.grade, value: expiryText(first, language) },
    note: all
      .slice(1)
      .map((one) => expiryText(one, language))
      .join(' · '),
  };
};

const today: MakeTile = ({ snapshot: { counts } }, language) => {
  const part = (icon: string, count: number, name: TextName) => `${icon} ${countText(count, language)} ${say(name, language)}`;
  return {
    ...{ name: 'today', level: 'plain' },
    value: [part('✓', counts.pass, 'countPass'), part('✕', counts.deny, 'countDeny')].join(' · '),
    note: [part('!', counts.seeStaff, 'countStaff'), part('=', counts.alreadyRecorded, 'countRecorded')].join(' · '),
  };
};

const reading: MakeTile = ({ snapshot: { readMsP50, readMsP95 } }, language) => {
  const seconds = (spanMs: number) => `${decimal(spanMs / 1000, language, 2)} ${language === 'vi' ? 'giây' : 's'}`;
  if (readMsP50 === undefined) return { name: 'read', level: 'plain', value: say('noneYet', language), note: '' };
  return {
    ...{ name: 'read', level: 'plain', value: `${say('half', language)} ${seconds(readMsP50)}` },
    note: `${say('most', language)} ${seconds(readMsP95 ?? readMsP50)}`,
  };
};

const TILES: readonly MakeTile[] = [camera, screen, data, centre, clock, queue, lanes, validity, today, reading];

export function expiryText({ name, days }: NextExpiry, language: Language): string {
  const what = say(`expiry-${name}`, language);
  if (days < 0) return `${what} ${say('expired', language)}`;
  return language === 'vi' ? `${what} còn ${days} ngày` : `${what}: ${days} days left`;
}

/** `ageMs` was true when the kiosk spoke; undefined or, over the wire, null: there was no such thing yet. */
function ageText(name: TextName, ageMs: number | undefined | null, agoMs: number, language: Language): string {
  const label = say(name, language);
  if (ageMs === undefined || !Number.isFinite(ageMs)) return `${label}: ${say('notYet', language)}`;
  const span = spanText((ageMs ?? 0) + agoMs, language);
  return language === 'vi' ? `${label} ${span} trước` : `${label} ${span} ago`;
}

function gradesText({ statuses, revocations, keys }: NonNullable<SupervisorSnapshot['slice']['grades']>, language: Language): string {
  const of = (name: TextName, grade: typeof statuses) => `${say(name, language)} ${say(`data-${grade}`, language)}`;
  return [of('dataStatuses', statuses), of('dataRevocations', revocations), of('dataKeys', keys)].join(', ');
}
