/** The package that reads picture files, loaded when the first is read: a kiosk with another camera does without. */
import type { default as Sharp, SharpInput, SharpOptions } from 'sharp';
import { loadModule } from '../../config/host/native-module.ts';

let loaded: typeof Sharp | undefined;

/** Throws Fault('native-module-missing'). */
export function openPicture(input: SharpInput, options?: SharpOptions): ReturnType<typeof Sharp> {
  loaded ??= pictureReader(loadModule('sharp'));
  return loaded(input, options);
}

function pictureReader(value: unknown): typeof Sharp {
  if (isReader(value)) return value;
  throw new Error('sharp is no function');
}

function isReader(value: unknown): value is typeof Sharp {
  return typeof value === 'function';
}
