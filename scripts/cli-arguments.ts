/** What options of the command line may be: each says what it expects. */
import { InvalidArgumentError } from 'commander';

export function unixSeconds(text: string): number {
  if (!/^\d{1,10}$/.test(text)) throw new InvalidArgumentError('expected Unix seconds, a whole number.');
  return Number(text);
}

export function wholeNumber(text: string): number {
  if (!/^[1-9]\d{0,6}$/.test(text)) throw new InvalidArgumentError('expected a whole number above 0.');
  return Number(text);
}

export function inputCount(text: string): number {
  if (!/^[1-9]\d{0,9}$/.test(text)) throw new InvalidArgumentError('expected a whole number above 0.');
  return Number(text);
}

export function portNumber(text: string): number {
  if (!/^\d{1,5}$/.test(text) || Number(text) > 65_535) throw new InvalidArgumentError('expected a port, 0 for any.');
  return Number(text);
}

export function kioskName(text: string): string {
  if (!/^[A-Za-z0-9][A-Za-z0-9._-]{0,31}$/.test(text)) throw new InvalidArgumentError('expected letters, digits, . _ -, at most 32.');
  return text;
}

export function fingerprint(text: string): string {
  if (!/^[0-9a-f]{64}$/.test(text)) throw new InvalidArgumentError('expected 64 lower-case hex digits.');
  return text;
}

export function keyIdentity(text: string): string {
  if (!/^[0-9a-f]{8}$/.test(text)) throw new InvalidArgumentError('expected a key id of 8 lower-case hex digits.');
  return text;
}

/** A root by its key id or its fingerprint. */
export function rootName(text: string): string {
  if (!/^([0-9a-f]{8}|[0-9a-f]{64})$/.test(text)) throw new InvalidArgumentError('expected a key id (8) or a fingerprint (64 hex digits).');
  return text;
}

export function collect(text: string, earlier: readonly string[]): string[] {
  return [...earlier, text];
}
