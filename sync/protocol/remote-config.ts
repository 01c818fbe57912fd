/** Options that the centre sets for a kiosk: only those that are declared remote are ever taken. */
import { z } from 'zod';
import { statementHeader } from '../credential/statement.ts';

export const remoteConfigSchema = statementHeader.extend({
  /** By dotted name. What a value may be is the kiosk's to say. */
  values: z.record(z.string().max(64), z.union([z.string().max(200), z.number(), z.boolean()])),
});
export type RemoteConfig = z.infer<typeof remoteConfigSchema>;
