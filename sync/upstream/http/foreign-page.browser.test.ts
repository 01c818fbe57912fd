/** A page of another site, in the browser in which the operator is signed in: it changes, reads and frames nothing of the centre. */
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { openBrowser } from '../../../fixtures/browser.ts';
import { openTestCentre, type TestCentre } from '../../../fixtures/test-centre.ts';
import { describeWith } from '../../../fixtures/tools.ts';

describeWith(['chromium'], 'a page of another site', () => {
  let folder: string;
  let centre: TestCentre;
  let browser: Browser;
  let evil: Server;
  let page: Page;
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'foreign-'));
    centre = await openTestCentre(folder);
    evil = createServer((_request, response) => {
      response.setHeader('content-type', 'text/html');
      response.end('<!doctype html><title>evil</title><body></body>');
    });
    evil.listen(0, '127.0.0.1');
    await once(evil, 'listening');
    browser = await openBrowser();
    const context = await browser.newContext();
    const operator = await context.newPage();
    await operator.goto(centre.upstream.url);
    await operator.locator('#token').fill(centre.operatorToken);
    await operator.locator('button').click();
    await operator.waitForSelector('text=waiting to be opened');
    page = await context.newPage();
    const address = evil.address();
    // Another site, by its name: 127.0.0.1 is the centre's.
    await page.goto(`http://localhost:${typeof address === 'object' && address !== null ? address.port : 0}/`);
  }, 90_000);
  afterAll(async () => {
    await browser.close();
    evil.close();
    await centre.close();
    rmSync(folder, { recursive: true, force: true });
  });

  const body = JSON.stringify({ changes: [{ id: '079200000001', status: 'F0' }] });
  const target = () => `${centre.upstream.url}/v1/registry/changes`;

  it('changes nothing by fetch, with the credentials of the browser', async () => {
    for (const type of ['text/plain', 'application/json']) {
      await page.evaluate(
        async ([url, text, contentType]) => {
          const headers = { 'content-type': contentType ?? '' };
          await fetch(url ?? '', { method: 'POST', mode: 'no-cors', credentials: 'include', headers, body: text ?? '' }).catch(() => null);
          await fetch(url ?? '', { method: 'POST', credentials: 'include', headers, body: text ?? '' }).catch(() => null);
        },
        [target(), body, type],
      );
    }
    expect(await centre.store.audit(10)).toEqual([]);
  });

  it('changes nothing by a form that is JSON as plain text', async () => {
    const form = await page.context().newPage();
    await form.goto(page.url());
    await form.evaluate(
      ([url, name]) => {
        const made = document.createElement('form');
        Object.assign(made, { method: 'POST', action: url, enctype: 'text/plain' });
        const field = document.createElement('input');
        Object.assign(field, { name, value: '"}' });
        made.append(field);
        document.body.append(made);
        made.submit();
      },
      [target(), `${body.slice(0, -1)},"x":"`],
    );
    await expect.poll(() => form.locator('body').innerText(), { timeout: 10_000 }).toContain('content-type');
    expect(await centre.store.audit(10)).toEqual([]);
    await form.close();
  });

  it('reads and frames nothing', async () => {
    const read = await page.evaluate(async (url) => {
      const answer = await fetch(`${url}/v1/overview`, { credentials: 'include' }).catch(() => null);
      return answer === null ? null : answer.status;
    }, centre.upstream.url);
    expect(read).toBe(null);
    await page.evaluate((url) => {
      const frame = document.createElement('iframe');
      frame.src = `${url}/`;
      document.body.append(frame);
    }, centre.upstream.url);
    await page.waitForTimeout(1_500);
    const texts = await Promise.all(page.frames().map((frame) => frame.evaluate(() => document.body?.innerText ?? '').catch(() => '')));
    expect(texts.join('\n')).not.toMatch(/Chốt|operator's token/);
  });
});
