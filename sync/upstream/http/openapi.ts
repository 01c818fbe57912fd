/** The OpenAPI 3.1 document, made from the routes themselves. */
import { z } from 'zod';
import { type ProblemCode, problemSchema, problems } from '../../protocol/problem.ts';
import { OPERATOR_COOKIE } from './operator-door.ts';
import type { Route } from './route.ts';

const mediaTypes = {
  statement: 'application/vnd.checkpoint.statement',
  json: 'application/json',
  html: 'text/html',
  file: 'application/octet-stream',
} as const;
const security = { kiosk: [{ kioskSignature: [] }], operator: [{ operatorToken: [] }, { operatorSession: [] }], anyone: [] } as const;

export function openApiDocument(routes: readonly Route[], version: string) {
  const paths: Record<string, Record<string, unknown>> = {};
  for (const route of routes) {
    paths[route.path] = { ...paths[route.path], [route.method.toLowerCase()]: operation(route) };
  }
  return {
    openapi: '3.1.0',
    info: { title: 'checkpoint-kiosk upstream', version },
    paths,
    components: {
      schemas: { Problem: z.toJSONSchema(problemSchema) },
      securitySchemes: {
        kioskSignature: {
          type: 'apiKey',
          in: 'header',
          name: 'signature',
          description:
            'RFC 9421: Ed25519 over @method, @path, @query and content-digest; created, nonce, keyid (kiosk), tag checkpoint-kiosk',
        },
        operatorToken: { type: 'http', scheme: 'bearer' },
        operatorSession: {
          type: 'apiKey',
          in: 'cookie',
          name: OPERATOR_COOKIE,
          description: 'from the sign-in form; changes from our own page only',
        },
      },
    },
  };
}

function operation(route: Route) {
  const names = [...route.path.matchAll(/\{(\w+)\}/g)].map(([, name = '']) => name);
  const { kind, description, schema } = route.reply;
  const content = { [mediaTypes[kind]]: { schema: schema === undefined ? { type: 'string' } : z.toJSONSchema(schema) } };
  return {
    operationId: route.operationId,
    summary: route.summary,
    security: security[route.caller],
    parameters: [
      ...names.map((name) => ({ name, in: 'path', required: true, schema: { type: 'string' } })),
      ...Object.entries(route.query ?? {}).map(([name, type]) => ({ name, in: 'query', required: true, schema: z.toJSONSchema(type) })),
    ],
    ...(route.method === 'POST' && {
      requestBody: {
        required: true,
        content: {
          [bodyType(route)]: {
            schema: route.request === undefined ? { type: 'string', maxLength: route.bodyBytesMax } : z.toJSONSchema(route.request),
          },
        },
      },
    }),
    responses: {
      200: { description, content },
      ...(route.none !== undefined && { 204: { description: route.none } }),
      // Whatever writes may find the disk full.
      ...problemResponses(route.method === 'POST' ? [...route.problems, 'disk-full'] : route.problems),
    },
  };
}

function bodyType({ isForm, request }: Route): string {
  if (isForm === true) return 'application/x-www-form-urlencoded';
  return request === undefined ? 'application/gzip' : 'application/json';
}

function problemResponses(codes: readonly ProblemCode[]) {
  const byStatus = new Map<number, ProblemCode[]>();
  for (const code of codes) byStatus.set(problems[code].status, [...(byStatus.get(problems[code].status) ?? []), code]);
  const content = { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } };
  return Object.fromEntries([...byStatus].map(([status, own]) => [status, { description: own.join(', '), content }]));
}
