/** Randomness as the rest of the program sees it: keys, nonces and ids come from here. */
export interface Random {
  /** `count` cryptographically strong bytes. */
  bytes(count: number): Uint8Array;
}
