/**
 * Requests from a kiosk to upstream: signed, bounded in time and size, with TLS bound to the pinned keys. Says only what
 * came back; whether it means anything is for the statement in it to show. A redirect is never followed.
 */
import http from 'node:http';
import https from 'node:https';
import type { Host } from '../../config/ports/host.ts';
import type { Signer } from '../credential/signer.ts';
import { requestDigest } from '../protocol/receipt.ts';
import { type RequestTag, signRequest } from '../protocol/request-signature.ts';
import { createAgent, ForeignCertificate, type Pins } from './pinned-agent.ts';

export interface ClientRequest {
  readonly method: 'GET' | 'POST';
  /** Path with query. */
  readonly target: string;
  readonly body?: Uint8Array;
  readonly contentType?: string;
  readonly timeoutMs: number;
  readonly tag?: RequestTag;
}

export type ClientReply =
  | {
      readonly kind: 'reply';
      readonly status: number;
      readonly text: string;
      /** What the answer must be bound to. */
      readonly digest: string;
      readonly nonce: string;
      readonly retryAfterMs: number;
    }
  | (FailedReply & { readonly timedOut: boolean });

interface FailedReply {
  readonly kind: 'failed';
  readonly why: string;
  /** Values that belong to it, for log and operator. */
  readonly detail?: string;
}

/** Why there is no answer, in one line. */
export function failureText({ why, detail }: FailedReply): string {
  return detail === undefined ? why : `${why}: ${detail}`;
}

export type DownloadReply = { readonly kind: 'done' } | FailedReply;

export interface DownloadSink {
  /** The answer begins at the first byte, although it was asked for a later one. */
  restart(): void;
  /** In order, one after the other. */
  chunk(bytes: Uint8Array): Promise<void>;
}

export interface UpstreamClient {
  send(request: ClientRequest): Promise<ClientReply>;
  /** Streams a large answer of a known length, or its end from a byte on. Parts of another answer than 200 or 206 are not passed on. */
  download(target: string, range: { readonly from: number; readonly lengthBytes: number }, sink: DownloadSink): Promise<DownloadReply>;
  /** Ends what is under way. */
  close(): void;
}

export interface ClientOptions {
  /** https, or http to loopback. */
  readonly url: URL;
  readonly pins: Pins;
  /** Who signs: a kiosk's id, or at enrolment any name. */
  readonly keyId: string;
  readonly signer: Signer;
  /** Hears every answer 401 and 403: it may end this kiosk, or say why it is not heard. */
  onRefused?(text: string): void;
}

/** A download that stands still for so long is given up. */
const IDLE_MS_MAX = 20_000;
const REPLY_BYTES_MAX = 1 << 20;
const NONCE_BYTES = 16;
const RETRY_AFTER_S_MAX = 3_600;

export function createUpstreamClient(
  { url, pins, keyId, signer, onRefused }: ClientOptions,
  host: Pick<Host, 'clock' | 'random'>,
): UpstreamClient {
  const isTls = url.protocol === 'https:';
  const agent = createAgent(url, pins);
  const base = url.pathname.replace(/\/$/, '');

  const send = (request: ClientRequest): Promise<ClientReply> => {
    const { method, tag = 'checkpoint-kiosk', timeoutMs } = request;
    const body = request.body ?? new Uint8Array(0);
    const target = base + request.target;
    const nonce = Buffer.from(host.random.bytes(NONCE_BYTES)).toString('base64url');
    const created = Math.floor(host.clock.wallMs() / 1000);
    const headers = signRequest({ method, target, body }, { created, nonce, keyId, tag }, signer);
    const digest = requestDigest(method, target, body);
    return new Promise((resolve) => {
      const fail = (why: string, timedOut = false, detail: Pick<FailedReply, 'detail'> = {}) => {
        cancel();
        resolve({ kind: 'failed', why, timedOut, ...detail });
        outgoing.destroy();
      };
      const outgoing = (isTls ? https : http).request(url, {
        agent,
        method,
        path: target,
        headers: {
          ...headers,
          'content-length': body.length,
          ...(request.contentType !== undefined && { 'content-type': request.contentType }),
        },
      });
      const cancel = host.clock.after(timeoutMs, () => fail(`no answer within ${timeoutMs} ms`, true));
      outgoing.on('error', (error) => fail(error.message, false, detailOf(error)));
      outgoing.on('response', (incoming) => {
        const chunks: Buffer[] = [];
        let bytes = 0;
        incoming.on('data', (chunk: Buffer) => {
          bytes += chunk.length;
          if (bytes > REPLY_BYTES_MAX) fail('the answer is too long');
          else chunks.push(chunk);
        });
        incoming.on('error', (error) => fail(error.message));
        incoming.on('end', () => {
          cancel();
          const text = Buffer.concat(chunks).toString('latin1');
          if (incoming.statusCode === 401 || incoming.statusCode === 403) onRefused?.(text);
          resolve({
            kind: 'reply',
            status: incoming.statusCode ?? 0,
            text,
            digest,
            nonce,
            retryAfterMs: retryAfterMs(incoming.headers['retry-after']),
          });
        });
      });
      outgoing.end(body);
    });
  };
  const download: UpstreamClient['download'] = async (target, { from, lengthBytes }, sink) => {
    const headers = from > 0 ? { range: `bytes=${from}-` } : {};
    const outgoing = (isTls ? https : http).request(url, { agent, method: 'GET', path: base + target, headers });
    let cancel: () => void = () => undefined;
    const rearm = () => {
      cancel();
      cancel = host.clock.after(IDLE_MS_MAX, () => outgoing.destroy(new Error(`nothing for ${IDLE_MS_MAX} ms`)));
    };
    rearm();
    try {
      const incoming = await new Promise<http.IncomingMessage>((resolve, reject) => {
        outgoing.on('response', resolve).on('error', reject).end();
      });
      const isRest = incoming.statusCode === 206 && incoming.headers['content-range'] === `bytes ${from}-${lengthBytes - 1}/${lengthBytes}`;
      if (incoming.statusCode !== 200 && !isRest) return { kind: 'failed', why: `HTTP ${incoming.statusCode}` };
      let bytes = isRest ? from : 0;
      if (!isRest && from > 0) sink.restart();
      // One part at a time: the next is read when this one is written.
      for await (const chunk of incoming) {
        rearm();
        if (!(chunk instanceof Uint8Array)) continue;
        bytes += chunk.length;
        if (bytes > lengthBytes) return { kind: 'failed', why: `more than ${lengthBytes} bytes` };
        await sink.chunk(chunk);
      }
      return { kind: 'done' };
    } catch (error) {
      return { kind: 'failed', why: error instanceof Error ? error.message : String(error), ...detailOf(error) };
    } finally {
      cancel();
      outgoing.destroy();
    }
  };

  return { send, download, close: () => agent.destroy() };
}

function detailOf(error: unknown): Pick<FailedReply, 'detail'> {
  if (!(error instanceof ForeignCertificate)) return {};
  const { seen, pins } = error.mismatch;
  return { detail: `the centre shows ${seen}, the keyring pins ${pins.join(', ')} (upstream-pin)` };
}

/** Seconds only; a date would need a clock that agrees. */
function retryAfterMs(header: string | undefined): number {
  return header !== undefined && /^\d{1,6}$/.test(header) ? Math.min(Number(header), RETRY_AFTER_S_MAX) * 1000 : 0;
}
