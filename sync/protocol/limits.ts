/** Bounds of the wire, kept by both sides: what is larger is refused before it costs anything. */
export const limits = {
  /** Sealed bytes of one damaged record, and of all of a kiosk in an hour. */
  quarantineBytes: 8_192,
  quarantineHourBytes: 1_048_576,
  batchRecords: 500,
  /** Gzipped. */
  batchEncodedBytes: 256 * 1024,
  /** Checked while inflating. */
  batchInflatedBytes: 1024 * 1024,
  lineBytes: 4 * 1024,
  /** Any other request body. */
  bodyBytes: 64 * 1024,
} as const;
