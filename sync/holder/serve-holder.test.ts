import { once } from 'node:events';
import { request } from 'node:http';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { silentLog } from '../../config/ports/log.ts';
import { harass, silentSockets } from '../../fixtures/hostile-client.ts';
import { type HolderServer, serveHolder } from './serve-holder.ts';

let server: HolderServer;
beforeAll(async () => {
  server = await serveHolder({ address: '127.0.0.1', port: 0 }, silentLog);
});
afterAll(() => server.close());

/** fetch would tidy the path. */
async function ask(path: string, method = 'GET') {
  const asked = request({ host: '127.0.0.1', port: server.port, path, method }).end();
  const [response] = await once(asked, 'response');
  let body = '';
  for await (const part of response.setEncoding('utf8')) body += part;
  return { status: response.statusCode, headers: response.headers, body };
}

describe("the server of the holder's page", () => {
  it('gives the page and every file that it names, never stored, under a policy that lets it fetch nothing', async () => {
    const { status, headers, body } = await ask('/');
    expect([status, headers['content-type'], headers['cache-control']]).toEqual([200, 'text/html; charset=utf-8', 'no-store']);
    const policy = headers['content-security-policy'] ?? '';
    expect(policy).toContain("default-src 'none'");
    expect(policy).not.toMatch(/unsafe|connect-src|(?<!img-src )data:|\*/);
    const named = [...body.matchAll(/(?:src|href)="\.(\/[^"]+)"/g)].map(([, path]) => path ?? '');
    expect(named.length).toBe(2);
    for (const path of named) {
      const file = await ask(path);
      expect([path, file.status, file.headers['cache-control']]).toEqual([path, 200, 'no-store']);
    }
  });

  it('holds no code of its own in the page, and no address but its own', async () => {
    const { body } = await ask('/?anything');
    expect(body).not.toMatch(/<script(?![^>]*\ssrc=)|<style|\sstyle=|\son[a-z]+=|https?:(?!\/\/www\.w3\.org\/2000\/svg')/);
  });

  it('refuses to take anything in', async () => {
    for (const method of ['POST', 'PUT', 'DELETE', 'OPTIONS', 'PATCH']) expect((await ask('/', method)).status).toBe(405);
    expect(await ask('/', 'HEAD')).toMatchObject({ status: 200, body: '' });
  });

  it('gives nothing else of the disk', async () => {
    for (const path of [
      '/../../../package.json',
      '/..%2f..%2fpackage.json',
      '/assets/../../serve-holder.js',
      '/assets',
      '//',
      '/holder.ts',
      '*',
    ])
      expect([path, (await ask(path)).status]).toEqual([path, 404]);
  });

  it('keeps a bounded number of silent connections, and gives the page meanwhile', async () => {
    const silent = await silentSockets({ port: server.port }, 300);
    try {
      expect((await ask('/')).status).toBe(200);
      await expect.poll(silent.open).toBeLessThanOrEqual(100);
    } finally {
      silent.close();
    }
  });

  it('lives through upgrades and requests that are reset', async () => {
    await harass({ port: server.port }, 60, '/');
    expect((await ask('/')).status).toBe(200);
  });

  it('says that its port is taken', async () => {
    await expect(serveHolder({ address: '127.0.0.1', port: server.port }, silentLog)).rejects.toMatchObject({ code: 'holder-port-busy' });
  });
});
