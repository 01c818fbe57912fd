/**
 * The memory of a camera's frames, used again and again. A fresh array of a megabyte for each frame has the garbage collector
 * run twice a second, which costs a waiting kiosk more than everything else it does with the picture.
 */
export interface FrameBuffers {
  /** An array of this length that nobody reads; what lies in it is an old frame or nothing. */
  take(lengthBytes: number): Uint8Array;
  /** Nobody reads this one any more. An array that did not come from here is left alone. */
  giveBack(luma: Uint8Array): void;
}

/** One is being filled, one waits, one is decoded; a change of the picture's size leaves none of the old ones. */
const SPARES_MAX = 3;

export function createFrameBuffers(): FrameBuffers {
  const own = new WeakSet<Uint8Array>();
  let spares: Uint8Array[] = [];
  return {
    take(lengthBytes) {
      spares = spares.filter(({ length }) => length === lengthBytes);
      const spare = spares.pop();
      if (spare !== undefined) return spare;
      const made = new Uint8Array(lengthBytes);
      own.add(made);
      return made;
    },
    giveBack(luma) {
      if (own.has(luma) && !spares.includes(luma) && spares.length < SPARES_MAX) spares.push(luma);
    },
  };
}
