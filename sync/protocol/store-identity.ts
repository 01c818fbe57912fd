/**
 * Which store of a centre a statement speaks for: 16 random bytes, made once by `store init`. Two stores with the same keys
 * are two centres to a kiosk: it believes the lists of the one that its enrolment certificate names.
 */
import { z } from 'zod';

export const STORE_ID_BYTES = 16;

/** Hex. */
export const storeIdText = z.string().regex(/^[0-9a-f]{32}$/);
