/**
 * Codes of identity papers, as far as a checkpoint needs them: the number, to compare it with the tag in a travel code. The
 * rest of such a code is never looked at. Forms: the QR code of the citizen's card (CCCD), and the personal code of
 * Decision 1405/QD-BTTTT.
 */

/** Number | earlier number or nothing | name | date of birth | sex | address | date of issue. */
const CARD = /^(\d{12})\|(?:\d{9})?\|[^|]*\|\d{8}\|[^|]*\|[^|]*\|\d{8}(?:\|.*)?$/su;
/** Number | name | date of birth | kind of paper | QID | EXT. */
const PERSONAL = /^(\d{12})\|[^|]*\|[^|]*\|[^|]*\|[^|]*\|[^|]*$/su;

/** The 12 digits; undefined where the text is no such code. */
export function idCardDigits(text: string): string | undefined {
  return (CARD.exec(text) ?? PERSONAL.exec(text))?.[1];
}
