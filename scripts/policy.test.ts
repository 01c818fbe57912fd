import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { builtPath } from '../config/host/install-paths.ts';
import { nodeClock, nodeRandom } from '../config/host/node-host.ts';
import { createDemoKit, type DemoKit } from '../fixtures/demo-kit.ts';
import { idTag } from '../sync/protocol/tags.ts';

let folder = '';
let kit: DemoKit;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'policy-test-'));
  const config = { 'camera.kind': 'replay', 'camera.source': 'x' };
  kit = createDemoKit({ folder, nowMs: nodeClock.wallMs(), demo: true, policy: { askIdClasses: [2] }, config }, nodeRandom);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function run(...args: string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [builtPath('scripts/cli.ts'), ...args], { encoding: 'utf8' });
  return { code: status, stdout, stderr };
}
const explain = (text: string, ...more: string[]) => run('policy', 'explain', '--config', kit.configFile, '--json', ...more, '--', text);
const file = (name: string, text: string) => {
  writeFileSync(join(folder, name), text);
  return join(folder, name);
};

describe('policy check', () => {
  it.each(['checkpoint', 'venue'])('finds nothing wrong with the template for a %s', (profile) => {
    const template = file('template.json', run('policy', 'template', profile).stdout);
    expect(run('policy', 'check', template)).toMatchObject({ code: 0, stdout: expect.not.stringContaining('warning') });
  });

  it('reads a signed policy too', () => {
    expect(run('policy', 'check', join(folder, 'policy.cose'), '--json')).toMatchObject({ code: 0 });
  });

  it('names the golden case that does not come out, with exit code 1, and signs no such policy', () => {
    const template = JSON.parse(run('policy', 'template').stdout);
    const bad = file(
      'bad.json',
      JSON.stringify({ ...template, alsoHold: ['F2'], golden: [...template.golden, { rule: 'F2 passes', status: 'F2', expect: 'ok' }] }),
    );
    const checked = run('policy', 'check', bad);
    expect(checked).toMatchObject({ code: 1, stdout: expect.stringContaining('FAILED  F2 passes: gives status-hold, should give ok') });
    const signed = run('keys', 'sign', '--type', 'policy', '--key', join(folder, 'offline-keys/release.key'), bad);
    expect(signed).toMatchObject({ code: 65, stdout: '', stderr: expect.stringContaining('no kiosk would activate it') });
  });

  it('names the place of what is no policy, with exit code 65', () => {
    const template = JSON.parse(run('policy', 'template').stdout);
    const checked = run('policy', 'check', file('typo.json', JSON.stringify({ ...template, curfew: [] })));
    expect(checked).toMatchObject({ code: 65, stderr: expect.stringContaining('curfew') });
    expect(run('policy', 'check', file('text.json', 'hello')).code).toBe(65);
    expect(run('policy', 'check', join(folder, 'absent.json')).code).toBe(66);
  });

  it('warns of what no golden case shows', () => {
    const template = JSON.parse(run('policy', 'template').stdout);
    const body = { ...template, curfews: [{ from: '21:00', to: '05:00' }], access: [{ classes: [1, 2] }] };
    const { stdout } = run('policy', 'check', file('warn.json', JSON.stringify(body)));
    expect(stdout).toContain('no golden case shows curfew');
    expect(stdout).toContain('class 3, 4, 5, 6 passes nowhere');
  });
});

describe('policy explain', () => {
  it('gives the verdict of each person of the demo, with every step that led there, in both languages', () => {
    for (const { text, expected } of kit.cases) {
      const explanation = JSON.parse(explain(text).stdout);
      expect(explanation).toMatchObject(expected);
      for (const { vi, en } of explanation.steps) expect(vi !== '' && en !== '' && vi !== en).toBe(true);
      const failed = explanation.steps.filter(({ ok }: { ok: boolean }) => !ok);
      expect(failed[0]?.reason).toBe(expected.reason === 'ok' ? undefined : expected.reason);
    }
  });

  it('answers what would be with another time, plate, card or history', () => {
    const text = kit.issue((cti) => ({ idTag: idTag(cti, '079090123456') }));
    const reason = (...more: string[]) => JSON.parse(explain(text, ...more).stdout).reason;
    expect(reason()).toBe('id-unchecked');
    expect(reason('--id-number', '079090123456')).toBe('id-matched');
    expect(reason('--id-number', '079090123457')).toBe('id-mismatch');
    expect(reason('--passed-ago-s', '10')).toBe('anti-passback');
    expect(reason('--at', '2020-01-01T10:00')).toBe('not-yet-valid');
  });

  it('takes the code from stdin, so that no list of processes shows it, and says why lists cannot be used', () => {
    const text = kit.cases[0]?.text ?? '';
    const args = [builtPath('scripts/cli.ts'), 'policy', 'explain', '--config', kit.configFile, '-'];
    const { stdout, status } = spawnSync(process.execPath, args, { encoding: 'utf8', input: `${text}\n` });
    expect(status).toBe(0);
    expect(stdout).toContain('= pass (ok)');
    const broken = file('broken.yaml', readFileSync(kit.configFile, 'utf8').replace('policy.cose', 'absent.cose'));
    expect(run('policy', 'explain', '--config', broken, text)).toMatchObject({
      code: 65,
      stderr: expect.stringContaining('policy-invalid'),
    });
  });
});
