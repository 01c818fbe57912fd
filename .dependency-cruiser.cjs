// The rooms and who may import whom: see ARCHITECTURE.md. Read by `npm run check`.
const only = (name, from, allowed) => ({
  name,
  severity: 'error',
  comment: `${from} may import ${allowed.join(', ') || 'nothing of ours'}`,
  from: { path: from, pathNot: TEST },
  to: { path: '^(config|sync|kiosk|fixtures|scripts)/', pathNot: [from, ...allowed] },
});
const TEST = '\\.(test|contract)\\.ts$';
const EDGES = ['^config/', '^sync/credential/', '^sync/protocol/'];

const NODE_MODULES_OF_ITS_OWN =
  '^(node:)?(assert|buffer|child_process|crypto|events|fs|http|https|net|os|path|process|stream|url|util|worker_threads|zlib)(/|$)';

module.exports = {
  forbidden: [
    { name: 'no-cycles', severity: 'error', from: {}, to: { circular: true } },
    only('config-alone', '^config/', []),
    only('credential', '^sync/credential/', ['^config/']),
    only('protocol', '^sync/protocol/', ['^config/', '^sync/credential/']),
    only('slice', '^sync/slice/', EDGES),
    only('holder', '^sync/holder/', ['^config/', '^sync/credential/']),
    only('upstream', '^sync/upstream/', [...EDGES, '^sync/slice/']),
    only('edge', '^sync/edge/', [...EDGES, '^sync/slice/']),
    only('camera', '^kiosk/camera/', EDGES),
    only('decode', '^kiosk/decode/', [...EDGES, '^kiosk/camera/']),
    only('decision', '^kiosk/decision/', [...EDGES, '^kiosk/decode/']),
    only('registry', '^kiosk/registry/', [...EDGES, '^sync/slice/', '^kiosk/decision/']),
    only('peers', '^kiosk/peers/', [...EDGES, '^kiosk/decision/']),
    only('journal', '^kiosk/journal/', [...EDGES, '^kiosk/decision/']),
    only('display', '^kiosk/display/', [...EDGES, '^kiosk/(camera|decode|decision|registry|journal)/']),
    only('kiosk', '^kiosk/', [...EDGES, '^sync/(slice|edge)/']),
    only('fixtures-not-scripts', '^fixtures/', ['^(config|sync|kiosk)/']),
    {
      name: 'display-pages-stay-pages',
      severity: 'error',
      from: { path: '^kiosk/display/pages/' },
      to: {
        path: '^(config|sync|kiosk|fixtures|scripts)/',
        // Types of the messages and views, and what is free of Node.
        pathNot: [
          '^kiosk/display/pages/',
          '^kiosk/display/(messages|screen-state|supervisor-view)\\.ts$',
          '^kiosk/decision/citizen-view\\.ts$',
          '^kiosk/camera/page-messages\\.ts$',
          '^sync/protocol/(authority-time|evidence|expiry)\\.ts$',
        ],
      },
    },
    {
      name: 'holder-page-without-node',
      severity: 'error',
      comment: 'What runs on a phone reaches nothing of Node, over however many files',
      from: { path: '^sync/holder/page/', pathNot: TEST },
      to: { path: NODE_MODULES_OF_ITS_OWN, reachable: true },
    },
    {
      name: 'holder-page-without-its-server',
      severity: 'error',
      from: { path: '^sync/holder/page/' },
      to: { path: '^(config/|sync/holder/serve-holder)' },
    },
    ...[
      ['better-sqlite3', '^config/host/open-database\\.ts$'],
      ['zxing-wasm', '^(kiosk/decode/zxing-wasm-reader|scripts/bench/decode-readers)\\.ts$'],
      ['@zxing/library', '^(kiosk/decode/zxing-js-reader|scripts/bench/decode-readers)\\.ts$'],
      ['node-webcam', '^kiosk/camera/stills-source\\.ts$'],
      ['fastify', '^(kiosk/display/page-server|sync/upstream/http/server)\\.ts$'],
      ['prom-client', '^kiosk/service/metrics\\.ts$'],
      ['pino', '^config/host/node-host\\.ts$'],
      ['yaml', '^config/options/parse-config\\.ts$'],
    ].map(([name, home]) => ({
      name: `one-home-for-${name}`,
      severity: 'error',
      from: { path: '^(config|sync|kiosk|scripts)/', pathNot: [home, TEST] },
      to: { path: `node_modules/${name}/` },
    })),
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '^(dist|node_modules/\\.)' },
    parser: 'swc',
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['import', 'require', 'node', 'default', 'types'] },
  },
};
