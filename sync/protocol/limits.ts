/** Bounds of the wire, kept by both sides: what is larger is refused before it costs anything. */
export const limits = {
  batchRecords: 500,
  /** Gzipped. */
  batchEncodedBytes: 256 * 1024,
  /** Checked while inflating. */
  batchInflatedBytes: 1024 * 1024,
  lineBytes: 4 * 1024,
  /** Any other request body. */
  bodyBytes: 64 * 1024,
} as const;
