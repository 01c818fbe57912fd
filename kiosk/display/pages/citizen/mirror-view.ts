/** Draws the mirror: small grey pictures with the outlines of located codes, as the kiosk sends them. */
const canvas = document.querySelector<HTMLCanvasElement>('#mirror');
const outline = document.querySelector<SVGSVGElement>('#outline');
const HEAD_BYTES = 6;
const OUTLINE_BYTES = 16;

export function drawMirror(message: ArrayBuffer): void {
  const head = new DataView(message);
  const widthPx = head.getUint16(0);
  const heightPx = head.getUint16(2);
  const outlines = head.getUint16(4);
  const luma = new Uint8Array(message, HEAD_BYTES + outlines * OUTLINE_BYTES);
  const drawing = canvas?.getContext('2d');
  if (!canvas || !drawing || luma.length < widthPx * heightPx) return;
  if (canvas.width !== widthPx || canvas.height !== heightPx) {
    canvas.width = widthPx;
    canvas.height = heightPx;
  }
  const picture = drawing.createImageData(widthPx, heightPx);
  const pixels = new Uint32Array(picture.data.buffer);
  for (let at = 0; at < widthPx * heightPx; at++) {
    const level = luma[at] ?? 0;
    pixels[at] = 0xff000000 | (level << 16) | (level << 8) | level;
  }
  drawing.putImageData(picture, 0, 0);
  drawOutlines(head, outlines);
}

function drawOutlines(head: DataView, count: number): void {
  if (!outline) return;
  const shapes = Array.from({ length: count }, (_, index) => {
    const shape = document.createElementNS('http://www.w3.org/2000/svg', 'polygon');
    const corners = Array.from({ length: 4 }, (_unused, corner) => {
      const at = HEAD_BYTES + index * OUTLINE_BYTES + corner * 4;
      return `${head.getUint16(at) / 0xffff},${head.getUint16(at + 2) / 0xffff}`;
    });
    shape.setAttribute('points', corners.join(' '));
    return shape;
  });
  outline.replaceChildren(...shapes);
}
