/** What the centre may set from afar: options that are declared remote, with values that they may have. Anything else is refused by name. */
import { type KioskConfig, kioskOptions } from './kiosk-options.ts';
import type { Option } from './option.ts';

export interface RefusedOption {
  readonly key: string;
  readonly reason: string;
}

/** The configuration with `values` over it, and what was not taken. */
export function withRemoteOptions(
  config: KioskConfig,
  values: Readonly<Record<string, unknown>>,
): { readonly config: KioskConfig; readonly refused: readonly RefusedOption[] } {
  const { taken, refused } = sortOptions(values);
  return { config: { ...config, ...taken }, refused };
}

/** What no kiosk would take. */
export function refusedRemotely(values: Readonly<Record<string, unknown>>): readonly RefusedOption[] {
  return sortOptions(values).refused;
}

function sortOptions(values: Readonly<Record<string, unknown>>) {
  const known: Readonly<Record<string, Option | undefined>> = kioskOptions;
  const taken: Record<string, unknown> = {};
  const refused: RefusedOption[] = [];
  for (const [key, value] of Object.entries(values)) {
    const declared = Object.hasOwn(known, key) ? known[key] : undefined;
    const parsed = declared?.schema.safeParse(value);
    if (declared === undefined) refused.push({ key, reason: 'unknown option' });
    else if (!declared.remote) refused.push({ key, reason: 'not an option that may be set from afar' });
    else if (parsed?.success !== true) refused.push({ key, reason: `expected ${declared.expected}` });
    else taken[key] = parsed.data;
  }
  return { taken, refused };
}
