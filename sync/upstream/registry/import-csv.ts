/**
 * Imports statuses from a CSV file of any length: in transactions of a thousand rows, each with its place in the file, so
 * that an import that was cut off goes on where it was. Bad rows are named by line and left out; the rest goes in.
 */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import type { Host } from '../../../config/ports/host.ts';
import { authorityDay } from '../../protocol/authority-time.ts';
import type { RegistryChange, RegistryStore } from '../store/store.ts';
import { type CsvColumns, csvColumns, csvRow, type RegistryReason, statusChange } from './rules.ts';

export interface ImportOptions {
  readonly file: string;
  readonly subjectKey: Uint8Array;
  readonly actor: string;
  readonly dryRun: boolean;
  /** 1-based; the header is line 1. */
  onBadRow(line: number, reason: RegistryReason): void;
  onProgress(rows: number): void;
}

export interface ImportResult {
  readonly rows: number;
  readonly changed: number;
  readonly bad: number;
  /** Rows that an earlier, unfinished import of this file had brought in. */
  readonly resumed: number;
}

const ROWS_A_TRANSACTION = 1_000;

export async function importCsv(store: RegistryStore, options: ImportOptions, host: Host): Promise<ImportResult> {
  const { file, subjectKey, actor, dryRun } = options;
  const nowMs = host.clock.wallMs();
  const today = authorityDay(nowMs / 1000);
  const digest = await digestOf(file);
  const doneLines = dryRun ? 0 : await store.importProgress(digest);
  const totals = { rows: 0, changed: 0, bad: 0, resumed: 0 };
  let columns: CsvColumns | undefined;
  let pending: RegistryChange[] = [];
  let lineNumber = 0;

  const flush = async () => {
    if (!dryRun && lineNumber > doneLines) {
      const audit = { atMs: host.clock.wallMs(), actor, action: 'import', detail: `${digest.slice(0, 16)} up to line ${lineNumber}` };
      totals.changed += await store.changeRegistry(pending, false, audit, { digest, line: lineNumber });
    }
    pending = [];
    options.onProgress(totals.rows);
  };

  for await (const line of linesOf(file)) {
    lineNumber++;
    if (columns === undefined) {
      const read = csvColumns(line);
      if (!read.ok) {
        options.onBadRow(1, read.reason);
        return { ...totals, bad: 1 };
      }
      columns = read.value;
      continue;
    }
    if (line.trim() === '') continue;
    totals.rows++;
    const change = statusChange(csvRow(line, columns), subjectKey, today);
    if (!change.ok) {
      totals.bad++;
      options.onBadRow(lineNumber, change.reason);
    } else if (lineNumber <= doneLines) totals.resumed++;
    else pending.push(change.value);
    if (pending.length >= ROWS_A_TRANSACTION) await flush();
  }
  await flush();
  if (!dryRun) await store.finishImport(digest);
  return totals;
}

/** Line by line, and an error of the disk as one: readline passes none on, and nobody else would listen to it. */
async function* linesOf(file: string): AsyncGenerator<string> {
  const input = createReadStream(file);
  let failure: Error | undefined;
  const lines = createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY });
  input.on('error', (error) => {
    failure = error;
    lines.close();
  });
  for await (const line of lines) yield line;
  if (failure !== undefined) throw failure;
}

async function digestOf(file: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(file)) hash.update(chunk);
  return hash.digest('hex');
}
