/** Enrolment rules: who may become a kiosk, and the certificate that says so. */
import { createHash } from 'node:crypto';
import type { Host } from '../../../config/ports/host.ts';
import { fromHex, toHex } from '../../credential/bytes.ts';
import { isPublicKeyAcceptable } from '../../credential/ed25519.ts';
import { accept, type Outcome, refuse } from '../../credential/outcome.ts';
import { isSealingKeyAcceptable } from '../../credential/sealing-key.ts';
import type { Signer } from '../../credential/signer.ts';
import { signStatement } from '../../credential/statement.ts';
import type { Certificate, EnrolmentRequest } from '../../protocol/enrolment.ts';
import type { EnrolledKiosk, EnrolmentToken, FleetStore, JournalStore } from '../store/store.ts';

export type EnrolmentReason =
  | 'token-unknown'
  | 'token-expired'
  | 'token-used'
  | 'token-mismatch'
  | 'root-mismatch'
  | 'key-unacceptable'
  | 'key-revoked';

export interface EnrolmentDesk {
  /** Makes a token for one kiosk; it is shown once and not kept. */
  issueToken(kiosk: Pick<EnrolmentToken, 'kioskId' | 'checkpointId' | 'lane'>, validMs: number): Promise<string>;
  /** The certificate's line. The request was signed by its `signingKey`. */
  enrol(request: EnrolmentRequest): Promise<Outcome<string, EnrolmentReason>>;
}

export interface DeskOptions {
  readonly fleetKey: Signer;
  /** Whether a kiosk that is pinned to this root (its fingerprint) believes this upstream's keyring. */
  isOurRoot(root: string): boolean;
}

const TOKEN_BYTES = 32;
const CERTIFICATE_DAYS = 3_650;

export function createEnrolmentDesk(
  store: FleetStore & Pick<JournalStore, 'raiseAlarm'>,
  { fleetKey, isOurRoot }: DeskOptions,
  host: Host,
): EnrolmentDesk {
  const enrol: EnrolmentDesk['enrol'] = async (request) => {
    const hash = tokenHash(request.token);
    const token = await store.findToken(hash);
    if (token === undefined) return refuse('token-unknown');
    const { kioskId, checkpointId, lane, signingKey, sealingKey } = request;
    if (token.kioskId !== kioskId || token.checkpointId !== checkpointId || token.lane !== lane) return refuse('token-mismatch');
    if (!isOurRoot(request.root)) return refuse('root-mismatch');
    if (!isPublicKeyAcceptable(fromHex(signingKey)) || !isSealingKeyAcceptable(fromHex(sealingKey))) return refuse('key-unacceptable');
    const known = await store.findKiosk(kioskId);
    if (known?.revokedAtMs !== undefined && known.signingKey === signingKey) return refuse('key-revoked');
    if (token.usedBy !== undefined) return repeat(token, request);
    const nowMs = host.clock.wallMs();
    if (nowMs >= token.expiresAtMs) return refuse('token-expired');
    const certificate = certify(request, nowMs);
    const kiosk: EnrolledKiosk = {
      kioskId,
      checkpointId,
      lane,
      signingKey,
      sealingKey,
      certificate,
      enrolledAtMs: nowMs,
      revokedAtMs: undefined,
      seenAtMs: undefined,
    };
    if (await store.enrol(hash, kiosk)) return accept(certificate);
    // Somebody was faster: perhaps this very kiosk, whose first reply was lost.
    const used = await store.findToken(hash);
    return used === undefined ? refuse('token-unknown') : repeat(used, request);
  };

  /** A lost reply costs nothing; another key with the same token is somebody else. */
  const repeat = async (token: EnrolmentToken, { kioskId, signingKey }: EnrolmentRequest): Promise<Outcome<string, EnrolmentReason>> => {
    const kiosk = token.usedBy === signingKey ? await store.findKiosk(kioskId) : undefined;
    if (kiosk !== undefined && kiosk.signingKey === signingKey) return accept(kiosk.certificate);
    host.log.error('token-reuse', { kiosk: kioskId });
    await store.raiseAlarm({ code: 'token-reuse', kioskId, detail: `key ${signingKey.slice(0, 16)}` }, host.clock.wallMs());
    return refuse('token-used');
  };

  const certify = ({ kioskId, checkpointId, lane, signingKey, sealingKey }: EnrolmentRequest, nowMs: number): string => {
    const body: Certificate = {
      version: Math.floor(nowMs / 1000),
      issuedAt: new Date(nowMs).toISOString(),
      expires: new Date(nowMs + CERTIFICATE_DAYS * 86_400_000).toISOString(),
      audience: kioskId,
      kioskId,
      checkpointId,
      lane,
      signingKey,
      sealingKey,
      storeId: store.storeId,
    };
    return signStatement('enrolment', body, fleetKey);
  };

  return {
    enrol,
    async issueToken(kiosk, validMs) {
      const token = Buffer.from(host.random.bytes(TOKEN_BYTES)).toString('base64url');
      await store.addToken({ ...kiosk, hash: tokenHash(token), expiresAtMs: host.clock.wallMs() + validMs, usedBy: undefined });
      return token;
    },
  };
}

function tokenHash(token: string): string {
  return toHex(createHash('sha256').update(token).digest());
}
