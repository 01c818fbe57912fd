/**
 * Signed time for kiosks without a line, over HTTP, without a login: an answer says only what time it is, to one kiosk, and
 * that kiosk takes it only in answer to a nonce of its own. Whether such a kiosk is enrolled here is not told.
 */
import { z } from 'zod';
import type { Clock } from '../../../config/ports/clock.ts';
import type { Signer } from '../../credential/signer.ts';
import { timeAudienceText, timeNonceText, writeTimeCode } from '../../protocol/time-code.ts';
import { problem, type Reply, type Route, type UpstreamRequest } from '../http/route.ts';
import { timePage } from './page.ts';
import { createRateLimit } from './rate-limit.ts';

const querySchema = z.object({ kiosk: timeAudienceText, nonce: timeNonceText });
const answerSchema = z.object({ code: z.string(), issuedAt: z.iso.datetime() });
/** A dozen phones behind one address, each with a page that renews itself every five seconds. */
const EACH = { burst: 60, perSecond: 3 };
/** Of a centre's work: signing one takes a tenth of a millisecond, drawing its page some milliseconds. */
const ALL = { burst: 200, perSecond: 50 };

export function timeRoutes(feedKey: Signer, clock: Clock): Route[] {
  const limit = createRateLimit(EACH, ALL, clock);

  const answer = async (
    { target, address }: UpstreamRequest,
    reply: (code: string, kioskId: string, nowMs: number) => Promise<Reply>,
  ): Promise<Reply> => {
    if (!limit.admits(address)) return problem('rate-limited');
    const query = querySchema.safeParse(Object.fromEntries(new URL(target, 'http://upstream').searchParams));
    if (!query.success) return problem('request-invalid', query.error.issues[0]?.path.join('.'));
    const { kiosk, nonce } = query.data;
    const nowMs = clock.wallMs();
    return reply(writeTimeCode(kiosk, nonce, nowMs, feedKey), kiosk, nowMs);
  };

  const common = {
    method: 'GET',
    caller: 'anyone',
    bodyBytesMax: 0,
    query: { kiosk: timeAudienceText, nonce: timeNonceText },
    problems: ['request-invalid', 'rate-limited'],
  } as const;
  return [
    {
      ...common,
      path: '/v1/time',
      operationId: 'readTime',
      summary: 'The time, signed for one kiosk in answer to its nonce: the text of a code that is shown to its camera.',
      reply: { kind: 'json', description: 'the code', schema: answerSchema },
      handle: (request: UpstreamRequest) =>
        answer(request, async (code, _kioskId, nowMs) => {
          const body: z.infer<typeof answerSchema> = { code, issuedAt: new Date(nowMs).toISOString() };
          return { kind: 'json', body };
        }),
    },
    {
      ...common,
      path: '/time',
      operationId: 'readTimePage',
      summary: 'The same as a page for a phone, renewed by itself.',
      reply: { kind: 'html', description: 'the page' },
      handle: (request: UpstreamRequest) =>
        answer(request, async (code, kioskId, nowMs) => ({ kind: 'html', body: await timePage(code, kioskId, nowMs) })),
    },
  ];
}
