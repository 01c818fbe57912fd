/**
 * Packages that an installation may lack: never installed, not built for this machine, or built for another Node. Such an
 * error speaks of no disk and of no data, however it comes.
 */
import { createRequire } from 'node:module';
import { Fault, faults } from '../faults.ts';

const CODES = new Set(['ERR_DLOPEN_FAILED', 'ERR_MODULE_NOT_FOUND', 'MODULE_NOT_FOUND']);
/** What `bindings`, Node and sharp say; errors of a worker come as their words only. */
const WORDS =
  /Could not locate the bindings file|was compiled against a different Node\.js version|Could not load the "sharp" module|Cannot find (package|module)/;
const PACKAGES = ['better-sqlite3', 'sharp', 'zxing-wasm', '@zxing/library', 'node-webcam'];

/** Undefined for an error that speaks of something else. */
export function missingModule(error: unknown): Fault | undefined {
  if (!(error instanceof Error)) return undefined;
  const hasCode = 'code' in error && CODES.has(String(error.code));
  if (!hasCode && !WORDS.test(error.message)) return undefined;
  // A worker has said it already; of its fault only the words come through.
  const { summary } = faults['native-module-missing'];
  if (error.message.startsWith(summary)) return new Fault('native-module-missing', error.message.slice(summary.length).trim());
  const text = error.message.replaceAll('better_sqlite3', 'better-sqlite3');
  const name = PACKAGES.find((one) => text.includes(one)) ?? 'a package';
  const why = error.message.split('\n').find((line) => line.trim() !== '') ?? '';
  return new Fault('native-module-missing', `${name} (Node ${process.version}, ${process.platform}-${process.arch}): ${why}`, {
    cause: error,
  });
}

/** What `open` gives; an error that comes of a missing package is said as that. */
export function withModule<T>(open: () => T): T {
  try {
    return open();
  } catch (error) {
    throw missingModule(error) ?? error;
  }
}

const require = createRequire(import.meta.url);

/** A package that only some kiosks need: loaded when it is used. Throws Fault('native-module-missing'). */
export function loadModule(name: 'sharp' | 'node-webcam'): unknown {
  return withModule(() => require(name));
}
