import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { encodeBase45 } from '../credential/base45.ts';
import { textsOf, writeCredentialLink } from './credential-link.ts';

const PAGE = 'http://192.168.1.5:8746/';
const code = fc.uint8Array({ minLength: 1, maxLength: 200 }).map((bytes) => `CP1:${encodeBase45(bytes)}`);

describe('the link of a credential', () => {
  it('carries any code back out, whole or with its escapes undone on the way', () => {
    fc.assert(
      fc.property(code, (text) => {
        const link = writeCredentialLink(PAGE, text);
        expect(textsOf(link)).toContain(text);
        expect(textsOf(`  ${link}\r\n`)).toContain(text);
        expect(textsOf(new URL(link).hash)).toContain(text);
        expect(textsOf(decodeURIComponent(link))).toContain(text);
        expect(textsOf(`${text}\n`)).toContain(text);
      }),
      { numRuns: 500 },
    );
  });

  it('holds nothing at which a chat program ends a link, and nothing that a server sees', () => {
    fc.assert(
      fc.property(code, (text) => {
        const link = writeCredentialLink(PAGE, text);
        expect(link.slice(PAGE.length)).toMatch(/^#[0-9A-Z%]+$/);
        const { origin, pathname, search } = new URL(link);
        expect(`${origin}${pathname}${search}`).toBe(PAGE);
      }),
    );
  });

  it('takes a percent sign that is no escape as it is', () => {
    expect(textsOf('CP1:%ZZ')).toEqual(['CP1:%ZZ']);
    expect(textsOf('CP1:%41')).toEqual(['CP1:A', 'CP1:%41']);
    expect(textsOf('')).toEqual(['']);
  });
});
