/**
 * The one table of operating faults: what went wrong, the code on the citizen's screen while it closes the lane, and what
 * the operator does next. A fault is handled by a loop (retried with bounds, shown, logged); it is never an Outcome.
 */
export interface FaultEntry {
  /** Shown as `O-nn` while the lane is out of service. */
  readonly screenCode: string;
  readonly summary: string;
  /** What the operator does next. */
  readonly action: string;
}

export const faults = {
  starting: { screenCode: 'O-01', summary: 'The kiosk is starting.', action: 'Wait a few seconds.' },
  stopping: { screenCode: 'O-02', summary: 'The kiosk is stopping.', action: 'Start it again when its work is done.' },
  'camera-missing': {
    screenCode: 'O-10',
    summary: 'The camera cannot be opened.',
    action: 'Check cable, power, address and password of the camera; the kiosk keeps trying.',
  },
  'camera-no-frame': {
    screenCode: 'O-11',
    summary: 'The camera was opened and sends no picture.',
    action: 'Check that the camera streams; the kiosk restarts the reader by itself.',
  },
  'camera-stalled': {
    screenCode: 'O-12',
    summary: 'The camera stopped sending pictures.',
    action: 'Check cable and network; the kiosk restarts the reader by itself.',
  },
  'ffmpeg-missing': {
    screenCode: 'O-13',
    summary: 'ffmpeg was not found or does not start.',
    action: 'Install ffmpeg 4.3 or newer, or set camera.ffmpegPath.',
  },
  'camera-settings': {
    screenCode: 'O-14',
    summary: 'The camera refuses the settings, or its picture has another size than configured.',
    action: 'Compare camera.widthPx and camera.heightPx with what the camera offers.',
  },
  'decoder-failed': {
    screenCode: 'O-20',
    summary: 'No decoder could be started.',
    action: 'Reinstall the program: npm ci.',
  },
  'decoder-stuck': {
    screenCode: 'O-21',
    summary: 'The decoder did not answer in time and was restarted.',
    action: 'Nothing, unless it repeats: then report it.',
  },
  'clock-untrusted': {
    screenCode: 'O-30',
    summary: "The machine's clock jumped, or lies before the newest signed statement.",
    action: 'Set the clock, then restart the kiosk.',
  },
  'slice-missing': {
    screenCode: 'O-40',
    summary: 'The registry slice or its key cannot be read.',
    action: 'Put the slice, its manifest and its key where slice.file and slice.keyFile say; the kiosk opens them by itself.',
  },
  'slice-corrupt': {
    screenCode: 'O-41',
    summary: 'The registry slice is not the one that was signed.',
    action: 'Fetch the slice again; the kiosk opens it by itself.',
  },
  'slice-stale': {
    screenCode: 'O-42',
    summary: 'The registry slice is older than the policy allows.',
    action: 'Bring a newer slice; the kiosk opens it by itself.',
  },
  'slice-rollback': {
    screenCode: 'O-43',
    summary: 'The registry slice is older than one seen before.',
    action: 'Find out who put an old slice there; bring a newer one.',
  },
  'keyring-invalid': {
    screenCode: 'O-50',
    summary: 'The keyring cannot be read, or the pinned root did not sign it.',
    action: 'Compare keyring.file and keyring.root with what was provisioned.',
  },
  'trust-list-expired': { screenCode: 'O-51', summary: 'The keyring has expired.', action: 'Bring the current keyring.' },
  'keyring-rollback': {
    screenCode: 'O-52',
    summary: 'The keyring is older than one seen before.',
    action: 'Find out who put an old keyring there; bring the current one.',
  },
  'policy-invalid': {
    screenCode: 'O-53',
    summary: 'The policy cannot be read, has expired, or the release key did not sign it.',
    action: 'Bring the current policy.',
  },
  'policy-rollback': {
    screenCode: 'O-54',
    summary: 'The policy is older than one seen before.',
    action: 'Find out who put an old policy there; bring the current one.',
  },
  'journal-unwritable': {
    screenCode: 'O-60',
    summary: 'Crossings cannot be recorded: the disk refuses to write.',
    action: 'Check the disk and the rights of the data folder; the kiosk keeps trying.',
  },
  'disk-full': {
    screenCode: 'O-61',
    summary: 'The disk is full: crossings cannot be recorded.',
    action: 'Free space on the disk of the data folder; the kiosk goes on by itself.',
  },
  'journal-corrupt': {
    screenCode: 'O-62',
    summary: 'The journal was changed or damaged.',
    action: 'Keep the data folder as evidence, then provision a new one.',
  },
  'journal-busy': {
    screenCode: 'O-63',
    summary: 'Another process holds the data folder.',
    action: 'Stop the other kiosk that uses this data folder.',
  },
  'display-port-busy': {
    screenCode: 'O-92',
    summary: 'The port of the screen is taken.',
    action: 'Stop the other program, or set display.port.',
  },
  'display-absent': {
    screenCode: 'O-91',
    summary: 'No citizen screen is connected, or it does not confirm what it shows.',
    action: 'Open the citizen page in the browser of the kiosk.',
  },
} as const satisfies Record<string, FaultEntry>;

export type FaultCode = keyof typeof faults;

/** The one class of operating faults. `detail` is for the operator: no secrets, no code texts. */
export class Fault extends Error {
  readonly code: FaultCode;
  readonly detail: string | undefined;

  constructor(code: FaultCode, detail?: string, options?: ErrorOptions) {
    super(detail === undefined ? faults[code].summary : `${faults[code].summary} ${detail}`, options);
    this.name = 'Fault';
    this.code = code;
    this.detail = detail;
  }
}
