/** The registry over HTTP: what the command line can do, for other systems, by the same rules and with the same audit. */
import { z } from 'zod';
import type { Clock } from '../../../config/ports/clock.ts';
import { fromHex } from '../../credential/bytes.ts';
import { keyIdText } from '../../credential/trust.ts';
import { authorityDay } from '../../protocol/authority-time.ts';
import { statuses } from '../../protocol/slice.ts';
import {
  CHANGE_PROBLEMS,
  OPERATOR_PROBLEMS,
  type OperatorCaller,
  parseJson,
  problem,
  type Reply,
  type Route,
  type UpstreamRequest,
} from '../http/route.ts';
import type { RegistryChange, RegistryStore } from '../store/store.ts';
import { changesWords } from './audit-words.ts';
import { type RegistryReason, statusChange } from './rules.ts';

const CHANGES_MAX = 1_000;
const BODY_BYTES_MAX = 256 * 1024;
const AUDIT_ENTRIES = 100;
const DAY_S = 86_400;

const cti = z.string().regex(/^[0-9a-f]{16}$/);
const changeSchema = z.union([
  z.strictObject({
    id: z.string().optional(),
    plate: z.string().optional(),
    status: z.enum(statuses),
    from: z.string().optional(),
    until: z.string().optional(),
    region: z.number().int().min(0).max(99_999).optional(),
  }),
  z.strictObject({ revoke: cti, days: z.number().int().min(1).max(3_650).default(8) }),
  z.strictObject({ release: cti }),
  z.strictObject({ killKey: keyIdText }),
]);
type Change = z.infer<typeof changeSchema>;

/** Who does it is no part of it: the audit takes who signed in. */
const requestSchema = z.strictObject({
  /** They also go to the kiosks at once; else with the next slice. */
  urgent: z.boolean().default(true),
  changes: z.array(changeSchema).min(1).max(CHANGES_MAX),
});

/** `subjectKey`: what makes pseudonyms, 32 bytes. */
export function registryRoutes(store: RegistryStore, subjectKey: Uint8Array, clock: Clock): Route[] {
  const read = (change: Change, nowS: number): RegistryChange | RegistryReason => {
    if ('revoke' in change) return { kind: 'revoked', cti: fromHex(change.revoke), expiresAt: nowS + change.days * DAY_S };
    if ('release' in change) return { kind: 'released', cti: fromHex(change.release) };
    if ('killKey' in change) return { kind: 'key-killed', kid: fromHex(change.killKey) };
    const status = statusChange({ ...change, region: change.region?.toString() }, subjectKey, authorityDay(nowS));
    return status.ok ? status.value : status.reason;
  };

  const change = async ({ body }: UpstreamRequest, { name: actor }: OperatorCaller): Promise<Reply> => {
    const given = requestSchema.safeParse(parseJson(body));
    if (!given.success) {
      const [issue] = given.error.issues;
      return problem('request-invalid', `${issue?.path.join('.') ?? ''}: ${issue?.message ?? 'no JSON'}`);
    }
    const nowMs = clock.wallMs();
    const { urgent, changes } = given.data;
    const accepted: RegistryChange[] = [];
    for (const [index, one] of changes.entries()) {
      const next = read(one, Math.floor(nowMs / 1000));
      // All of them or none: half a request would have to be found out again.
      if (typeof next === 'string') return problem('request-invalid', `changes.${index}: ${next}`);
      accepted.push(next);
    }
    const changed = await store.changeRegistry(accepted, urgent, {
      atMs: nowMs,
      actor,
      action: 'api',
      detail: changesWords(accepted),
    });
    return { kind: 'json', body: { changed, feed: await store.feedHead() } };
  };

  const common = { caller: 'operator' } as const;
  return [
    {
      ...common,
      method: 'POST',
      path: '/v1/registry/changes',
      operationId: 'changeRegistry',
      summary: 'Holds, their end, revocations, releases, and keys of issuers that count no more; all of them or none.',
      bodyBytesMax: BODY_BYTES_MAX,
      request: requestSchema,
      reply: {
        kind: 'json',
        description: 'how many changed something, and the feed number after',
        schema: z.object({ changed: z.number(), feed: z.number() }),
      },
      problems: [...CHANGE_PROBLEMS, 'request-invalid', 'body-too-large'],
      handle: change,
    },
    {
      ...common,
      method: 'GET',
      path: '/v1/registry/audit',
      operationId: 'readAudit',
      summary: 'Who changed the registry, newest first.',
      bodyBytesMax: 0,
      reply: { kind: 'json', description: 'audit entries' },
      problems: OPERATOR_PROBLEMS,
      handle: async (): Promise<Reply> => ({ kind: 'json', body: await store.audit(AUDIT_ENTRIES) }),
    },
  ];
}
