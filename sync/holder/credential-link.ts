/**
 * The link that brings a credential to the holder's page, both ways. The credential stands in the fragment, which a browser
 * never sends: the server of the page does not learn it. Pure and free of Node.
 */

/** `pageUrl` has no fragment. Everything but letters and digits is escaped: chat programs cut links at a dot and take stars for bold. */
export function writeCredentialLink(pageUrl: string, text: string): string {
  return `${pageUrl}#${text.replace(/[^0-9A-Za-z]/g, escapeCharacter)}`;
}

function escapeCharacter(character: string): string {
  return `%${character.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`;
}

/**
 * What a holder opened or pasted, as the texts that it may stand for: a link or a bare text, escaped or not, for programs that
 * hand a link on may have undone its escapes. No travel code ends in a blank, so that blanks around it may go.
 */
export function textsOf(given: string): readonly string[] {
  const bare = given.replaceAll(/[\r\n]/g, '').trim();
  const text = bare.slice(bare.indexOf('#') + 1).trim();
  const unescaped = unescapeAll(text);
  return unescaped === undefined || unescaped === text ? [text] : [unescaped, text];
}

/** Undefined where an escape is no escape: base45 has a percent sign of its own. */
function unescapeAll(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch (error) {
    if (error instanceof URIError) return undefined;
    throw error;
  }
}
