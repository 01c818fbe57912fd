/** A message of a WebSocket as it was sent: text or bytes, in whichever pieces it arrived. */
import type { RawData } from 'ws';

export function socketMessage(data: RawData, isBinary: boolean): Uint8Array | string {
  const bytes = Array.isArray(data) ? Buffer.concat(data) : Buffer.isBuffer(data) ? data : new Uint8Array(data);
  return isBinary ? bytes : bytes.toString();
}
