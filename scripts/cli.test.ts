import { type StdioOptions, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { builtPath, packageRoot } from '../config/host/install-paths.ts';
import { corpusPath, fixturePath, readJson } from '../fixtures/corpus.ts';
import { writeDemoClip } from '../fixtures/demo-clip.ts';
import { describeWith } from '../fixtures/tools.ts';
import { fromHex } from '../sync/credential/bytes.ts';
import { readHeld } from '../sync/holder/held-credential.ts';

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'cli-test-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const file = (name: string) => join(folder, name);

async function run(args: readonly string[], input = '') {
  const child = spawn(process.execPath, [builtPath('scripts/cli.ts'), ...args]);
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  child.stdin.end(input);
  await once(child, 'close');
  return { code: child.exitCode, stdout, stderr, lines: stdout.split('\n').slice(0, -1) };
}

const profile = z
  .object({ now: z.number(), trust: z.unknown(), vectors: z.array(z.object({ qr: z.string(), expect: z.string() })) })
  .parse(readJson(fixturePath('vectors/profile.json')));

describe('demo', () => {
  it('ends by itself with the six right verdicts, on stdout one JSON object', async () => {
    const { code, lines, stderr } = await run(['demo', '--loops', '1', '--json', '--port', '0', '--centre-port', '0']);
    expect(lines).toHaveLength(1);
    expect(JSON.parse(lines[0] ?? '')).toMatchObject({ presented: 6, pass: 1, deny: 3, seeStaff: 2, unread: 0 });
    expect(JSON.parse(lines[0] ?? '')).toMatchObject({ journalled: 6, acknowledged: 6, projected: 6, feedMs: expect.any(Number) });
    expect(stderr).toContain('citizen screen');
    // No line of a log, and no fault that belongs to every start.
    expect(stderr).not.toMatch(/^\{|slice-missing/m);
    expect(code).toBe(0);
  }, 60_000);
});

describe('verify', () => {
  it('gives the exact verdict of each vector, one line for each', async () => {
    writeFileSync(file('trust.json'), JSON.stringify(profile.trust));
    const input = profile.vectors.map(({ qr }) => JSON.stringify(qr)).join('\n');
    const { code, lines } = await run(
      ['verify', '--trust', file('trust.json'), '--now', String(profile.now), '--json', '--json-input'],
      input,
    );
    const reply = z.strictObject({ ok: z.boolean(), reason: z.string().nullable(), claims: z.unknown() });
    const verdicts = lines
      .map((line) => reply.parse(JSON.parse(line)))
      .map(({ ok, reason }) => (ok ? 'OK' : reason?.toUpperCase().replaceAll('-', '_')));
    expect(verdicts).toEqual(profile.vectors.map((vector) => vector.expect));
    expect(code).toBe(0);
  });

  it('trims nothing and answers each line, whatever it is', async () => {
    const good = profile.vectors.find((vector) => vector.expect === 'OK')?.qr ?? '';
    const args = ['verify', '--trust', file('trust.json'), '--now', String(profile.now), '--json'];
    const { lines } = await run(args, `${good}\n ${good}\n${good} \n\n${good}\r\nlast`);
    expect(lines.map((line) => JSON.parse(line).reason)).toEqual([
      null,
      'prefix-unknown',
      expect.stringMatching(/^b45-/),
      'prefix-unknown',
      'b45-char',
      'prefix-unknown',
    ]);
    const json = await run([...args, '--json-input'], '"x"\nnot json\n12\n');
    expect(json.lines.map((line) => JSON.parse(line).reason)).toEqual(['prefix-unknown', 'input-not-json-string', 'input-not-json-string']);
  });
});

describe('keys, issue, inspect', () => {
  it('issues under a keyring what verify accepts with its root only', async () => {
    const made = z.object({ publicKey: z.string(), fingerprint: z.string().optional() });
    const create = async (name: string, ...more: string[]) =>
      made.parse(JSON.parse((await run(['keys', 'new', file(name), ...more])).stdout));
    const [root, issuer, release, slice, seal] = [
      await create('root'),
      await create('issuer'),
      await create('release'),
      await create('slice'),
      await create('seal', '--sealing'),
    ];
    expect(statSync(file('root')).mode & 0o777).toBe(0o600);
    const body = {
      roots: [root.publicKey],
      threshold: 1,
      issuers: [{ key: issuer.publicKey, status: 'active', classes: [2] }],
      roles: { release: [release.publicKey], slice: [slice.publicKey] },
      sealing: seal.publicKey,
    };
    writeFileSync(file('keyring.json'), JSON.stringify(body));
    expect(
      (await run(['keys', 'sign', '--yes', '--type', 'keyring', '--key', file('root'), '--out', file('keyring'), file('keyring.json')]))
        .code,
    ).toBe(0);
    const issue = ['issue', '--key', file('issuer'), '--area', '79', '--subject', '00'.repeat(12)];
    const code = (await run([...issue, '--class', 'travel-permit'])).stdout;
    const now = String(Math.floor(Date.now() / 1000));
    const verify = (rootPin: string | undefined, input: string) =>
      run(['verify', '--trust', file('keyring'), '--now', now, '--root', rootPin ?? ''], input);
    expect(JSON.parse((await verify(root.fingerprint, code)).stdout)).toMatchObject({
      ok: true,
      reason: null,
      claims: { areas: [79], class: 2 },
    });
    expect(await verify('00'.repeat(32), code)).toMatchObject({ code: 65, stdout: '', stderr: expect.stringContaining('keyring-root') });
    const medical = (await run([...issue, '--class', 'medical'])).stdout;
    expect(JSON.parse((await verify(root.fingerprint, medical)).stdout).reason).toBe('issuer-not-authorized');
    expect(JSON.parse((await run(['inspect', file('keyring')])).stdout)).toMatchObject({
      kind: 'statement',
      type: 'keyring',
      body: { threshold: 1 },
    });
    expect(JSON.parse((await run(['inspect', '-'], code)).stdout)).toMatchObject({ kind: 'credential', form: 'paper' });
  });

  it('never overwrites a key, and names what is wrong with a credential', async () => {
    const before = readFileSync(file('root'), 'utf8');
    expect((await run(['keys', 'new', file('root')])).code).toBe(73);
    expect(readFileSync(file('root'), 'utf8')).toBe(before);
    const shipper = await run(['issue', '--key', file('issuer'), '--class', 'shipper', '--area', '79', '--subject', '00'.repeat(12)]);
    expect(shipper).toMatchObject({ code: 64, stdout: '', stderr: expect.stringContaining('claim-missing') });
  });
});

describe('a code for a phone', () => {
  const phone = '3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c';
  const page = 'http://192.168.1.5:8746/';
  const issue = (...more: string[]) =>
    run(['issue', '--key', file('issuer'), '--class', '2', '--area', '79', '--subject', '00'.repeat(12), ...more]);

  it('is bound to the key of the phone, and given as the text and the link that the phone takes', async () => {
    const { code, stdout, stderr } = await issue('--device-public-key', phone, '--holder-url', page, '--json');
    expect(code).toBe(0);
    expect(stderr).toMatch(/characters, a link of \d+, QR version \d+ at level M/);
    const { text, link } = z.object({ text: z.string(), link: z.string() }).parse(JSON.parse(stdout));
    const held = readHeld(link, fromHex(phone));
    expect(held.ok && held.value.text).toBe(text);
    expect(link.startsWith(`${page}#CP1%3A`)).toBe(true);

    const { lines } = await issue('--device-public-key', phone.toUpperCase(), '--holder-url', page);
    expect(lines.map((line) => line.slice(0, 4))).toEqual(['CP1:', 'http']);
    expect((await issue('--device-public-key', phone)).lines).toEqual([expect.stringMatching(/^CP1:/)]);
  });

  it('is drawn as the link, which a phone opens with its own camera', async () => {
    const issued = JSON.parse(
      (await issue('--device-public-key', phone, '--holder-url', page, '--format', 'png', '--out', file('link.png'), '--json')).stdout,
    );
    const [scanned] = (await run(['scan', file('link.png')])).lines;
    expect(JSON.parse(scanned ?? '').text).toBe(issued.link);
  });

  it.each([
    ['a key that is none', ['--device-public-key', 'ff'], '64 hex digits'],
    ['a key of small order', ['--device-public-key', `01${'00'.repeat(31)}`], 'no acceptable Ed25519 key'],
    ['two keys', ['--device-public-key', phone, '--device-key', 'x'], 'not both'],
    ['a link without a phone', ['--holder-url', page], 'needs --device-public-key'],
    ['an address with a fragment', ['--device-public-key', phone, '--holder-url', `${page}#x`], 'without #'],
    ['an address of another kind', ['--device-public-key', phone, '--holder-url', 'javascript:alert(1)'], 'http(s)'],
  ])('is refused with %s', async (_what, more, words) => {
    expect(await issue(...more)).toMatchObject({ code: 64, stdout: '', stderr: expect.stringContaining(words) });
  });

  it('is measured as the rotating code that the lane will see', async () => {
    const all = ['--name', 'NGUYEN VAN ANH A', '--plate', '59X112345', '--id-number', '079200000001', '--max-uses', '99'];
    const areas = ['--area', '10001', '10002', '10003', '--purpose', '1000000'];
    expect(await issue('--device-public-key', phone, ...all, ...areas)).toMatchObject({
      code: 64,
      stderr: expect.stringContaining('more than the 440'),
    });
    expect((await issue('--device-public-key', phone, '--name', 'NGUYEN V* A*')).code).toBe(0);
  });
});

describe('holder', () => {
  it('serves the page until it is stopped, and says where', async () => {
    const child = spawn(process.execPath, [builtPath('scripts/cli.ts'), 'holder', '--port', '0', '--json']);
    const ended = once(child, 'close');
    const [line] = await once(child.stdout.setEncoding('utf8'), 'data');
    const { url } = z.strictObject({ url: z.string() }).parse(JSON.parse(line));
    const response = await fetch(url);
    expect([response.status, await response.text()]).toEqual([200, expect.stringContaining('Mã đi đường')]);
    const second = await run(['holder', '--port', new URL(url).port]);
    expect(second).toMatchObject({ code: 69, stdout: '', stderr: expect.stringContaining('holder-port-busy') });
    child.kill('SIGINT');
    expect((await ended)[0]).toBe(0);
  });

  it('warns where others may change the page on its way', async () => {
    const child = spawn(process.execPath, [builtPath('scripts/cli.ts'), 'holder', '--address', '0.0.0.0', '--port', '0', '--json']);
    let stderr = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr += text;
    });
    await once(child.stdout, 'data');
    child.kill('SIGINT');
    await once(child, 'close');
    expect(stderr).toContain('Without TLS');
  });
});

describe('scan', () => {
  it('reads a picture that issue wrote, and judges it', async () => {
    const args = [
      'issue',
      '--key',
      file('issuer'),
      '--class',
      '2',
      '--area',
      '79',
      '--subject',
      '00'.repeat(12),
      '--format',
      'png',
      '--out',
      file('code.png'),
      '--json',
    ];
    const issued = JSON.parse((await run(args)).stdout);
    const { lines, code } = await run(['scan', file('code.png'), '--trust', file('trust.json'), '--now', String(profile.now)]);
    expect(JSON.parse(lines[0] ?? '')).toMatchObject({
      file: file('code.png'),
      frame: 0,
      text: issued.text,
      ok: false,
      reason: 'kid-unknown',
    });
    expect(code).toBe(0);
  });

  it('gives one line for every frame of a clip, in order', async () => {
    writeDemoClip({ file: file('clip.y4m'), texts: ['CP1:CLIP'], seed: 3 });
    const lines = (await run(['scan', file('clip.y4m')])).lines.map((line) => JSON.parse(line));
    expect(lines.map(({ frame }) => frame)).toEqual(lines.map((_, index) => index));
    expect(lines[0].text).toBeNull();
    expect(lines.filter(({ text }) => text === 'CP1:CLIP').length).toBeGreaterThanOrEqual(16);
  });

  it('names a missing file and still reads the others', async () => {
    const { code, lines } = await run(['scan', file('absent.png'), file('code.png')]);
    expect(lines.map((line) => JSON.parse(line)).map(({ error, text }) => [error, text?.slice(0, 4)])).toEqual([
      ['no such file', undefined],
      [undefined, 'CP1:'],
    ]);
    expect(code).toBe(66);
  });

  const manifestPath = corpusPath('qr/manifest.json');
  it.skipIf(manifestPath === undefined)(
    'reads the public pictures without one wrong text',
    async () => {
      const { images } = z
        .object({ images: z.array(z.object({ file: z.string(), expected: z.array(z.string()), negative: z.boolean().optional() })) })
        .parse(readJson(manifestPath ?? ''));
      const { lines } = await run(['scan', ...images.map((image) => corpusPath(join('qr', image.file)) ?? '')]);
      const normal = (text: string) => text.replaceAll('\r\n', '\n').trim();
      const texts = lines.map((line) => z.object({ text: z.string().nullable() }).parse(JSON.parse(line)).text);
      const outcomes = images.map(({ expected }, index) => {
        const text = texts[index] ?? null;
        if (text === null) return 'none';
        return expected.map(normal).includes(normal(text)) ? 'read' : 'wrong';
      });
      expect(outcomes.filter((outcome) => outcome === 'wrong')).toEqual([]);
      expect(outcomes.filter((outcome) => outcome === 'read').length).toBeGreaterThanOrEqual(173);
    },
    120_000,
  );
});

describeWith(['ffmpeg'], 'scan of videos', () => {
  it('gives one line for every frame, in order, and says what is no video', async () => {
    const clip = corpusPath('qr/sequences/phone-20.mkv');
    if (clip !== undefined) {
      const lines = (await run(['scan', clip])).lines.map((line) => JSON.parse(line));
      expect(lines.map(({ frame }) => frame)).toEqual(Array.from({ length: 45 }, (_, index) => index));
      expect(lines.filter(({ text }) => text !== null).length).toBeGreaterThanOrEqual(30);
    }
    writeFileSync(file('broken.mkv'), 'this is no video');
    const { code, lines } = await run(['scan', file('broken.mkv')]);
    expect(code).toBe(65);
    expect(JSON.parse(lines[0] ?? '').error).toMatch(/Invalid data|EBML|no video/);
  });
});

describe('config check', () => {
  it('names key, line and what was expected, with exit code 78', async () => {
    writeFileSync(file('bad.yaml'), 'kioskId: k1\narea: lots\ncamera:\n  kind: webcam\n  sorce: x\n');
    const { code, stderr } = await run(['config', 'check', file('bad.yaml')]);
    expect(code).toBe(78);
    expect(stderr).toContain('bad.yaml:2: area: expected an area code, 0 to 99999, found "lots"');
    expect(stderr).toContain('bad.yaml:4: camera.kind: expected rtsp, mjpeg');
    expect(stderr).toContain('bad.yaml:5: camera.sorce: expected a known option, perhaps camera.source');
    expect(stderr).toContain('bad.yaml: dataDir: expected a folder, found nothing');
    expect((await run(['run', '--config', file('bad.yaml')])).code).toBe(78);
    expect((await run(['config', 'check', file('nowhere.yaml')])).code).toBe(66);
  });
});

describe('the README', () => {
  it('holds the table of options as the program has it', async () => {
    const { stdout } = await run(['config', 'options']);
    expect(readFileSync(join(packageRoot, 'README.md'), 'utf8')).toContain(stdout.trim());
  });
});

describe('explain', () => {
  it('says what every code on a screen means', async () => {
    expect((await run(['explain', 'o-12'])).stdout).toContain('camera-stalled');
    expect((await run(['explain', 'w-01'])).stdout).toMatch(/camera-controls +warning/);
    expect((await run(['explain', 'D-10', '--json'])).lines.map((line) => JSON.parse(line))).toMatchObject([
      { name: 'expired', verdict: 'deny' },
    ]);
    expect((await run(['explain', 'O-00'])).code).toBe(64);
  });
});

describe('the command line itself', () => {
  it('takes a wrong option for a usage error and help for none', async () => {
    expect((await run(['nonsense'])).code).toBe(64);
    expect((await run(['verify'])).code).toBe(64);
    expect(await run(['--help'])).toMatchObject({ code: 0, stdout: expect.stringContaining('Exit codes') });
  });

  it('ends with the exit code that it means although the disk behind stdout or stderr is full', () => {
    const full = openSync('/dev/full', 'w');
    const ended = (args: readonly string[], stdio: StdioOptions) =>
      spawnSync(process.execPath, [builtPath('scripts/cli.ts'), ...args], { stdio, encoding: 'utf8' });
    const cut = ended(['config', 'options'], ['ignore', full, 'pipe']);
    expect([cut.status, cut.stderr]).toEqual([74, expect.stringMatching(/^checkpoint-kiosk: stdout: [^\n]*ENOSPC[^\n]*\n$/)]);
    expect(ended(['config', 'check', file('nowhere.yaml')], ['ignore', 'pipe', full]).status).toBe(66);
    closeSync(full);
  });
});
