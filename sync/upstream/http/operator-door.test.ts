/** Who may read and change the registry over HTTP: the token as a bearer, or a session of the sign-in form, from our own page. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text as textOf } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { createSimulatedHost } from '../../../fixtures/simulated-host.ts';
import { openTestCentre, type TestCentre } from '../../../fixtures/test-centre.ts';
import { createGuesses } from './guesses.ts';
import { createOperatorDoor } from './operator-door.ts';

let folder: string;
let centre: TestCentre;
let origin: string;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'operator-'));
  centre = await openTestCentre(folder);
  origin = centre.upstream.url;
});
afterAll(async () => {
  await centre.close();
  rmSync(folder, { recursive: true, force: true });
});

interface Asked {
  readonly method?: 'GET' | 'POST';
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  /** Where it comes from: all of 127 is this machine. */
  readonly localAddress?: string;
}

/** fetch would not let a Host or an Origin be set. */
async function ask(path: string, { method = 'GET', headers = {}, body, localAddress }: Asked = {}) {
  const { port } = new URL(origin);
  const answer = await new Promise<{ status: number; headers: Record<string, unknown>; text: string }>((resolve, reject) => {
    const sent = request({ host: '127.0.0.1', port, path, method, headers, localAddress, agent: false }, async (response) => {
      resolve({ status: response.statusCode ?? 0, headers: response.headers, text: await textOf(response) });
    });
    sent.on('error', reject);
    sent.end(body);
  });
  const { type = '' } = answer.text.startsWith('{')
    ? z.looseObject({ type: z.string().optional() }).parse(JSON.parse(answer.text))
    : { type: '' };
  return { ...answer, code: type.split(':').at(-1) };
}

const HOLD = JSON.stringify({ changes: [{ id: '079000000001', status: 'F0' }] });
const JSON_TYPE = { 'content-type': 'application/json' };
const bearer = () => ({ authorization: `Bearer ${centre.operatorToken}` });
const change = (headers: Readonly<Record<string, string>>, body = HOLD) => ask('/v1/registry/changes', { method: 'POST', headers, body });
const entries = async () => (await centre.store.audit(100)).length;

async function signIn(
  token = centre.operatorToken,
  headers: Readonly<Record<string, string>> = { origin, 'sec-fetch-site': 'same-origin' },
) {
  const type = { 'content-type': 'application/x-www-form-urlencoded' };
  const answer = await ask('/sign-in', { method: 'POST', headers: { ...type, ...headers }, body: `token=${encodeURIComponent(token)}` });
  return { ...answer, cookie: String(answer.headers['set-cookie'] ?? '').split(';')[0] ?? '' };
}

describe('a change of the registry', () => {
  it('is taken with the token as a bearer, by whoever signed in', async () => {
    expect((await change({ ...bearer(), ...JSON_TYPE })).status).toBe(200);
    expect((await centre.store.audit(1))[0]).toMatchObject({ actor: 'operator' });
  });

  it('is refused where the request says who did it', async () => {
    const before = await entries();
    const answer = await change({ ...bearer(), ...JSON_TYPE }, JSON.stringify({ actor: 'somebody', ...JSON.parse(HOLD) }));
    expect([answer.status, answer.text]).toEqual([400, expect.stringContaining('actor')]);
    expect(await entries()).toBe(before);
  });

  it.each(['text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data; boundary=x', 'text/plain; application/json'])(
    'is refused as %j: a form of any site can send that',
    async (type) => {
      const before = await entries();
      expect(await change({ ...bearer(), 'content-type': type })).toMatchObject({ status: 415, code: 'content-type' });
      expect(await entries()).toBe(before);
    },
  );

  it('is refused to the password that a browser remembers, however right', async () => {
    const before = await entries();
    const basic = `Basic ${Buffer.from(`me:${centre.operatorToken}`).toString('base64')}`;
    const answer = await change({ authorization: basic, ...JSON_TYPE });
    expect([answer.status, answer.headers['www-authenticate']]).toEqual([401, 'Bearer']);
    expect(await entries()).toBe(before);
  });

  it('is refused under a name that is not ours, though it leads here', async () => {
    for (const host of ['evil.example', 'evil.example:8744', '127.0.0.1.evil.example', 'localhost.evil.example']) {
      expect((await change({ ...bearer(), ...JSON_TYPE, host })).status, host).toBe(421);
      expect((await ask('/v1/registry/audit', { headers: { ...bearer(), host } })).status, host).toBe(421);
      expect((await signIn(undefined, { host, origin: `http://${host}` })).status, host).toBe(421);
    }
    expect((await ask('/v1/registry/audit', { headers: { ...bearer(), host: '[::1]:80' } })).status).toBe(200);
  });

  it('is taken by session from our own page only', async () => {
    const { cookie } = await signIn();
    const before = await entries();
    for (const foreign of [
      {},
      { origin: 'http://evil.example' },
      { origin: 'null' },
      { origin: origin.replace(/\d+$/, '1') },
      { origin, 'sec-fetch-site': 'cross-site' },
      { origin, 'sec-fetch-site': 'same-site' },
    ])
      expect(await change({ cookie, ...JSON_TYPE, ...foreign })).toMatchObject({ status: 403, code: 'origin-foreign' });
    expect(await entries()).toBe(before);
    expect((await change({ cookie, ...JSON_TYPE, origin, 'sec-fetch-site': 'same-origin' })).status).toBe(200);
    expect(await entries()).toBe(before + 1);
  });
});

describe('the sign-in', () => {
  it('gives a session that no script and no other site has, and that opens the page', async () => {
    const answer = await signIn();
    expect([answer.status, answer.headers.location]).toEqual([303, '/']);
    expect(String(answer.headers['set-cookie'])).toMatch(/; Path=\/; HttpOnly; SameSite=Strict$/);
    expect((await ask('/', { headers: { cookie: answer.cookie } })).text).toContain('waiting to be opened');
    const out = await ask('/sign-out', { method: 'POST', headers: { origin, cookie: answer.cookie } });
    expect([out.status, String(out.headers['set-cookie'])]).toEqual([303, expect.stringContaining('Max-Age=0')]);
  });

  it('is refused from a page of another site', async () => {
    expect((await signIn(undefined, {})).status).toBe(403);
    expect((await signIn(undefined, { origin: 'http://evil.example' })).status).toBe(403);
    expect((await signIn(undefined, { origin, 'sec-fetch-site': 'cross-site' })).status).toBe(403);
  });

  it('cannot be made up, nor made to last', async () => {
    const { cookie } = await signIn();
    const [name = '', value = ''] = cookie.split('=');
    const [expires = '', nonce, mac] = value.split('.');
    const later = `${name}=${Number(expires) + 1}.${nonce}.${mac}`;
    for (const forged of [later, `${name}=`, `${name}=${expires}.${nonce}.`, `${name}=${expires}..${mac}`, `${name}=9.9.9`]) {
      expect((await ask('/v1/overview', { headers: { cookie: forged } })).status, forged).toBe(401);
    }
    expect((await ask('/v1/overview', { headers: { cookie } })).status).toBe(200);
  });
});

describe('the names of the centre', () => {
  it('are its addresses, those of its certificate and those that were given; what came by a proxy is our own page too', async () => {
    const [key, certificate] = [join(folder, 'tls.key'), join(folder, 'tls.pem')];
    const made = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '1'];
    const names = ['-subj', '/CN=centre', '-addext', 'subjectAltName=DNS:centre.example'];
    execFileSync('openssl', [...made, ...names, '-keyout', key, '-out', certificate], { stdio: 'ignore' });
    const host = createSimulatedHost();
    const guesses = createGuesses({ event: 'operator-refused', onMany: () => undefined }, host);
    const tls = { certificate: readFileSync(certificate, 'utf8') };
    const doorOf = (of: { readonly certificate: string } | undefined) =>
      createOperatorDoor({ operatorToken: 'a-token-of-a-test', tls: of, names: ['proxy.example'] }, guesses, host);
    const asked = (headers: Readonly<Record<string, string>>) => ({
      ...{ method: 'GET', target: '/', params: {}, body: new Uint8Array(0), address: '127.0.0.1' },
      headers: { authorization: 'Bearer a-token-of-a-test', ...headers },
    });
    const admitted = await Promise.all(
      ['centre.example', 'CENTRE.example:8744', 'proxy.example', '192.0.2.1', 'other.example', 'centre', 'a@centre.example'].map(
        async (name) => (await doorOf(tls).admit(asked({ host: name }))).ok,
      ),
    );
    expect(admitted).toEqual([true, true, true, true, false, false, false]);
    const isOwn = (of: typeof tls | undefined, name: string, from: string) => doorOf(of).isOwnPage(asked({ host: name, origin: from }));
    expect(isOwn(tls, 'centre.example', 'https://centre.example')).toBe(true);
    expect(isOwn(tls, 'centre.example', 'http://centre.example')).toBe(false);
    expect(isOwn(undefined, 'proxy.example', 'https://proxy.example')).toBe(true);
    expect(isOwn(undefined, '127.0.0.1', 'https://127.0.0.1')).toBe(false);
    expect((await doorOf(tls).signIn('a-token-of-a-test', '127.0.0.1')).ok).toBe(true);
  });
});

describe('every answer', () => {
  it.each(['/', '/v1/overview', '/v1/openapi.json', '/v1/keyring', '/nowhere'])(
    'of %s is framed, stored and read by no other site',
    async (path) => {
      const { headers } = await ask(path, { headers: { ...bearer(), origin: 'http://evil.example' } });
      expect(headers).toMatchObject({
        'x-frame-options': 'DENY',
        'x-content-type-options': 'nosniff',
        'cache-control': 'no-store',
        'cross-origin-resource-policy': 'same-origin',
      });
      expect(headers['content-security-policy']).toContain("frame-ancestors 'none'");
      expect(Object.keys(headers).filter((name) => name.startsWith('access-control'))).toEqual([]);
    },
  );
});

describe('guesses of the token', () => {
  const guess = (localAddress: string, token = 'a-guess') =>
    ask('/v1/overview', { headers: { authorization: `Bearer ${token}` }, localAddress });

  it('are counted on the overview, in the form and as a bearer', async () => {
    expect((await guess('127.0.0.2')).status).toBe(401);
    expect((await signIn('guess-in-the-form')).status).toBe(401);
    const overview = z
      .looseObject({ turnedAway: z.object({ operator: z.number() }) })
      .parse(JSON.parse((await ask('/v1/overview', { headers: bearer() })).text));
    expect(overview.turnedAway.operator).toBe(2);
  });

  it('are refused at once where several of one source wait; whoever is signed in, and every other source, notice nothing', async () => {
    const { cookie } = await signIn();
    const guesses = Array.from({ length: 12 }, () => guess('127.0.0.3'));
    await expect.poll(async () => (await guess('127.0.0.3')).status).toBe(429);
    const [same, other] = ['127.0.0.3', '127.0.0.4'];
    expect((await ask('/v1/overview', { headers: { cookie }, localAddress: same })).status).toBe(200);
    expect((await ask('/v1/overview', { headers: bearer(), localAddress: other })).status).toBe(200);
    const answers = (await Promise.all(guesses)).map(({ status, headers }) => (status === 429 ? headers['retry-after'] : status));
    expect(answers.filter((answer) => answer === 401)).toHaveLength(4);
    expect(answers.filter((answer) => answer === '5')).toHaveLength(8);
    // The right token of that source counts again, once they are told.
    expect((await ask('/v1/overview', { headers: bearer(), localAddress: same })).status).toBe(200);
  });
});
