/** The elements of the page by id, and words in them. */
import type { Phrase } from './words.ts';

export function element<Kind extends Element>(id: string, kind: new () => Kind): Kind {
  const found = document.getElementById(id);
  if (!(found instanceof kind)) throw new Error(`the page lacks #${id}`);
  return found;
}

/** Touches only what changed: a screen reader speaks what is written. */
export function setText(id: string, text: string): void {
  const target = element(id, Element);
  if (target.textContent !== text) target.textContent = text;
}

/** Both languages of one phrase, in `id-vi` and `id-en`. */
export function say(id: string, { vi, en }: Phrase): void {
  setText(`${id}-vi`, vi);
  setText(`${id}-en`, en);
}
