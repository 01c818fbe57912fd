/** A QR code as the outline of its dark modules: the page draws it as one SVG path, which its content policy allows. */
import QRCode from 'qrcode';

export interface QrPath {
  /** SVG path data, one unit a module, the quiet zone included. */
  readonly path: string;
  /** Side in modules, the quiet zone included. */
  readonly size: number;
}

const QUIET_MODULES = 4;
let last: { readonly text: string; readonly made: QrPath } | undefined;

/** The last one is kept: it is asked for once a second. */
export function qrPath(text: string): QrPath {
  if (last?.text === text) return last.made;
  const { modules } = QRCode.create(text, { errorCorrectionLevel: 'M' });
  let path = '';
  for (let row = 0; row < modules.size; row++) {
    for (let column = 0; column < modules.size; column++) {
      let length = 0;
      while (column + length < modules.size && modules.get(row, column + length)) length++;
      if (length > 0) path += `M${column + QUIET_MODULES} ${row + QUIET_MODULES}h${length}v1h-${length}z`;
      column += length;
    }
  }
  last = { text, made: { path, size: modules.size + 2 * QUIET_MODULES } };
  return last.made;
}
