/** The sounds of the screen: each result has its own figure, so that it can be told apart with closed eyes. */
import type { ScreenView } from '../../screen-state.ts';

interface Note {
  readonly hz: number;
  readonly atS: number;
  readonly lengthS: number;
}

const figures: Partial<Record<ScreenView['state'], readonly Note[]>> = {
  reading: [{ hz: 1_200, atS: 0, lengthS: 0.03 }],
  pass: [
    { hz: 659, atS: 0, lengthS: 0.14 },
    { hz: 988, atS: 0.15, lengthS: 0.24 },
  ],
  deny: [
    { hz: 196, atS: 0, lengthS: 0.28 },
    { hz: 147, atS: 0.32, lengthS: 0.4 },
  ],
  'see-staff': [
    { hz: 440, atS: 0, lengthS: 0.16 },
    { hz: 440, atS: 0.24, lengthS: 0.16 },
    { hz: 440, atS: 0.48, lengthS: 0.16 },
  ],
  ask: [{ hz: 587, atS: 0, lengthS: 0.3 }],
};

let context: AudioContext | undefined;

/** Silent where the browser does not allow sound: the screen says everything without it. */
export function playTone(state: ScreenView['state']): void {
  const notes = figures[state];
  if (notes === undefined || typeof AudioContext === 'undefined') return;
  context ??= new AudioContext();
  const audio = context;
  audio.resume().then(
    () => {
      for (const note of notes) playNote(audio, note, state === 'ask');
    },
    () => undefined,
  );
}

function playNote(audio: AudioContext, { hz, atS, lengthS }: Note, isRising: boolean): void {
  const startS = audio.currentTime + atS;
  const tone = audio.createOscillator();
  const volume = audio.createGain();
  tone.frequency.setValueAtTime(hz, startS);
  if (isRising) tone.frequency.linearRampToValueAtTime(hz * 1.5, startS + lengthS);
  volume.gain.setValueAtTime(0, startS);
  volume.gain.linearRampToValueAtTime(0.4, startS + 0.01);
  volume.gain.linearRampToValueAtTime(0, startS + lengthS);
  tone.connect(volume).connect(audio.destination);
  tone.start(startS);
  tone.stop(startS + lengthS);
}
