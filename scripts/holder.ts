/** `checkpoint-kiosk holder`: serves the page that makes a phone show a renewing code. */
import { networkInterfaces } from 'node:os';
import { closingAfter } from '../config/closers.ts';
import { createNodeHost } from '../config/host/node-host.ts';
import { serveHolder } from '../sync/holder/serve-holder.ts';
import { exitCode } from './command.ts';
import { untilStopped } from './until-stopped.ts';

export interface HolderOptions {
  readonly address: string;
  readonly port: number;
  readonly json: boolean;
}

const LOOPBACK = /^(127(\.\d+){3}|::1|localhost)$/;
const EVERYWHERE = ['0.0.0.0', '::'];

export function runHolder({ address, port, json }: HolderOptions): Promise<number> {
  return closingAfter(async (opened) => {
    const server = opened.add(await serveHolder({ address, port }, createNodeHost('warn').log));
    return serve(server.port, address, json);
  });
}

async function serve(port: number, address: string, json: boolean): Promise<number> {
  const urls = namesOf(address).map((name) => `http://${name.includes(':') ? `[${name}]` : name}:${port}/`);
  process.stderr.write(`${urls.map((url) => `holder's page: ${url}\n`).join('')}Ctrl-C ends it.\n`);
  if (!LOOPBACK.test(address)) {
    process.stderr.write(
      'Without TLS, whoever is between this machine and a phone can change the page and read the key that it makes: use a network of your own, or put a server with TLS in front.\n',
    );
  }
  if (json) process.stdout.write(`${JSON.stringify({ url: urls[0] })}\n`);
  await untilStopped();
  return exitCode.ok;
}

/** Under which addresses a phone finds this machine. */
function namesOf(address: string): readonly string[] {
  if (!EVERYWHERE.includes(address)) return [address];
  const others = Object.values(networkInterfaces()).flatMap((all) => all ?? []);
  const names = others.filter(({ internal, family }) => !internal && family === 'IPv4').map((one) => one.address);
  return names.length > 0 ? names : ['127.0.0.1'];
}
