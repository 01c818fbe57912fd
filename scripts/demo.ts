/** `checkpoint-kiosk demo`: a whole kiosk with its own keys and people, before a rendered camera picture or a real camera. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import QRCode from 'qrcode';
import { z } from 'zod';
import { type Closers, closingAfter } from '../config/closers.ts';
import { createNodeHost } from '../config/host/node-host.ts';
import { sleep } from '../config/ports/clock.ts';
import type { Host } from '../config/ports/host.ts';
import type { Log, LogFields } from '../config/ports/log.ts';
import { openDemoCamera } from '../fixtures/demo-camera.ts';
import { createDemoKit, type DemoCase, type DemoKit } from '../fixtures/demo-kit.ts';
import type { DecisionEvent } from '../kiosk/checkpoint.ts';
import type { Journal } from '../kiosk/journal/journal.ts';
import { type Kiosk, openKiosk } from '../kiosk/main.ts';
import { countedVerdict } from '../sync/protocol/reasons.ts';
import { recordSchema } from '../sync/protocol/records.ts';
import { exitCode } from './command.ts';
import { type DemoCentre, openDemoCentre } from './demo-centre.ts';
import { untilStopped } from './until-stopped.ts';

export interface DemoOptions {
  readonly loops: number;
  readonly json: boolean;
  readonly camera: string | undefined;
  readonly port: number;
  readonly centrePort: number;
  readonly folder: string | undefined;
}

interface DemoResult {
  readonly case: DemoCase['case'];
  readonly verdict: string | null;
  readonly reason: string | null;
  readonly expected: DemoCase['expected'];
}

/** The slice comes from the centre a moment after the kiosk has asked for it. */
const EVERY_START: ReadonlySet<string> = new Set(['slice-missing']);
const READ_LINES = 1_000;
const DRAIN_MS = 15_000;
const LOOK_MS = 50;
const VERDICT_TEXT = {
  pass: 'MỜI QUA     pass',
  deny: 'DỪNG LẠI    deny',
  'see-staff': 'GẶP CÁN BỘ  see staff',
  'already-recorded': 'ĐÃ GHI NHẬN recorded',
} as const;

export async function runDemo(options: DemoOptions): Promise<number> {
  const say = (line: string) => process.stderr.write(`${line}\n`);
  const folder = options.folder ?? mkdtempSync(join(tmpdir(), 'checkpoint-demo-'));
  try {
    return await closingAfter((opened) => demoIn(opened, folder, options, say));
  } finally {
    if (options.folder === undefined) rmSync(folder, { recursive: true, force: true });
  }
}

/** Nothing of the demo is to be renewed, so nothing warns of its end. */
const VALID_DAYS = 60;

async function demoIn(opened: Closers, folder: string, options: DemoOptions, say: (line: string) => void): Promise<number> {
  const machine = createNodeHost('silent');
  const host = { ...machine, log: demoLog(say, options.json) };
  const clipFile = join(folder, 'people.y4m');
  const kit = createDemoKit(
    {
      ...{ folder, nowMs: host.clock.wallMs(), demo: true, slice: false, pinSubjectKey: true, config: cameraConfig(options, clipFile) },
      validDays: VALID_DAYS,
    },
    host.random,
  );
  say('checkpoint-kiosk demo: its own keys and six made-up people; nothing leaves this computer.');
  const isReplay = options.camera === undefined;
  const { loops } = options;
  // Drawn while centre and kiosk start: the first person is there when the lane opens.
  const people = isReplay ? openDemoCamera({ file: clipFile, texts: kit.cases.map(({ text }) => text), loops }, host) : undefined;
  if (people !== undefined) opened.add(people);
  else await writeCodes(kit, say);
  const results: DemoResult[] = [];
  let personIndex = 0;
  let wasOpen = false;
  let feedMs: number | null = null;
  let isOver = false;
  const centre = await openDemoCentre(kit, options.centrePort, host);
  opened.add(centre.upstream);
  say(`  enrolled with the centre of this demo, ${centre.upstream.url}`);
  const kiosk = await openKiosk(
    {
      config: centre.config,
      configFile: kit.configFile,
      allowDemo: true,
      loops,
      camera: people,
      watcher: {
        onSighting({ frame }) {
          if (people !== undefined && frame !== undefined) personIndex = people.personAt(frame.sequence);
        },
        onDecision(event) {
          say(decisionLine(event));
          const person = kit.cases[personIndex % kit.cases.length];
          const { verdict, reason } = event.decision;
          if (isReplay && person !== undefined) results.push({ case: person.case, verdict, reason, expected: person.expected });
        },
        onLane(fault) {
          if (fault === undefined) people?.begin();
          // A kiosk that has just been enrolled has no list yet: its first closing is part of the start.
          if (fault === undefined || wasOpen) say(fault === undefined ? '  lane open' : `  lane closed: ${fault}`);
          wasOpen ||= fault === undefined;
        },
      },
    },
    host,
  );
  opened.add(kiosk);
  opened.defer(() => {
    isOver = true;
  });
  announce(kiosk, centre, say, options);
  void timeFeed(kiosk, centre, kit, () => isOver, host).then((ms) => {
    feedMs = ms;
    if (ms !== null) say(`  a hold made at the centre stops its person here after ${ms} ms`);
  });
  await Promise.race([kiosk.checkpoint.done, untilStopped(), ...(people === undefined ? [] : [people.failed])]);
  isOver = true;
  const isSynced = (await kiosk.sync?.push.drained(DRAIN_MS)) === true;
  const summary = {
    ...summarise(kit, results, options),
    journalled: countDecisions(kiosk.journal, kiosk.journal.lastSeq()),
    acknowledged: countDecisions(kiosk.journal, kiosk.sync?.push.state().acknowledged ?? 0),
    projected: await centre.projected(),
    feedMs,
  };
  if (options.json) process.stdout.write(`${JSON.stringify(summary)}\n`);
  if (!isSynced) say('  the centre has not acknowledged everything');
  const isRight = !isReplay || options.loops === Infinity || (isSynced && summary.cases.every(isExpected));
  return isRight ? exitCode.ok : exitCode.failed;
}

function cameraConfig({ camera, port }: DemoOptions, clipFile: string) {
  return {
    'camera.kind': cameraKind(camera),
    'camera.source': camera === 'browser' ? 'default' : (camera ?? clipFile),
    'display.port': port,
    // The demo runs without a browser too; with one it shows and confirms like a kiosk.
    'display.required': false,
  };
}

function cameraKind(camera: string | undefined) {
  if (camera === undefined) return 'replay';
  if (camera === 'browser') return 'browser';
  return camera.startsWith('rtsp') ? 'rtsp' : camera.startsWith('http') ? 'mjpeg' : 'v4l2';
}

/** For somebody who sees this program for the first time: in words, and nothing of what belongs to every start. */
function demoLog(say: (line: string) => void, json: boolean): Log {
  const quiet = () => undefined;
  const tell = (event: string, fields: LogFields = {}) => {
    if (EVERY_START.has(event)) return;
    const more = Object.entries(fields).map(([name, value]) => `${name} ${String(value)}`);
    say(`  ${[event, ...more].join(', ')}`);
  };
  return { debug: quiet, info: quiet, warn: json ? quiet : tell, error: tell };
}

/** With a real camera the codes are files to show or print. */
async function writeCodes(kit: DemoKit, say: (line: string) => void): Promise<void> {
  for (const { case: name, text } of kit.cases) {
    const file = join(kit.folder, `code-${name}.png`);
    await QRCode.toFile(file, text, { errorCorrectionLevel: 'M', scale: 8 });
    say(`  hold this up: ${file}`);
  }
}

function announce(kiosk: Kiosk, centre: DemoCentre, say: (line: string) => void, { camera, loops }: DemoOptions): void {
  say('');
  say(`  citizen screen:    ${kiosk.display.enterUrl('citizen')}`);
  say(`  supervisor screen: ${kiosk.display.enterUrl('supervisor')}`);
  say(`  centre:            ${centre.upstream.url}/`);
  say(`    sign in with:    ${centre.operatorToken}`);
  say('  Each screen address works once, in one browser; after that use the same browser or start the demo again.');
  say(
    `  camera: ${camera === undefined ? 'six rendered people, over and over' : 'a real one'}${loops === Infinity ? '; stop with Ctrl+C' : ''}`,
  );
  say('');
}

function decisionLine({ decision, readMs, frames }: DecisionEvent): string {
  return `  ${VERDICT_TEXT[countedVerdict(decision)].padEnd(22)} ${decision.reason.padEnd(16)} read in ${Math.round(readMs)} ms, ${frames} frames`;
}

function isExpected({ verdict, reason, expected }: DemoResult): boolean {
  return verdict === expected.verdict && reason === expected.reason;
}

/** A person whom nobody decided on stands in the list without a verdict. */
function summarise(kit: DemoKit, results: readonly DemoResult[], options: DemoOptions) {
  const missing = kit.cases.filter((person) => !results.some((result) => result.case === person.case));
  const cases = [
    ...results,
    ...(options.camera === undefined ? missing : []).map((person) => ({
      case: person.case,
      verdict: null,
      reason: null,
      expected: person.expected,
    })),
  ];
  const count = (verdict: string) => results.filter((result) => result.verdict === verdict).length;
  return {
    presented: results.length,
    pass: count('pass'),
    deny: count('deny'),
    seeStaff: count('see-staff'),
    unread: results.filter(({ reason }) => reason === 'unreadable').length,
    cases,
  };
}

/** Holds a further person at the centre and waits until the kiosk would stop that person: milliseconds; null where it ended before. */
async function timeFeed(kiosk: Kiosk, centre: DemoCentre, kit: DemoKit, isOver: () => boolean, host: Host): Promise<number | null> {
  while (!isOver() && kiosk.checkpoint.fault() !== undefined) await sleep(host.clock, LOOK_MS);
  const startMs = host.clock.monotonicMs();
  if (!isOver()) await centre.hold();
  while (!isOver()) {
    const held = kiosk.registry.content()?.slice.lookup({ cti: new Uint8Array(8), subject: kit.traveller.subject });
    if (held?.status === 'F0') return Math.round(host.clock.monotonicMs() - startMs);
    await sleep(host.clock, 1);
  }
  return null;
}

/** Decisions among the records up to number `upTo`. */
function countDecisions(journal: Journal, upTo: number): number {
  let count = 0;
  for (let after = journal.firstSeq(); after < upTo; ) {
    const lines = journal.readAfter(after, Math.min(READ_LINES, upTo - after));
    for (const { line } of lines) {
      const record = recordSchema.parse(z.unknown().parse(JSON.parse(new TextDecoder().decode(line))));
      if (record.kind === 'decision') count++;
    }
    const last = lines.at(-1);
    if (last === undefined) break;
    after = last.seq;
  }
  return count;
}
