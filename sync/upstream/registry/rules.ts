/**
 * What may be written into the registry, from what people type and what other systems export (pure). Persons are named by
 * 12 digits and vehicles by their plate here only; what is kept is the pseudonym.
 */
import { accept, type Outcome, refuse } from '../../credential/outcome.ts';
import { type Status, statuses } from '../../protocol/slice.ts';
import { isPlate, normalisePlate, subjectPseudonym } from '../../protocol/tags.ts';
import type { RegistryChange } from '../store/store.ts';

export type RegistryReason =
  | 'id-form'
  | 'plate-form'
  | 'subject-missing'
  | 'status-unknown'
  | 'date-form'
  | 'date-order'
  | 'region-form'
  | 'columns';

export interface StatusRequest {
  /** 12 digits. */
  readonly id?: string | undefined;
  readonly plate?: string | undefined;
  readonly status: string;
  /** YYYY-MM-DD in the authority's time zone, both inclusive; without `from`: today, without `until`: no end known. */
  readonly from?: string | undefined;
  readonly until?: string | undefined;
  /** Where the person lives, a number of the GSO's list of provinces and communes. */
  readonly region?: string | undefined;
}

const DAY_MS = 86_400_000;

export function statusChange(
  { id, plate, status, from, until, region = '' }: StatusRequest,
  subjectKey: Uint8Array,
  today: number,
): Outcome<Extract<RegistryChange, { kind: 'status' }>, RegistryReason> {
  const subject = subjectOf(id, plate);
  if (!subject.ok) return subject;
  const known = statuses.find((name) => name.toLowerCase() === status.trim().toLowerCase());
  if (known === undefined) return refuse('status-unknown');
  const [fromDay, untilDay] = [dayOf(from), dayOf(until)];
  if (fromDay === null || untilDay === null) return refuse('date-form');
  if (untilDay !== undefined && untilDay < (fromDay ?? today)) return refuse('date-order');
  if (!/^\d{0,5}$/.test(region)) return refuse('region-form');
  const days = known === 'clear' ? { fromDay: 0, untilDay: undefined } : { fromDay: fromDay ?? today, untilDay };
  const place = region === '' ? {} : { region: Number(region) };
  const pseudonym = subjectPseudonym(subjectKey, subject.value);
  return accept({ kind: 'status', pseudonym, status: known satisfies Status, ...days, ...place });
}

function subjectOf(id: string | undefined, plate: string | undefined): Outcome<string, RegistryReason> {
  if (id !== undefined && id !== '') return /^\d{12}$/.test(id) ? accept(id) : refuse('id-form');
  if (plate === undefined || plate === '') return refuse('subject-missing');
  const normalised = normalisePlate(plate);
  return isPlate(normalised) ? accept(normalised) : refuse('plate-form');
}

/** Day number; undefined for none, null for what is no date. */
function dayOf(text: string | undefined): number | undefined | null {
  if (text === undefined || text === '') return undefined;
  if (!/^\d{4}-\d{2}-\d{2}$/.test(text)) return null;
  const unixMs = Date.parse(`${text}T00:00:00Z`);
  // 2026-02-31 is parsed by some engines as a day of March.
  if (Number.isNaN(unixMs) || new Date(unixMs).toISOString().slice(0, 10) !== text) return null;
  return unixMs / DAY_MS;
}

const COLUMNS = ['id', 'plate', 'status', 'from', 'until', 'region'] as const;
export type CsvColumns = readonly ((typeof COLUMNS)[number] | undefined)[];

/** Reads the first line of a CSV file: names of columns in any order, `,` or `;` between them. */
export function csvColumns(headerLine: string): Outcome<CsvColumns, RegistryReason> {
  const names = splitCsv(headerLine.replace(/^\uFEFF/, '')).map((name) => COLUMNS.find((known) => known === name.toLowerCase()));
  const isEnough = names.includes('status') && (names.includes('id') || names.includes('plate'));
  return isEnough && names.every((name, index) => name === undefined || names.indexOf(name) === index) ? accept(names) : refuse('columns');
}

export function csvRow(line: string, columns: CsvColumns): StatusRequest {
  const values = splitCsv(line);
  const value = (name: (typeof COLUMNS)[number]) => values[columns.indexOf(name)];
  const at = (name: (typeof COLUMNS)[number]) => (columns.includes(name) ? value(name) : undefined);
  return { id: at('id'), plate: at('plate'), status: at('status') ?? '', from: at('from'), until: at('until'), region: at('region') };
}

/** Ids, plates, statuses and dates hold neither commas nor quotes: a field may be quoted, and is not more than that. */
function splitCsv(line: string): string[] {
  return line
    .trimEnd()
    .split(/[,;]/)
    .map((field) => field.trim().replace(/^"(.*)"$/, '$1'));
}
