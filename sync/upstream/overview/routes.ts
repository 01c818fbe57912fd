/** What an operator sees of upstream: counts, checkpoints, kiosks, alarms; as JSON and as one plain page without script. */
import { OPERATOR_PROBLEMS, type Reply, type Route } from '../http/route.ts';
import type { Store } from '../store/store.ts';
import { type OverviewParts, readOverview } from './overview.ts';
import { overviewPage } from './page.ts';

export function overviewRoutes(store: Store, parts: OverviewParts): Route[] {
  const common = { method: 'GET', caller: 'operator', bodyBytesMax: 0, problems: OPERATOR_PROBLEMS } as const;
  return [
    {
      ...common,
      path: '/v1/overview',
      operationId: 'readOverview',
      summary: 'Counts, checkpoints, kiosks and alarms.',
      reply: { kind: 'json', description: 'the overview' },
      handle: async (): Promise<Reply> => ({ kind: 'json', body: await readOverview(store, parts) }),
    },
    {
      ...common,
      path: '/',
      operationId: 'readPage',
      summary: 'The overview as a page.',
      reply: { kind: 'html', description: 'the page' },
      handle: async (): Promise<Reply> => ({ kind: 'html', body: overviewPage(await readOverview(store, parts)) }),
    },
  ];
}
