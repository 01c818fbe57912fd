/**
 * The camera behind the citizen's page: the kiosk's own browser opens it and sends grey frames, never verdicts. One connection
 * is one opening of the camera, the newest page wins. The kiosk grants each frame, so that neither a quick camera nor a page
 * that goes astray queues pictures here; the watchdog is the same as for any other camera.
 */
import type { FaultCode } from '../../config/faults.ts';
import { every } from '../../config/ports/clock.ts';
import type { Host } from '../../config/ports/host.ts';
import type { CameraSettings } from './camera-settings.ts';
import type { FrameSource } from './frame-source.ts';
import { createNewestFrame, FIRST_FRAME_MS, type NewestFrame, videoLimits } from './newest-frame.ts';
import type { PageLink, PageLinks } from './page-link.ts';
import { parseFromCameraPage, type ToCameraPage } from './page-messages.ts';
import { createPageStream, type PageStreamProblem } from './page-stream.ts';

const WATCH_MS = 100;
/** One frame on its way while the next is taken. */
const GRANTS = 2;
const HEALTHY_MS = 30_000;
const LOUD_FAILURES = 20;

const GOING_AWAY = 1001;
const MALFORMED = 1008;
const REPLACED = 4000;
/** The page shall open its camera anew. */
const ANEW = 4003;

export function createBrowserSource(settings: CameraSettings, links: PageLinks, host: Host): FrameSource {
  const newest = createNewestFrame(host.clock, videoLimits(settings.stalledMs));
  let opening: Opening | undefined;
  let failures = 0;

  const attach = (link: PageLink) => {
    opening?.end('camera-stalled', REPLACED, 'another page was opened');
    const startedAtMs = host.clock.monotonicMs();
    opening = openPage(link, settings, newest, host, (fault, generation, why) => {
      opening = undefined;
      failures = host.clock.monotonicMs() - startedAtMs >= HEALTHY_MS ? 1 : failures + 1;
      // A camera that stays away is said now and then, not every two seconds.
      const isLoud = failures <= 3 || failures % LOUD_FAILURES === 0;
      if (isLoud && fault !== 'stopping') host.log.warn(fault, { generation, why });
    });
  };

  const watch = () => {
    const gapMs = newest.gapMs();
    if (opening === undefined) {
      // Before the first page: a kiosk that starts gives its browser time to come up.
      if (gapMs > FIRST_FRAME_MS) newest.shut(0, 'camera-page-absent');
    } else if (newest.hasFrame() && gapMs > settings.stalledMs) opening.end('camera-stalled', ANEW, 'no frame');
    else if (!newest.hasFrame() && gapMs > FIRST_FRAME_MS) opening.end('camera-no-frame', ANEW, 'no first frame');
  };

  links.listen(attach);
  const stopWatch = every(host.clock, WATCH_MS, watch);
  return {
    next: newest.next,
    health: newest.health,
    reopen: () => opening?.end('camera-stalled', ANEW, 'asked to begin anew'),
    async close() {
      stopWatch();
      newest.close();
      links.listen((link) => link.end(GOING_AWAY, 'stopping'));
      opening?.end('stopping', GOING_AWAY, 'stopping');
    },
  };
}

/** One connection of a page, until it ends: then nothing of it counts any more, whatever still arrives. */
interface Opening {
  /** `code` and `why` are told to the page; only the first call counts. */
  end(fault: FaultCode, code: number, why: string): void;
}

function openPage(
  link: PageLink,
  settings: CameraSettings,
  newest: NewestFrame,
  host: Host,
  onEnd: (fault: FaultCode, generation: number, why: string) => void,
): Opening {
  const generation = newest.open();
  const stream = createPageStream(settings);
  let isOver = false;
  const say = (message: ToCameraPage) => link.send(JSON.stringify(message));
  const grant = () => {
    if (isOver) return;
    stream.grant();
    say({ kind: 'next' });
  };
  const end = (fault: FaultCode, code: number, why: string) => {
    if (isOver) return;
    isOver = true;
    newest.shut(generation, fault);
    link.end(code, why);
    onEnd(fault, generation, why);
  };
  const takeFrame = (message: Uint8Array) => {
    const taken = stream.take(message, host.clock.monotonicMs());
    if (taken !== 'late' && 'problem' in taken) return end(faultOf(taken.problem), MALFORMED, taken.problem);
    // No sooner than the rate asked for: at most GRANTS times as many frames come.
    host.clock.after(1_000 / settings.frameRateHz, grant);
    if (taken === 'late') return;
    if (!newest.hasFrame()) host.log.info('camera-open', { widthPx: taken.widthPx, heightPx: taken.heightPx, generation });
    newest.put(generation, taken);
  };
  const takeText = (text: string) => {
    const message = parseFromCameraPage(text);
    if (message === undefined) end('camera-malformed', MALFORMED, 'text');
    else end(message.fault, ANEW, message.name);
  };
  link.onMessage((message) => {
    if (isOver) return;
    if (typeof message === 'string') takeText(message);
    else takeFrame(message);
  });
  link.onEnd((how) => {
    if (how === 'gone') end('camera-page-absent', GOING_AWAY, 'the page is gone');
    else end('camera-malformed', MALFORMED, 'socket');
  });
  const { source, widthPx, heightPx, frameRateHz } = settings;
  say({ kind: 'open', source, widthPx, heightPx, frameRateHz });
  for (let count = 0; count < GRANTS; count++) grant();
  return { end };
}

function faultOf(problem: PageStreamProblem): FaultCode {
  return problem === 'size' || problem === 'size-changed' ? 'camera-settings' : 'camera-malformed';
}
