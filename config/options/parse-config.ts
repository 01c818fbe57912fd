/**
 * Reads a configuration file (YAML, or JSON, which is YAML too) against the table of options. Every problem is reported at
 * once, each with key, line and what was expected; an unknown key is a problem, because a misspelt option must not fall back
 * to its default unseen.
 */
import { join } from 'node:path';
import { isMap, isScalar, LineCounter, type Node, parseDocument } from 'yaml';
import { type KioskConfig, kioskOptions, type OptionName } from './kiosk-options.ts';
import type { Option } from './option.ts';

export interface ConfigProblem {
  readonly key: string;
  /** 1-based; undefined for what is missing. */
  readonly line: number | undefined;
  readonly expected: string;
  readonly found: string;
}

export type ConfigResult =
  | {
      readonly ok: true;
      readonly config: KioskConfig;
      /** 1-based lines of what the file gives, by dotted name. */
      readonly lines: ReadonlyMap<string, number>;
    }
  | { readonly ok: false; readonly problems: readonly [ConfigProblem, ...ConfigProblem[]] };

interface Given {
  readonly value: unknown;
  /** As it is written, where it is one word or number. */
  readonly source: string | undefined;
  readonly line: number;
}

const FOUND_CHARS_MAX = 60;

export function parseConfig(text: string): ConfigResult {
  const counter = new LineCounter();
  const document = parseDocument(text, { lineCounter: counter, uniqueKeys: true });
  const problems: ConfigProblem[] = document.errors.map((error) => ({
    key: '(file)',
    line: counter.linePos(error.pos[0]).line,
    expected: 'YAML',
    found: error.message.split('\n')[0] ?? error.code,
  }));
  const given = new Map<string, Given>();
  if (problems.length === 0) collect(document.contents, '', given, problems, (offset) => counter.linePos(offset).line);
  const values = problems.length === 0 ? readValues(given, problems) : {};
  const [first, ...rest] = problems;
  const lines = new Map([...given].map(([key, { line }]) => [key, line]));
  return first === undefined ? { ok: true, config: values as KioskConfig, lines } : { ok: false, problems: [first, ...rest] };
}

/** Nested maps become dotted names. */
function collect(node: unknown, prefix: string, given: Map<string, Given>, problems: ConfigProblem[], lineAt: (offset: number) => number) {
  if (!isMap(node)) {
    problems.push({ key: prefix || '(file)', line: 1, expected: 'a map of options', found: node === null ? 'nothing' : 'something else' });
    return;
  }
  for (const pair of node.items) {
    const key = isScalar(pair.key) ? String(pair.key.value) : '?';
    const name = prefix === '' ? key : `${prefix}.${key}`;
    const line = lineAt(rangeStart(pair.key) ?? 0);
    if (isMap(pair.value) && !(name in kioskOptions)) collect(pair.value, name, given, problems, lineAt);
    else if (given.has(name)) problems.push({ key: name, line, expected: 'each option once', found: 'it a second time' });
    else if (isScalar(pair.value)) given.set(name, { value: pair.value.value, source: pair.value.source, line });
    else given.set(name, { value: pair.value, source: undefined, line });
  }
}

function rangeStart(node: unknown): number | undefined {
  return isScalar(node) ? (node as Node).range?.[0] : undefined;
}

function readValues(given: ReadonlyMap<string, Given>, problems: ConfigProblem[]): Record<string, unknown> {
  for (const [key, { line }] of given) {
    if (key in kioskOptions) continue;
    const near = nearest(key);
    problems.push({
      key,
      line,
      expected: near === undefined ? 'a known option' : `a known option, perhaps ${near}`,
      found: 'an unknown key',
    });
  }
  const values: Record<string, unknown> = {};
  for (const [name, declared] of Object.entries<Option>(kioskOptions)) {
    const own = given.get(name);
    if (own === undefined) {
      if (declared.default === undefined && declared.optional !== true && declared.inDataDir === undefined) {
        problems.push({ key: name, line: undefined, expected: declared.expected, found: 'nothing' });
      }
      values[name] = declared.default;
      continue;
    }
    const parsed = declared.schema.safeParse(own.value);
    if (parsed.success) values[name] = parsed.data;
    else problems.push({ key: name, line: own.line, ...mismatch(own, declared) });
  }
  for (const [name, { inDataDir }] of Object.entries<Option>(kioskOptions)) {
    if (inDataDir !== undefined && !given.has(name)) values[name] = join(String(values.dataDir), inDataDir);
  }
  return values;
}

/** YAML takes 0123, true and null for something else than a name: in quotes they are one. */
function mismatch({ value, source }: Given, declared: Option): Pick<ConfigProblem, 'expected' | 'found'> {
  const isWord = typeof value !== 'string' && source !== undefined && source !== '' && declared.schema.safeParse(source).success;
  if (!isWord) return { expected: declared.expected, found: foundText(value, declared) };
  const kind = typeof value === 'number' ? 'a number' : `${value}`;
  if (declared.secret === true) return { expected: `${declared.expected}: quote it`, found: `${kind} (not shown)` };
  return {
    expected: `${declared.expected}: quote it, '${source}'`,
    found: `the ${typeof value === 'number' ? 'number' : 'value'} ${source}`,
  };
}

function foundText(value: unknown, declared: Option): string {
  if (declared.secret === true) return 'something else (not shown)';
  const text = JSON.stringify(value) ?? String(value);
  // A login must not be read over somebody's shoulder, or in a ticket.
  return /:\/\/.*@/.test(text) ? 'an address with a login in it (not shown)' : text.slice(0, FOUND_CHARS_MAX);
}

/** The known name that differs least, where one is close. */
function nearest(key: string): OptionName | undefined {
  const names = Object.keys(kioskOptions) as OptionName[];
  const scored = names.map((name) => ({ name, distance: editDistance(key.toLowerCase(), name.toLowerCase()) }));
  scored.sort((a, b) => a.distance - b.distance);
  const [best] = scored;
  return best !== undefined && best.distance <= 3 ? best.name : undefined;
}

function editDistance(a: string, b: string): number {
  let previous = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const change = (previous[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      row.push(Math.min(change, (previous[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1));
    }
    previous = row;
  }
  return previous[b.length] ?? 0;
}
