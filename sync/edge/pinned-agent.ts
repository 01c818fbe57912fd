/**
 * Connections to upstream. With pins a TLS connection is used only after its key was found among them, whoever signed the
 * certificate; without pins the system's certificate authorities decide.
 */
import { createHash } from 'node:crypto';
import http from 'node:http';
import https from 'node:https';
import type { Duplex } from 'node:stream';
import tls, { type TLSSocket } from 'node:tls';

/** SHA-256 of acceptable SubjectPublicKeyInfos, hex; asked anew for each connection. */
export type Pins = () => readonly string[];

const SOCKETS_MAX = 4;

export function createAgent(url: URL, pins: Pins): http.Agent {
  if (url.protocol !== 'https:') return new http.Agent({ keepAlive: true, maxSockets: SOCKETS_MAX });
  // A resumed session shows no certificate to compare.
  return new PinnedAgent(pins, { keepAlive: true, maxSockets: SOCKETS_MAX, maxCachedSessions: 0 });
}

/** Both sides of it, for whoever must find out which of them is wrong. */
export interface PinMismatch {
  /** SHA-256 of the SubjectPublicKeyInfo that was shown, hex. */
  readonly seen: string;
  readonly pins: readonly string[];
}

export class ForeignCertificate extends Error {
  readonly mismatch: PinMismatch;

  constructor(mismatch: PinMismatch) {
    super('the certificate is not a pinned one');
    this.name = 'ForeignCertificate';
    this.mismatch = mismatch;
  }
}

class PinnedAgent extends https.Agent {
  private readonly pins: Pins;

  constructor(pins: Pins, options: https.AgentOptions) {
    super(options);
    this.pins = pins;
  }

  /** The request is handed its socket, and so sends its first byte, only after the check. */
  override createConnection(options: https.RequestOptions, callback?: (error: Error | null, stream: Duplex) => void): null {
    const pins = this.pins();
    const { hostname, host, port } = options;
    const name = hostname ?? host ?? 'localhost';
    const socket = tls.connect({
      host: name,
      port: Number(port),
      ...(/^[\d.]+$|:/.test(name) ? {} : { servername: name }),
      rejectUnauthorized: pins.length === 0,
    });
    let isAnswered = false;
    const answer = (error: Error | null) => {
      if (isAnswered) return;
      isAnswered = true;
      if (error !== null) socket.destroy();
      callback?.(error, socket);
    };
    // Never taken away: between this check and the request that gets the socket nobody else listens.
    socket.on('error', answer);
    socket.once('secureConnect', () => {
      const seen = spkiDigest(socket);
      answer(pins.length === 0 || pins.includes(seen) ? null : new ForeignCertificate({ seen, pins }));
    });
    return null;
  }
}

function spkiDigest(socket: TLSSocket): string {
  const certificate = socket.getPeerX509Certificate();
  const spki = certificate?.publicKey.export({ type: 'spki', format: 'der' });
  return spki === undefined ? '' : createHash('sha256').update(spki).digest('hex');
}
