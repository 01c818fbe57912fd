import { expect, it } from 'vitest';
import { createSimulatedHost } from '../../../fixtures/simulated-host.ts';
import { createRefusedRequests } from './refused-requests.ts';

it('logs refused requests of kiosks by reason, at once and then once a minute with how many there were', () => {
  const host = createSimulatedHost();
  const refused = createRefusedRequests(host);
  for (let count = 0; count < 50; count++) refused('signature-invalid', '10.0.0.1');
  refused('kiosk-unknown', '10.0.0.2');
  host.advance(60_000);
  refused('signature-invalid', '10.0.0.3');
  expect(host.logged.map(({ event, fields }) => [event, fields])).toEqual([
    ['request-refused', { reason: 'signature-invalid', source: '10.0.0.1', total: 1 }],
    ['request-refused', { reason: 'kiosk-unknown', source: '10.0.0.2', total: 1 }],
    ['request-refused', { reason: 'signature-invalid', source: '10.0.0.3', total: 51 }],
  ]);
});
