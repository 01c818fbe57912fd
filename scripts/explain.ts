/** `checkpoint-kiosk explain` and `config options`: what the codes on the screens mean and what can be configured, from the tables that the program itself uses. */
import { type FaultEntry, faults } from '../config/faults.ts';
import { kioskOptions } from '../config/options/kiosk-options.ts';
import type { Option } from '../config/options/option.ts';
import { reasonOrder, reasons } from '../sync/protocol/reasons.ts';
import { CommandError, exitCode } from './command.ts';

interface Explanation {
  /** Code on the screen, empty where there is none. */
  readonly screenCode: string;
  readonly name: string;
  readonly verdict: string;
  readonly meaning: string;
  readonly action: string;
}

function explanations(): Explanation[] {
  const ofFaults = Object.entries<FaultEntry>(faults).map(([name, { screenCode, summary, action }]) => ({
    screenCode,
    name,
    verdict: verdictOf(screenCode),
    meaning: summary,
    action,
  }));
  const ofReasons = reasonOrder.map((name) => {
    const { verdict, code, en, actionEn } = reasons[name];
    return { screenCode: code ?? '', name, verdict, meaning: `${en}.`, action: actionEn };
  });
  const own = {
    screenCode: 'O-90',
    name: '(page)',
    verdict: 'lane closed',
    meaning: 'The page does not hear the kiosk.',
    action: 'Check that the kiosk runs.',
  };
  return [own, ...ofFaults, ...ofReasons];
}

function verdictOf(screenCode: string): string {
  if (screenCode.startsWith('W')) return 'warning';
  if (screenCode.startsWith('H')) return 'holder';
  return screenCode.startsWith('U') ? 'upstream' : 'lane closed';
}

/** All of them, or those that `code` names: a code on a screen, a reason or a fault. */
export function explain(code: string | undefined, json: boolean): void {
  const all = explanations();
  const found = code === undefined ? all : all.filter(({ screenCode, name }) => screenCode === code.toUpperCase() || name === code);
  if (found.length === 0) throw new CommandError(exitCode.usage, `nothing is called ${code}; without an argument everything is listed`);
  for (const entry of found) {
    const { screenCode, name, verdict, meaning, action } = entry;
    process.stdout.write(
      json ? `${JSON.stringify(entry)}\n` : `${screenCode.padEnd(5)} ${name.padEnd(22)} ${verdict.padEnd(12)} ${meaning} ${action}\n`,
    );
  }
}

/** The table of options as Markdown, as it stands in the README. */
export function optionsTable(): string {
  const rows = Object.entries<Option>(kioskOptions).map(([name, declared]) => {
    const value = defaultText(declared);
    return `| \`${name}\` | ${declared.expected} | ${value} | ${declared.remote ? 'yes' : ''} | ${declared.reason} |`;
  });
  return ['| option | value | default | from afar | |', '|---|---|---|---|---|', ...rows].join('\n');
}

function defaultText({ default: value, optional, inDataDir }: Option): string {
  if (inDataDir !== undefined) return `\`dataDir/${inDataDir}\``;
  return value === undefined ? (optional === true ? 'none' : 'required') : `\`${value}\``;
}
