import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { expect, it } from 'vitest';
import { builtPath } from '../config/host/install-paths.ts';

it('tells the newcomer where the centre is, and what signs in there', async () => {
  const child = spawn(process.execPath, [builtPath('scripts/cli.ts'), 'demo', '--port', '0', '--centre-port', '0'], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const ended = once(child, 'close');
  try {
    let said = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => {
        said += text;
      });
    }
    const line = (name: string) => new RegExp(`${name}: +(\\S+)`).exec(said)?.[1];
    await expect.poll(() => line('sign in with'), { timeout: 60_000 }).toBeDefined();
    const url = line('centre') ?? '';
    const page = await fetch(new URL('sign-in', url), {
      method: 'POST',
      redirect: 'manual',
      headers: { 'content-type': 'application/x-www-form-urlencoded', origin: new URL(url).origin },
      body: new URLSearchParams({ token: line('sign in with') ?? '' }),
    });
    const cookie = page.headers.get('set-cookie')?.split(';')[0] ?? '';
    const overview = await fetch(url, { headers: { cookie } });
    expect([page.status, overview.status]).toEqual([303, 200]);
    expect(await overview.text()).toContain('demo-kiosk');
  } finally {
    child.kill();
    await ended;
  }
}, 90_000);
