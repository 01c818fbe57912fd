/** Which newer lists this kiosk has seen and does not take, by the fault that names it (pure). */
import type { FaultCode } from '../../config/faults.ts';

const CODES = ['store-mismatch', 'store-set-back', 'slice-loss', 'slice-key-mismatch'] as const satisfies readonly FaultCode[];

/** `failures`: what the loops say of their last try; the fault stands at the beginning of their sentence. */
export function listsRefused(...failures: readonly (string | undefined)[]): FaultCode | undefined {
  return CODES.find((code) => failures.some((failure) => failure?.includes(`${code}: `)));
}
