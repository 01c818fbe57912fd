/** The options of a kiosk, each declared once. `checkpoint-kiosk config check` reads a file against this table. */
import { z } from 'zod';
import { option } from './option.ts';

const name = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,31}$/);
const path = z.string().min(1).max(4096);
const ms = (min: number, max: number) => z.number().int().min(min).max(max);
const fraction = z.number().min(0).max(1);

export const cameraKinds = ['rtsp', 'mjpeg', 'v4l2', 'dshow', 'avfoundation', 'replay', 'stills', 'browser'] as const;
export const logLevels = ['debug', 'info', 'warn', 'error', 'silent'] as const;

/** Plain HTTP stays on this machine. */
function isUpstreamUrl(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const { protocol, hostname, username, search, hash } = new URL(text);
  if (username !== '' || search !== '' || hash !== '') return false;
  return protocol === 'https:' || (protocol === 'http:' && /^(127(\.\d+){3}|localhost|\[::1\])$/.test(hostname));
}

export const kioskOptions = {
  kioskId: option({ schema: name, expected: 'a name of letters, digits, . _ -', reason: 'Names this PC in every record.', remote: false }),
  checkpointId: option({ schema: name, expected: 'a name of letters, digits, . _ -', reason: 'Where the kiosk stands.', remote: false }),
  lane: option({ schema: name, default: '1', expected: 'a short name', reason: 'Which lane of the checkpoint.', remote: false }),
  direction: option({
    schema: z.enum(['in', 'out', 'both']),
    default: 'both',
    expected: 'in, out or both',
    reason: 'Recorded with every crossing.',
    remote: false,
  }),
  area: option({
    schema: z.number().int().min(0).max(99_999),
    expected: 'an area code, 0 to 99999',
    reason: 'A credential must name this area to pass.',
    remote: false,
  }),
  dataDir: option({ schema: path, expected: 'a folder', reason: 'Journal, state and keys of this kiosk.', remote: false }),
  'keyring.file': option({
    schema: path,
    inDataDir: 'lists/keyring.cose',
    expected: 'a file',
    reason: 'Signed list of trusted keys.',
    remote: false,
  }),
  'keyring.root': option({
    schema: z.string().regex(/^[0-9a-f]{64}$/),
    expected: '64 lower-case hex digits',
    reason: 'Fingerprint of the root that must have signed the keyring.',
    remote: false,
  }),
  'policy.file': option({
    schema: path,
    inDataDir: 'lists/policy.cose',
    expected: 'a file',
    reason: 'Signed policy of the authority.',
    remote: false,
  }),
  'slice.file': option({
    schema: path,
    inDataDir: 'lists/slice.db',
    expected: 'a file',
    reason: 'Registry slice (SQLite).',
    remote: false,
  }),
  'slice.manifestFile': option({
    schema: path,
    inDataDir: 'lists/slice.manifest.cose',
    expected: 'a file',
    reason: 'Signed manifest of the slice.',
    remote: false,
  }),
  'slice.keyFile': option({
    schema: path,
    inDataDir: 'lists/slice.key',
    expected: 'a file with mode 0600',
    reason: 'Key of the rows of the slice.',
    remote: false,
  }),
  'slice.id': option({
    schema: z.string().regex(/^[a-z0-9-]{1,32}$/),
    default: 'default',
    expected: 'a short name',
    reason: 'Which slice is asked of the centre.',
    remote: false,
  }),
  'slice.bytesMax': option({
    schema: z.number().int().min(1),
    default: 1_073_741_824,
    expected: 'bytes',
    reason: 'A larger slice is not fetched.',
    remote: true,
  }),
  'camera.kind': option({ schema: z.enum(cameraKinds), expected: cameraKinds.join(', '), reason: 'How pictures arrive.', remote: false }),
  'camera.source': option({
    schema: path,
    expected: 'a URL, a device, or a file or folder to replay',
    reason: "Where pictures come from: for browser, part of the camera's name or default. A password belongs into camera.passwordFile.",
    secret: true,
    remote: false,
  }),
  'camera.passwordFile': option({
    schema: path,
    optional: true,
    expected: 'a file with mode 0600 that holds user:password',
    reason: 'Login of a network camera.',
    remote: false,
  }),
  'camera.widthPx': option({
    schema: z.number().int().min(160).max(4096),
    default: 1280,
    expected: 'pixels, 160 to 4096',
    reason: 'Width asked of a USB camera; of a browser also the most.',
    remote: true,
  }),
  'camera.heightPx': option({
    schema: z.number().int().min(120).max(2304),
    default: 720,
    expected: 'pixels, 120 to 2304',
    reason: 'Height asked of a USB camera; of a browser also the most.',
    remote: true,
  }),
  'camera.frameRateHz': option({
    schema: z.number().min(1).max(60),
    default: 30,
    expected: '1 to 60',
    reason: 'Rate asked of a USB camera or a browser.',
    remote: true,
  }),
  'camera.ffmpegPath': option({
    schema: path,
    optional: true,
    expected: 'a program',
    reason: 'ffmpeg, where it is not on the PATH.',
    remote: false,
  }),
  'camera.powerLineHz': option({
    schema: z.union([z.literal(50), z.literal(60)]),
    default: 50,
    expected: '50 or 60',
    reason: 'Frequency of the mains, against flicker (V4L2).',
    remote: true,
  }),
  'camera.controls': option({
    schema: z
      .string()
      .max(1024)
      .regex(/^[a-z][a-z0-9_]*=-?\d{1,9}(, ?[a-z][a-z0-9_]*=-?\d{1,9})*$/),
    optional: true,
    expected: 'name=number,... as camera tune prints them',
    reason: 'Set on a V4L2 camera whenever it is opened, such as focus_absolute=120.',
    remote: true,
  }),
  'camera.exposure': option({
    schema: z.enum(['camera', 'guide']),
    default: 'camera',
    expected: 'camera or guide',
    reason: 'Who meters: a V4L2 camera its whole picture, or the kiosk the guide alone.',
    remote: true,
  }),
  'camera.v4l2CtlPath': option({
    schema: path,
    optional: true,
    expected: 'a program',
    reason: 'v4l2-ctl, where it is not on the PATH.',
    remote: false,
  }),
  'camera.stalledMs': option({
    schema: ms(500, 60_000),
    default: 2_000,
    expected: 'milliseconds, 500 to 60000',
    reason: 'So long without a frame closes the lane and opens the camera anew.',
    remote: true,
  }),
  'camera.frozenMs': option({
    schema: ms(500, 3_600_000),
    optional: true,
    expected: 'milliseconds, 500 to 3600000',
    reason: 'So long the very same picture closes the lane: 3000 for a USB camera and 10000 for a network camera, never for a replay.',
    remote: true,
  }),
  'camera.blackMs': option({
    schema: ms(500, 60_000),
    default: 1_500,
    expected: 'milliseconds, 500 to 60000',
    reason: 'So long a black picture closes the lane.',
    remote: true,
  }),
  'camera.blackLevelMax': option({
    schema: z.number().min(0).max(255),
    default: 40,
    expected: 'a grey level, 0 to 255',
    reason: 'A picture without contrast below this mean level is black.',
    remote: true,
  }),
  'camera.washedOutMs': option({
    schema: ms(500, 60_000),
    default: 3_000,
    expected: 'milliseconds, 500 to 60000',
    reason: 'So long a white picture closes the lane.',
    remote: true,
  }),
  'camera.washedOutShareMin': option({
    schema: fraction,
    default: 0.6,
    expected: 'a part, 0 to 1',
    reason: 'A picture of which more than this part is white is washed out.',
    remote: true,
  }),
  'camera.coveredMs': option({
    schema: ms(500, 60_000),
    default: 3_000,
    expected: 'milliseconds, 500 to 60000',
    reason: 'So long a covered or blurred picture closes the lane.',
    remote: true,
  }),
  'camera.detailShareMin': option({
    schema: fraction,
    default: 0.2,
    expected: 'a part, 0 to 1; 0 for never',
    reason: 'A picture with less than this part of the detail that the camera usually shows is covered or out of focus.',
    remote: true,
  }),
  'decode.frameMsMax': option({
    schema: ms(50, 10_000),
    default: 1_000,
    expected: 'milliseconds, 50 to 10000',
    reason: 'A frame that takes longer is given up and the decoder restarted.',
    remote: true,
  }),
  'decode.budgetMs': option({
    schema: ms(0, 1_000),
    default: 66,
    expected: 'milliseconds, 0 to 1000',
    reason: 'So long harder means are begun on a frame that is not read at once; 0 for none.',
    remote: true,
  }),
  'guide.x': option({
    schema: fraction,
    default: 0.15,
    expected: '0 to 1',
    reason: 'Left edge of the guide, part of the picture.',
    remote: true,
  }),
  'guide.y': option({ schema: fraction, default: 0, expected: '0 to 1', reason: 'Top edge of the guide.', remote: true }),
  'guide.width': option({
    schema: fraction,
    default: 0.7,
    expected: '0 to 1',
    reason: 'Width of the guide: codes outside belong to the next person.',
    remote: true,
  }),
  'guide.height': option({ schema: fraction, default: 1, expected: '0 to 1', reason: 'Height of the guide.', remote: true }),
  'display.port': option({
    schema: z.number().int().min(0).max(65_535),
    default: 8743,
    expected: 'a port, or 0 for any',
    reason: 'Loopback port of the pages.',
    remote: false,
  }),
  'display.required': option({
    schema: z.boolean(),
    default: true,
    expected: 'true or false',
    reason: 'Closes the lane while no citizen screen confirms what it shows.',
    remote: false,
  }),
  'upstream.url': option({
    schema: z.string().max(512).refine(isUpstreamUrl),
    optional: true,
    expected: 'https://..., or http:// to this machine',
    reason: 'Where crossings are sent. Without it they stay on the kiosk.',
    remote: false,
  }),
  'upstream.reconnectSpreadMs': option({
    schema: ms(0, 600_000),
    default: 60_000,
    expected: 'milliseconds, 0 to 600000',
    reason: 'After an outage kiosks come back spread over so long.',
    remote: true,
  }),
  'time.url': option({
    schema: z.string().max(256).refine(isUpstreamUrl),
    optional: true,
    expected: 'https://..., or http:// to this machine',
    reason: "Where an officer's phone gets a signed time code for a kiosk without a line; upstream.url, unless said otherwise.",
    remote: false,
  }),
  'peers.port': option({
    schema: z.number().int().min(1).max(65_535),
    optional: true,
    expected: 'a port',
    reason: 'Where the other lanes of the checkpoint connect. Without it this lane knows nothing of theirs.',
    remote: false,
  }),
  'peers.address': option({
    schema: z.string().regex(/^[0-9a-fA-F:.]{2,45}$/),
    default: '127.0.0.1',
    expected: 'an address of this PC',
    reason: 'On which of its addresses they connect: that of the network between the lanes.',
    remote: false,
  }),
  'journal.keepMs': option({
    schema: ms(0, 31_536_000_000),
    default: 604_800_000,
    expected: 'milliseconds',
    reason: 'Acknowledged crossings stay on the kiosk so long.',
    remote: true,
  }),
  'log.level': option({
    schema: z.enum(logLevels),
    default: 'info',
    expected: logLevels.join(', '),
    reason: 'How much is logged.',
    remote: true,
  }),
} as const;

export type OptionName = keyof typeof kioskOptions;
type Declared = typeof kioskOptions;
type ValueOf<Name extends OptionName> = Declared[Name] extends { optional: true }
  ? z.infer<Declared[Name]['schema']> | undefined
  : z.infer<Declared[Name]['schema']>;

/** Typed values by dotted name. */
export type KioskConfig = { readonly [Name in OptionName]: ValueOf<Name> };
