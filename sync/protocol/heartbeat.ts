/**
 * Heartbeats: how a kiosk is, every two minutes, and what the centre wants of it. The answer is signed and bound to the request:
 * which versions are current, and commands that a person gave.
 */
import { z } from 'zod';
import { statementHeader } from '../credential/statement.ts';
import { journalIdText } from './batch.ts';
import { clockStates } from './records.ts';
import { storeIdText } from './store-identity.ts';

const count = z.number().int().min(0);
const text = z.string().max(200);
const hash = z.string().regex(/^[0-9a-f]{64}$/);
const version = count.optional();
const age = count.optional();

export const commandKinds = ['reopen-camera', 'restart-display', 'diag'] as const;
export type CommandKind = (typeof commandKinds)[number];

export const HEARTBEAT_BYTES_MAX = 16_384;
const COMMANDS_MAX = 8;

export const heartbeatSchema = z.strictObject({
  /** Where the own journal ends: a head that was reported must arrive one day. */
  journal: z.strictObject({ journalId: journalIdText, parentId: journalIdText.optional(), n: count, head: hash }),
  versions: z.strictObject({ program: text, keyring: version, policy: version, slice: version, config: version, peers: version }),
  /** The store of the slice in use. */
  storeId: storeIdText.optional(),
  /** Why newer lists are not taken, by the fault's code. */
  listsRefused: text.optional(),
  queue: z.strictObject({ waiting: count, quarantined: count, failure: text.optional() }),
  /** Age of each loop's last signed answer, milliseconds; absent where there was none since the start. */
  answered: z.strictObject({ push: age, pull: age, feed: age, heartbeat: age }).optional(),
  /** When what it works with runs out, Unix milliseconds; absent from kiosks that do not say it yet. */
  expiresAtMs: z.strictObject({ keyring: version, policy: version, slice: version, certificate: version }).optional(),
  /** Why the lane is closed; absent while it is open. */
  fault: text.optional(),
  camera: z.strictObject({ state: text, frameRateHz: z.number(), frameAgeMs: count.optional(), restarts: count }),
  screen: z.strictObject({ connected: z.boolean(), unpainted: count }),
  clock: z.strictObject({ state: z.enum(clockStates), offsetMs: z.number().int() }),
  disk: z.strictObject({ freeBytes: count }),
  /** Other lanes of the checkpoint; absent where the kiosk listens for none. */
  peers: z.strictObject({ connected: count, listed: count }).optional(),
  /** Since the start of the day; times in milliseconds. */
  counts: z.strictObject({
    pass: count,
    deny: count,
    seeStaff: count,
    /** Absent from kiosks that do not count it yet. */
    alreadyRecorded: count.optional(),
    readMsP50: z.number().optional(),
    readMsP95: z.number().optional(),
  }),
  /** Options that the centre set and that this kiosk does not take, each with its reason. */
  configRefused: z.array(z.strictObject({ key: text, reason: text })).max(64),
  /** Commands that were carried out since the last answer. */
  done: z.array(z.strictObject({ id: z.uuid(), ok: z.boolean(), detail: z.string().max(2_000) })).max(COMMANDS_MAX),
});
export type Heartbeat = z.infer<typeof heartbeatSchema>;

export const heartbeatReplySchema = statementHeader.extend({
  wanted: z.object({ keyring: version, policy: version, slice: version, config: version, peers: version }),
  commands: z.array(z.object({ id: z.uuid(), kind: z.enum(commandKinds) })).max(COMMANDS_MAX),
  /** Digest and nonce of the request that it answers. */
  requestDigest: hash,
  nonce: z.string(),
});
export type HeartbeatReply = z.infer<typeof heartbeatReplySchema>;
