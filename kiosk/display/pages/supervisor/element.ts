/** An element that the page must have. */
export function element<Kind extends Element = HTMLElement>(id: string, kind?: new () => Kind): Kind;
export function element(id: string, kind: new () => Element = Element): Element {
  const found = document.getElementById(id);
  if (!(found instanceof kind)) throw new Error(`the page lacks #${id}`);
  return found;
}
