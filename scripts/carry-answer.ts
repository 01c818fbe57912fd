/**
 * `checkpoint-kiosk carry answer`, at the centre: asks the service what the kiosks on a stick would have asked, and writes
 * the answers and the lists beside their requests. The service runs in this process, on the store that others may use too.
 */
import { copyFileSync, existsSync } from 'node:fs';
import { join } from 'node:path';
import { closingAfter } from '../config/closers.ts';
import { createNodeHost } from '../config/host/node-host.ts';
import { readTextFile } from '../config/host/text-file.ts';
import { createSigner } from '../sync/credential/signer.ts';
import { type CarriedAnswer, type CarriedRequest, carriedRequestSchema } from '../sync/protocol/carry.ts';
import { readRequestSignature } from '../sync/protocol/request-signature.ts';
import { revocationOf } from '../sync/upstream/fleet/rules.ts';
import type { Upstream } from '../sync/upstream/open-upstream.ts';
import { snapshotFile } from '../sync/upstream/slices/build-slice.ts';
import { sliceKeyStatement } from '../sync/upstream/slices/routes.ts';
import type { EnrolledKiosk, Store } from '../sync/upstream/store/store.ts';
import { readKeyFile } from './key-file.ts';
import { answersFile, kiosksOn, readLines, requestsFile, writeLines } from './stick.ts';
import { openStore } from './store.ts';
import { type ServeOptions, slicesFolder, startUpstream } from './upstream.ts';

export async function carryAnswer(stick: string, options: ServeOptions): Promise<void> {
  const host = createNodeHost('warn');
  const names = kiosksOn(stick);
  await closingAfter(async (opened) => {
    const upstream = opened.add(await startUpstream({ ...options, address: '127.0.0.1', port: 0 }, host));
    const store = opened.add(openStore(options.store));
    await upstream.publish();
    for (const name of names) {
      const requests = readLines(requestsFile(stick, name), carriedRequestSchema);
      const answers: CarriedAnswer[] = [];
      for (const request of requests) {
        answers.push(await ask(upstream, request));
        if (answers.length % 100 === 0) process.stderr.write(`  ${name}: ${answers.length} of ${requests.length}\n`);
      }
      const kiosk = await kioskOf(requests, store);
      if (kiosk !== undefined) answers.push(...(await listsFor(kiosk, requests, stick, { options, store }, host)));
      writeLines(answersFile(stick, name), answers);
      const good = answers.filter((answer) => answer.kind === 'reply' && answer.status === 200).length;
      process.stdout.write(
        `${JSON.stringify({ kiosk: name, requests: requests.length, answered: good, enrolled: kiosk !== undefined })}\n`,
      );
    }
  });
}

async function ask(upstream: Upstream, { method, target, headers, body }: CarriedRequest): Promise<CarriedAnswer> {
  const bytes = Buffer.from(body, 'base64');
  const answer = await fetch(upstream.url + target, { method, headers, ...(method === 'POST' && { body: bytes }) });
  return { v: 1, kind: 'reply', signature: headers.signature, status: answer.status, text: (await answer.text()).trimEnd() };
}

/** Whose requests these are, by their signatures; undefined for one that is not enrolled. */
async function kioskOf(requests: readonly CarriedRequest[], store: Store): Promise<EnrolledKiosk | undefined> {
  const [first] = requests;
  if (first === undefined) return undefined;
  const parameters = readRequestSignature(first.headers, new Uint8Array(Buffer.from(first.body, 'base64')));
  return parameters.ok ? store.findKiosk(parameters.value.keyId) : undefined;
}

async function listsFor(
  kiosk: EnrolledKiosk,
  requests: readonly CarriedRequest[],
  stick: string,
  { options, store }: { readonly options: ServeOptions; readonly store: Store },
  host: ReturnType<typeof createNodeHost>,
): Promise<CarriedAnswer[]> {
  const own = (name: string) => createSigner(readKeyFile(join(options.keys, name)));
  if (kiosk.revokedAtMs !== undefined) {
    return [{ v: 1, kind: 'revocation', text: revocationOf(kiosk, host.clock.wallMs(), own('fleet.key')) }];
  }
  const answers: CarriedAnswer[] = [];
  const add = (kind: 'keyring' | 'policy' | 'slice-manifest' | 'slice-key', text: string) => answers.push({ v: 1, kind, text });
  add('keyring', readTextFile(options.keyring).trimEnd());
  if (options.policy !== undefined && existsSync(options.policy)) add('policy', readTextFile(options.policy).trimEnd());
  const sliceId = requests.map(({ target }) => /^\/v1\/slices\/([a-z0-9-]{1,32})\/manifest$/.exec(target)?.[1]).find(Boolean);
  const [slice] = sliceId === undefined ? [] : await store.publishedSlices(sliceId, 1);
  const key = slice && (await store.sliceKey(slice.sliceId, slice.body.generation));
  if (slice === undefined || key === undefined) return answers;
  add('slice-manifest', slice.manifest);
  add('slice-key', sliceKeyStatement(kiosk, { sliceId: slice.sliceId, ...key }, own('slice.key'), host));
  const { sha256 } = slice.body.snapshot;
  copyFileSync(snapshotFile(slicesFolder(options), sha256), join(stick, `${sha256}.db`));
  return answers;
}
