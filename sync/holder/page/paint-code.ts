/** Draws a QR code so that a camera reads it: black on white, whole pixels for each module, the quiet zone of the standard. */
import QRCode from 'qrcode';

const QUIET_MODULES = 4;

/** Draws `text` at level M, as large as `widthCssPx` holds. */
export function paintCode(canvas: HTMLCanvasElement, text: string, widthCssPx: number): void {
  const { modules } = QRCode.create(text, { errorCorrectionLevel: 'M' });
  const sizeModules = modules.size + 2 * QUIET_MODULES;
  const ratio = window.devicePixelRatio;
  const modulePx = Math.max(1, Math.floor((widthCssPx * ratio) / sizeModules));
  blankCode(canvas, sizeModules * modulePx);
  const width = `${canvas.width / ratio}px`;
  if (canvas.style.width !== width) canvas.style.width = width;
  const context = canvas.getContext('2d');
  if (context === null) return;
  context.fillStyle = '#000000';
  for (let row = 0; row < modules.size; row++) {
    for (let column = 0; column < modules.size; column++) {
      if (modules.get(row, column) === 0) continue;
      context.fillRect((column + QUIET_MODULES) * modulePx, (row + QUIET_MODULES) * modulePx, modulePx, modulePx);
    }
  }
}

/** White, and nothing of what was there. */
export function blankCode(canvas: HTMLCanvasElement, sidePx = canvas.width): void {
  canvas.width = sidePx;
  canvas.height = sidePx;
  const context = canvas.getContext('2d');
  if (context === null) return;
  context.fillStyle = '#ffffff';
  context.fillRect(0, 0, sidePx, sidePx);
}
