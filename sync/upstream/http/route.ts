/**
 * One endpoint as a value: what the server registers and what the OpenAPI document says come from the same lines. A handler
 * gets a request whose caller is already known, and answers with a value; it never touches the socket.
 */
import type { z } from 'zod';
import type { ProblemCode } from '../../protocol/problem.ts';
import type { EnrolledKiosk } from '../store/store.ts';

export interface UpstreamRequest {
  readonly method: string;
  /** Path with query, as it was sent. */
  readonly target: string;
  readonly params: Readonly<Record<string, string>>;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: Uint8Array;
  /** Network address of whoever is connected. */
  readonly address: string;
}

/** Who asks: a kiosk by its signature, with the nonce that its answer is bound to. */
export interface KioskCaller {
  readonly kiosk: EnrolledKiosk;
  readonly nonce: string;
  /** The kiosk's date of the request, Unix seconds. */
  readonly createdS: number;
}

/** Who acts, as the audit names it: whoever signed in, never what a request says. */
export interface OperatorCaller {
  readonly name: string;
}

export type Reply =
  | { readonly kind: 'statement'; readonly line: string; readonly status?: 403 }
  | { readonly kind: 'json'; readonly body: unknown }
  /** Nothing to say: 204. */
  | { readonly kind: 'none' }
  | { readonly kind: 'html'; readonly body: string; readonly status?: 401 }
  | { readonly kind: 'redirect'; readonly location: string; readonly cookie: string }
  /** Sent in parts, and kept by caches: its name is its hash. */
  | { readonly kind: 'file'; readonly path: string }
  | { readonly kind: 'problem'; readonly code: ProblemCode; readonly detail?: string };

interface RouteBase {
  readonly method: 'GET' | 'POST';
  /** With parameters in braces, as OpenAPI writes them. */
  readonly path: string;
  readonly operationId: string;
  readonly summary: string;
  readonly bodyBytesMax: number;
  /** Parameters behind the path that must be there, where the document is to name them. */
  readonly query?: Readonly<Record<string, z.ZodType>>;
  /** A form of a page; else JSON where `request` says its shape, and gzip where nothing does. */
  readonly isForm?: true;
  /** Shape of a JSON body, where there is one. */
  readonly request?: z.ZodType;
  /** What a good answer is. */
  readonly reply: { readonly kind: 'statement' | 'json' | 'html' | 'file'; readonly description: string; readonly schema?: z.ZodType };
  /** Whether 204 is an answer, and what it means. */
  readonly none?: string;
  readonly problems: readonly ProblemCode[];
}

export type Route = RouteBase &
  (
    | {
        readonly caller: 'kiosk';
        /** Also for a kiosk that was revoked, for a while: it brings what it had recorded. */
        readonly drains?: true;
        handle(request: UpstreamRequest, caller: KioskCaller): Promise<Reply>;
      }
    | { readonly caller: 'operator'; handle(request: UpstreamRequest, caller: OperatorCaller): Promise<Reply> }
    | { readonly caller: 'anyone'; handle(request: UpstreamRequest): Promise<Reply> }
  );

/** What a request of an operator may fail on. */
export const OPERATOR_PROBLEMS = ['operator-unknown', 'rate-limited', 'host-unknown'] as const satisfies readonly ProblemCode[];
export const CHANGE_PROBLEMS = [...OPERATOR_PROBLEMS, 'origin-foreign', 'content-type'] as const satisfies readonly ProblemCode[];

/** What a signed request may fail on. */
export const SIGNATURE_PROBLEMS = [
  'signature-missing',
  'signature-form',
  'signature-digest',
  'signature-invalid',
  'kiosk-unknown',
] as const satisfies readonly ProblemCode[];

export function problem(code: ProblemCode, detail?: string): Reply {
  return { kind: 'problem', code, ...(detail !== undefined && { detail }) };
}

/** A JSON body; undefined where it is none. */
export function parseJson(body: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body));
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof TypeError) return undefined;
    throw error;
  }
}
