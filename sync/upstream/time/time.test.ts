/** Signed time over real HTTP: what is answered to whom, how often, and whether a phone's page shows what a camera reads. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { openBrowser } from '../../../fixtures/browser.ts';
import { createSimulatedHost } from '../../../fixtures/simulated-host.ts';
import { openTestCentre, type TestCentre } from '../../../fixtures/test-centre.ts';
import { describeWith } from '../../../fixtures/tools.ts';
import { openZxingWasm } from '../../../kiosk/decode/zxing-wasm-reader.ts';
import { readKeyring } from '../../credential/keyring.ts';
import { readTimeCode } from '../../protocol/time-code.ts';
import { createRateLimit } from './rate-limit.ts';

const NONCE = 'abcdefghijklmnop';
const QUERY = `kiosk=k1&nonce=${NONCE}`;
let folder: string;
let centre: TestCentre;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'time-'));
  centre = await openTestCentre(folder);
});
afterAll(async () => {
  await centre.close();
  rmSync(folder, { recursive: true, force: true });
});

const feedKeys = () => {
  const keyring = readKeyring(readFileSync(centre.kit.upstream.keyring, 'utf8'), centre.root);
  if (!keyring.ok) throw new Error(keyring.reason);
  return keyring.value.roles.feed;
};

describe('the time at the centre', () => {
  it('is signed by the feed key for whoever asks, bound to kiosk and nonce', async () => {
    const beforeMs = Date.now();
    const answer = await fetch(`${centre.upstream.url}/v1/time?${QUERY}`);
    const { code, issuedAt } = z.strictObject({ code: z.string(), issuedAt: z.string() }).parse(await answer.json());
    expect(Math.abs(Date.parse(issuedAt) - beforeMs)).toBeLessThan(5_000);
    const read = readTimeCode(code, feedKeys());
    expect(read).toMatchObject({ ok: true, value: { audience: 'k1', nonce: NONCE } });
    expect(answer.headers.get('cache-control')).toBe('no-store');
  });

  it.each([
    ['no kiosk', `nonce=${NONCE}`],
    ['a kiosk for everybody', `kiosk=*&nonce=${NONCE}`],
    ['markup for a kiosk', `kiosk=%3Cscript%3E&nonce=${NONCE}`],
    ['no nonce', 'kiosk=k1'],
    ['a nonce that could be guessed', 'kiosk=k1&nonce=1'],
    ['an endless nonce', `kiosk=k1&nonce=${'a'.repeat(23)}`],
  ])('is not signed for %s', async (_name, query) => {
    for (const path of ['/v1/time', '/time']) {
      expect((await fetch(`${centre.upstream.url}${path}?${query}`)).status, path).toBe(400);
    }
  });

  it('is described with its parameters', async () => {
    const document = z
      .object({
        paths: z.record(
          z.string(),
          z.record(z.string(), z.object({ parameters: z.array(z.object({ name: z.string(), in: z.string() })) })),
        ),
      })
      .parse(await (await fetch(`${centre.upstream.url}/v1/openapi.json`)).json());
    expect(document.paths['/v1/time']?.get?.parameters).toEqual([
      { name: 'kiosk', in: 'query' },
      { name: 'nonce', in: 'query' },
    ]);
  });

  it('is refused to an address that asks without end, and says when to come back', async () => {
    const answers = await Promise.all(Array.from({ length: 80 }, () => fetch(`${centre.upstream.url}/v1/time?${QUERY}`)));
    const refused = answers.filter(({ status }) => status === 429);
    expect(refused.length).toBeGreaterThan(0);
    expect(answers.filter(({ status }) => status === 200).length).toBeGreaterThan(20);
    expect(refused[0]?.headers.get('retry-after')).toBe('5');
  });
});

describe('a rate limit', () => {
  const limits = [
    { burst: 3, perSecond: 1 },
    { burst: 5, perSecond: 2 },
  ] as const;
  const askers = (clock = createSimulatedHost()) => {
    const limit = createRateLimit(...limits, clock.clock);
    const count = (address: string, times: number) => Array.from({ length: times }, () => limit.admits(address)).filter(Boolean).length;
    return { clock, count };
  };

  it('admits a burst, and then as many as time brings', () => {
    const { clock, count } = askers();
    expect(count('10.0.0.1', 9)).toBe(3);
    clock.advance(2_000);
    expect(count('10.0.0.1', 9)).toBe(2);
    clock.advance(3_600_000);
    expect(count('10.0.0.1', 9)).toBe(3);
  });

  it('bounds all addresses together, and one that is refused takes nothing from the others', () => {
    const { count } = askers();
    expect(count('10.0.0.1', 100)).toBe(3);
    expect(count('10.0.0.2', 9)).toBe(2);
    expect(count('10.0.0.3', 9)).toBe(0);
  });

  it.each([
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::9', 0],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:3::9', 2],
    ['::ffff:10.0.0.1', '::ffff:10.0.0.2', 2],
  ])('takes one network of IPv6 for one address: after %s, %s gets %i', (first, second, admitted) => {
    const { count } = askers();
    expect(count(first, 9)).toBe(3);
    expect(count(second, 9)).toBe(admitted);
  });
});

describeWith(['chromium'], 'the page of a time code in Chromium', () => {
  it('shows a code that a camera reads on a phone, and renews it by itself', async () => {
    // What the tests above have asked for is over in a moment.
    await expect
      .poll(async () => (await fetch(`${centre.upstream.url}/v1/time?${QUERY}`)).status, { timeout: 10_000, interval: 500 })
      .toBe(200);
    const [browser, decoder] = [await openBrowser(), await openZxingWasm()];
    try {
      const page = await browser.newPage({ viewport: { width: 390, height: 844 } });
      await page.goto(`${centre.upstream.url}/time?${QUERY}`);
      const read = async () => {
        const { data, info } = await sharp(await page.screenshot())
          .greyscale()
          .raw()
          .toBuffer({ resolveWithObject: true });
        const luma = new Uint8Array(info.width * info.height);
        for (let at = 0; at < luma.length; at++) luma[at] = data[at * info.channels] ?? 0;
        const [symbol] = await decoder.read({ luma, widthPx: info.width, heightPx: info.height });
        return symbol?.text;
      };
      const first = (await read()) ?? '';
      expect(readTimeCode(first, feedKeys())).toMatchObject({ ok: true, value: { audience: 'k1', nonce: NONCE } });
      expect(await page.locator('h1').innerText()).toContain('Mã giờ cho máy k1');
      expect(await page.evaluate('document.documentElement.scrollWidth <= innerWidth')).toBe(true);
      await expect.poll(read, { timeout: 9_000, interval: 500 }).not.toBe(first);
    } finally {
      await browser.close();
    }
  });
});
