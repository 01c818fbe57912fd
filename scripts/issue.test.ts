/** `issue` hands out no code that no kiosk would pass, and needs no id, plate or name on the command line. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { builtPath } from '../config/host/install-paths.ts';
import { nodeRandom } from '../config/host/node-host.ts';
import { createDemoKit, type DemoKit } from '../fixtures/demo-kit.ts';
import { openTestStore } from '../fixtures/test-store.ts';
import { fromHex } from '../sync/credential/bytes.ts';
import { readCredential } from '../sync/credential/credential.ts';
import { keyringSchema } from '../sync/credential/keyring-body.ts';
import { parseEnvelopes, parsePayload, signStatement } from '../sync/credential/statement.ts';
import { parseTrustFile } from '../sync/credential/trust.ts';
import { idTag, plateTag, subjectPseudonym } from '../sync/protocol/tags.ts';
import { describeKey } from './key-file.ts';

const ID = '079200000001';
const PLATE = '59-C1 123.45';
const NAME = 'NGUYEN V* A*';
const nowS = () => Math.floor(Date.now() / 1000);
let folder: string;
let kit: DemoKit;
const file = (name: string) => join(folder, name);
const key = (name: string) => fromHex(readFileSync(file(`kit/${name}`), 'utf8').trim());

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'issue-test-'));
  const access = [{ classes: [2, 3], areas: [79] }];
  const golden = [
    { rule: 'a good code passes', expect: 'ok' },
    { rule: 'F0 sees staff', status: 'F0', expect: 'status-hold' },
  ];
  kit = createDemoKit(
    { folder: file('kit'), nowMs: Date.now(), demo: true, slice: false, policy: { access, golden }, config: {} },
    nodeRandom,
  );
  const envelopes = parseEnvelopes(readFileSync(kit.upstream.keyring, 'utf8'));
  const body = envelopes.ok ? parsePayload(envelopes.value[0], keyringSchema) : envelopes;
  if (!body.ok) throw new Error(body.reason);
  const [first] = body.value.issuers;
  if (first === undefined) throw new Error('no issuer');
  const issuers = [{ ...first, classes: [2, 3], areas: [79, 80] }];
  const next = { ...body.value, version: body.value.version + 1, issuers };
  writeFileSync(file('keyring.cose'), `${signStatement('keyring', next, key('offline-keys/root.key'))}\n`);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function cli(args: readonly string[], input = '') {
  const { status, stdout, stderr } = spawnSync(process.execPath, [builtPath('scripts/cli.ts'), ...args], { input, encoding: 'utf8' });
  return { status, stdout, stderr };
}

const base = () => ['--key', file('kit/offline-keys/issuer.key'), '--subject-key', file('kit/upstream-keys/subject.key')];
const trusted = () => ['--keyring', file('keyring.cose'), '--root', kit.upstream.root];

function read(text: string) {
  const { publicKey, kid = '' } = { kid: '', ...describeKey(key('offline-keys/issuer.key'), false) };
  const trust = parseTrustFile({ [kid]: { pk: publicKey, status: 'active', classes: [1, 2, 3, 4, 5, 6] } });
  const result = trust.ok ? readCredential(text.trim(), { trust: trust.value, now: nowS() }) : trust;
  if (!result.ok) throw new Error(result.reason);
  return result.value.claims;
}

describe('issue refuses what no kiosk would pass, and names the option to change:', () => {
  const permit = ['--class', 'travel-permit', '--area', '79', '--id-number', ID];
  const withPolicy = () => [...trusted(), '--policy', file('kit/policy.cose')];
  it.each<[string, () => string[], string]>([
    ['more than a week', () => [...permit, '--hours', '200'], '--hours 200'],
    ['what has expired already', () => [...permit, '--from', String(nowS() - 200_000)], '--from'],
    ['a declaration of another day', () => [...permit, '--declared-at', String(nowS() - 300_000)], '--declared-at'],
    ['a declaration of tomorrow', () => [...permit, '--declared-at', String(nowS() + 86_400)], '--declared-at'],
    ['a shipper without a plate', () => ['--class', 'shipper', '--area', '79', '--id-number', ID], '--plate'],
    ['five areas', () => ['--class', '2', '--area', '1', '2', '3', '4', '5', '--id-number', ID], '--area'],
    ['a name in small letters', () => [...permit, '--name', 'Nguyen'], '--name'],
    ['a hundred uses', () => [...permit, '--max-uses', '100'], '--max-uses'],
    ['too much for the camera', () => [...permit, '--plate', PLATE, '--name', 'NGUYEN VAN ANH A', '--area', '10001', '10002'], '--name'],
    ['a class that the issuer may not sign', () => ['--class', 'duty', '--area', '79', '--id-number', ID, ...trusted()], '--class'],
    ['an area that the issuer may not name', () => ['--class', '2', '--area', '81', '--id-number', ID, ...trusted()], '--area'],
    ['another key than the keyring lists', () => [...permit, ...trusted(), '--key', file('kit/offline-keys/release.key')], '--key'],
    ['what the policy admits in none of its areas', () => ['--class', '2', '--area', '80', '--id-number', ID, ...withPolicy()], '--area'],
    ['a policy without its keyring', () => [...permit, '--policy', file('kit/policy.cose')], '--keyring'],
  ])('%s', (_what, args, option) => {
    const refused = cli(['issue', ...base(), ...args()]);
    expect(refused).toMatchObject({ status: 64, stdout: '' });
    expect(refused.stderr.split('\n').at(-2)).toContain(option);
  });

  it.each<[string, () => string[]]>([
    ['a code for tomorrow', () => [...permit, '--from', String(nowS() + 86_400), ...trusted()]],
    ['what the policy admits in one of its areas', () => ['--class', '2', '--area', '79', '80', '--id-number', ID, ...withPolicy()]],
    ['a code for a phone', () => [...permit, '--device-key', file('kit/offline-keys/root.key'), ...trusted()]],
    ['a week', () => [...permit, '--hours', '168']],
  ])('and hands out %s', (_what, args) => {
    expect(cli(['issue', ...base(), ...args()]).status).toBe(0);
  });

  it('and says until when the declaration counts, where the code is for longer', () => {
    expect(cli(['issue', ...base(), ...permit, '--hours', '100']).stderr).toContain('its health declaration counts until');
    expect(cli(['issue', ...base(), ...permit, ...trusted()]).stderr).not.toContain('note:');
  });
});

describe('ids, plates and names', () => {
  const shipper = () => ['issue', ...base(), '--class', 'shipper', '--area', '79', ...trusted()];

  it('come from stdin, one line each, and stand in no list of processes', () => {
    const { stdout, stderr, status } = cli(
      [...shipper(), '--name', '-', '--plate', '-', '--id-number', '-'],
      `${ID}\r\n${PLATE}\n${NAME}\n`,
    );
    expect(status).toBe(0);
    const { cti, ...claims } = read(stdout);
    expect(claims).toMatchObject({
      subject: subjectPseudonym(key('upstream-keys/subject.key'), ID),
      maskedName: NAME,
      plateTag: plateTag(cti, PLATE),
      idTag: idTag(cti, ID),
    });
    expect(stderr).not.toContain('warning');
  });

  it('come from a file each', () => {
    for (const [name, text] of Object.entries({ id: ID, plate: PLATE, name: NAME })) writeFileSync(file(name), `\uFEFF${text}\r\n`);
    const args = ['--id-number', `@${file('id')}`, '--plate', `@${file('plate')}`, '--name', `@${file('name')}`];
    const { stdout, stderr } = cli([...shipper(), ...args]);
    expect(read(stdout).maskedName).toBe(NAME);
    expect(stderr).not.toContain('warning');
    expect(cli([...shipper(), '--id-number', `@${file('nowhere')}`, '--plate', '-'], PLATE)).toMatchObject({ status: 66, stdout: '' });
  });

  it('are taken on the command line with a warning for each', () => {
    const { stdout, stderr } = cli([...shipper(), '--id-number', ID, '--plate', PLATE, '--name', NAME]);
    expect(read(stdout).maskedName).toBe(NAME);
    for (const option of ['--id-number', '--plate', '--name']) expect(stderr).toContain(`can read ${option} on the command line`);
  });

  it('are asked for where stdin ends too early', () => {
    expect(cli([...shipper(), '--id-number', '-', '--plate', '-'], ID)).toMatchObject({
      status: 66,
      stdout: '',
      stderr: expect.stringContaining('stdin ended before --plate'),
    });
  });

  it('reach the registry from stdin or a file too, with a warning on the command line', async () => {
    const store = ['--store', `sqlite:${file('store.db')}`, '--keys', kit.upstream.folder];
    await openTestStore(file('store.db')).close();
    writeFileSync(file('held'), `${ID}\n`);
    const calls: [string[], string][] = [
      [['set', '-', '--status', 'F0'], ID],
      [['clear', `@${file('held')}`], ''],
      [['plate', '-', '--status', 'hold'], PLATE],
      [['revoke', '-'], 'ab'.repeat(8)],
      [['release', '-'], 'ab'.repeat(8)],
    ];
    for (const [args, input] of calls) {
      const done = cli(['registry', ...args, ...store], input);
      expect(done, args[0]).toMatchObject({ status: 0, stderr: '' });
      expect(JSON.parse(done.stdout), args[0]).toMatchObject({ changed: true });
    }
    for (const args of [
      ['set', ID, '--status', 'F0'],
      ['plate', PLATE, '--status', 'clear'],
      ['clear', ID],
      ['revoke', 'ab'.repeat(8)],
    ]) {
      expect(cli(['registry', ...args, ...store]).stderr, args[0]).toContain('on the command line');
    }
    const opened = openTestStore(file('store.db'));
    expect(await opened.audit(20)).toHaveLength(9);
    await opened.close();
  });
});
