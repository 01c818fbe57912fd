import { describe, expect, it } from 'vitest';
import { cborRules } from '../../fixtures/rules/cbor-rules.ts';
import { credentialRules } from '../../fixtures/rules/credential-rules.ts';
import { type DraftCode, draftCode, finishCode } from '../../fixtures/rules/draft-code.ts';
import type { Rule } from '../../fixtures/rules/rule.ts';
import { soundBackend } from '../../fixtures/sound-backend.ts';
import { encodeBase45 } from './base45.ts';
import { fromHex } from './bytes.ts';
import { decodeCbor } from './cbor.ts';
import { readCredential } from './credential.ts';
import type { Ed25519Backend } from './ed25519.ts';
import { credentialReasons } from './reasons.ts';

const backends = ['native', 'tweetnacl'] as const;
const opened = { native: soundBackend('native'), tweetnacl: soundBackend('tweetnacl') };
const forms = ['paper', 'app'] as const;

function read(draft: DraftCode, backend: Ed25519Backend = 'native'): string {
  const { text, options } = finishCode(draft);
  const result = readCredential(text, { ...options, ed25519: opened[backend] });
  return result.ok ? 'ok' : result.reason;
}

function draftWith(form: DraftCode['form'], ...changes: readonly ((draft: DraftCode) => void)[]): DraftCode {
  const draft = draftCode(form);
  for (const change of changes) change(draft);
  return draft;
}

const formsOf = (rule: Rule) => (rule.form === undefined ? forms : [rule.form]);
const cases = credentialRules.flatMap((rule) => formsOf(rule).map((form) => ({ form, rule, name: `${form} that ${rule.fault}` })));

describe.each(backends)('a code, read with %s', (backend) => {
  it.each(forms)('is accepted as it was drafted: %s', (form) => {
    expect(read(draftCode(form), backend)).toBe('ok');
  });

  // The slow one reads each rule in one form.
  const own = backend === 'native' ? cases : cases.filter(({ form, rule }) => form === 'paper' || rule.form === 'app');
  it.each(own.map((one) => [one.rule.reason, one.name, one] as const))(
    'gives %s: %s; and its nearest neighbour does not',
    (reason, _, one) => {
      expect(read(draftWith(one.form, one.rule.breaks), backend)).toBe(reason);
      expect(read(draftWith(one.form, one.rule.holds), backend)).toBe(one.rule.gives ?? 'ok');
    },
  );
});

describe('the order of checks', () => {
  /** Whether both faults can be in one code. */
  const meets = (a: Rule, b: Rule) =>
    (a.form === undefined || b.form === undefined || a.form === b.form) && !a.places.some((place) => b.places.includes(place));
  const pairs = credentialRules.flatMap((first, i) =>
    credentialRules.slice(i + 1).flatMap((second) => (meets(first, second) ? [{ first, second }] : [])),
  );

  it('names the earlier of any two faults that can meet', () => {
    const wrong: string[] = [];
    for (const { first, second } of pairs) {
      const [form = 'paper'] = formsOf(first).filter((one) => formsOf(second).includes(one));
      const got = read(draftWith(form, second.breaks, first.breaks));
      if (got !== first.reason) wrong.push(`${form} that ${first.fault} (${first.reason}) and ${second.fault}: ${got}`);
    }
    expect(wrong).toEqual([]);
    expect(pairs.length).toBeGreaterThan(5_000);
    // No reason is left out of it.
    const met = new Set(pairs.flatMap(({ first, second }) => [first.reason, second.reason]));
    expect(met).toEqual(new Set(credentialRules.map(({ reason }) => reason)));
  });

  it('is that in which the reasons are declared, but for what is decoded further in', () => {
    // The protected header and the payload hold CBOR of their own, the wrapper of an app holds a credential.
    const again = new Set(['cbor-', 'claim-', 'cose-shape', 'kid-retired']);
    const places = credentialRules
      .filter(({ reason }) => ![...again].some((start) => reason.startsWith(start)))
      .map(({ reason }) => credentialReasons.indexOf(reason));
    expect(places).toEqual(places.toSorted((a, b) => a - b));
  });
});

describe('the CBOR subset from both sides', () => {
  it.each(cborRules)('gives $reason: $fault', ({ reason, hex, near, nearGives }) => {
    expect(decodeCbor(fromHex(hex), true)).toEqual({ ok: false, reason });
    const neighbour = decodeCbor(fromHex(near), true);
    expect(neighbour.ok ? undefined : neighbour.reason).toBe(nearGives);
    // The same through a whole code, where what can be read is not yet a credential.
    const whole = (bytes: string) => readCredential(`CP1:${encodeBase45(fromHex(bytes))}`, { trust: new Map(), now: 0 });
    expect(whole(hex)).toEqual({ ok: false, reason });
    expect(whole(near)).toEqual({ ok: false, reason: nearGives ?? (near.startsWith('d2') ? 'cose-shape' : 'cose-tag') });
  });
});

describe('the table of rules', () => {
  it('has a row for every reason, and none for what is no reason', () => {
    const rows = new Set<string>([...credentialRules, ...cborRules].map(({ reason }) => reason));
    expect([...rows].sort()).toEqual([...credentialReasons].sort());
  });

  it('has no neighbour that gives the same reason', () => {
    expect(credentialRules.filter(({ reason, gives }) => reason === gives)).toEqual([]);
    expect(cborRules.filter(({ reason, nearGives, hex, near }) => reason === nearGives || hex === near)).toEqual([]);
  });

  it('shows every fault once', () => {
    const faults = [...cases.map(({ name, rule }) => `${rule.reason} ${name}`), ...cborRules.map(({ fault }) => fault)];
    expect(faults.filter((fault, i) => faults.indexOf(fault) !== i)).toEqual([]);
  });
});
