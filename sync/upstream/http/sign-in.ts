/** The operator's sign-in: a form that takes the token and gives a session, which its own page cannot read. */
import type { OperatorDoor } from './operator-door.ts';
import { problem, type Reply, type Route, type UpstreamRequest } from './route.ts';

const BODY_BYTES_MAX = 1_024;

export function signInRoutes(door: OperatorDoor): Route[] {
  const common = { method: 'POST', caller: 'anyone', isForm: true, bodyBytesMax: BODY_BYTES_MAX } as const;
  const problems = ['host-unknown', 'origin-foreign', 'operator-unknown', 'rate-limited', 'body-too-large'] as const;
  return [
    {
      ...common,
      path: '/sign-in',
      operationId: 'signIn',
      summary: "For the overview page's form: the token (field token, urlencoded) for a session cookie.",
      reply: { kind: 'html', description: 'a redirect to the overview, or the form again' },
      problems,
      async handle(request: UpstreamRequest): Promise<Reply> {
        if (!door.isOwnHost(request)) return problem('host-unknown');
        if (!door.isOwnPage(request)) return problem('origin-foreign');
        const token = new URLSearchParams(new TextDecoder().decode(request.body)).get('token') ?? '';
        const cookie = await door.signIn(token.trim(), request.address);
        if (cookie.ok) return { kind: 'redirect', location: '/', cookie: cookie.value };
        return cookie.reason === 'operator-unknown' ? { kind: 'html', body: signInPage(true), status: 401 } : problem(cookie.reason);
      },
    },
    {
      ...common,
      path: '/sign-out',
      operationId: 'signOut',
      summary: 'Ends the session in this browser.',
      reply: { kind: 'html', description: 'a redirect to the form' },
      problems: ['host-unknown', 'origin-foreign', 'body-too-large'],
      async handle(request: UpstreamRequest): Promise<Reply> {
        if (!door.isOwnHost(request)) return problem('host-unknown');
        if (!door.isOwnPage(request)) return problem('origin-foreign');
        return { kind: 'redirect', location: '/', cookie: door.signOut() };
      },
    },
  ];
}

const STYLE = `
:root { color-scheme: light dark; font: 18px/1.5 system-ui, sans-serif; }
body { max-width: 26rem; margin: 15vh auto; padding: 0 1.5rem; } h1 { font-size: 1.3rem; } small { opacity: .75; }
input, button { font: inherit; width: 100%; box-sizing: border-box; padding: .6rem; margin: .4rem 0; }
.wrong { color: #c62828; } @media (prefers-color-scheme: dark) { .wrong { color: #ff8a80; } }`;

export function signInPage(isWrong: boolean): string {
  const wrong = '<p class="wrong">Mã không đúng. <small lang="en">This is not the token.</small></p>';
  return `<!doctype html>
<html lang="vi"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>checkpoint-kiosk</title><style>${STYLE}</style></head><body>
<h1>Trung tâm chốt kiểm soát</h1>
<form method="post" action="/sign-in">${isWrong ? wrong : ''}
<label for="token">Mã của người vận hành <small lang="en">operator's token (keys/operator.token)</small></label>
<input id="token" name="token" type="password" autocomplete="current-password" required autofocus>
<button>Đăng nhập <small lang="en">sign in</small></button>
</form></body></html>
`;
}
