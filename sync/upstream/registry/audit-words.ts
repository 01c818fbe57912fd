/**
 * What a change of the registry was, in words for the audit (pure). It names nobody: of a pseudonym or credential id the first
 * four bytes, which tell two entries apart and nothing else.
 */
import { toHex } from '../../credential/bytes.ts';
import { authorityDay, localDayText } from '../../protocol/authority-time.ts';
import type { RegistryChange } from '../store/store.ts';

const REFERENCE_BYTES = 4;
/** Of a long list, so many are told one by one. */
const TOLD_MAX = 10;

export function changeWords(change: RegistryChange): string {
  if (change.kind === 'key-killed') return `issuer key ${toHex(change.kid)}`;
  if (change.kind === 'released') return `credential ${reference(change.cti)} released`;
  if (change.kind === 'revoked') {
    return `credential ${reference(change.cti)} revoked until ${localDayText(authorityDay(change.expiresAt))}`;
  }
  const { pseudonym, status, fromDay, untilDay, region } = change;
  const days =
    status === 'clear' ? '' : ` from ${localDayText(fromDay)}${untilDay === undefined ? '' : ` until ${localDayText(untilDay)}`}`;
  return `subject ${reference(pseudonym)} ${status}${days}${region === undefined ? '' : `, region ${region}`}`;
}

export function changesWords(changes: readonly RegistryChange[]): string {
  const told = changes.slice(0, TOLD_MAX).map(changeWords);
  const more = changes.length - told.length;
  return [...told, ...(more > 0 ? [`${more} more`] : [])].join('; ');
}

function reference(id: Uint8Array): string {
  return toHex(id.slice(0, REFERENCE_BYTES));
}
