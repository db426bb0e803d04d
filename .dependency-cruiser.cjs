// The layers of src, from the bottom: a folder imports only from those above it in this list.
const LAYERS = [
  'support',
  'optimize',
  'engine',
  'data',
  'model',
  'training',
  'compute',
  'landscape',
  'sharpness',
  'verdict',
  'jobs',
  'executors',
  'report',
  'studies',
  'cli',
];

/** Folders that are to run in a browser one day: they import nothing of Node's own. */
const WITHOUT_NODE = ['optimize', 'model', 'training', 'landscape', 'sharpness', 'verdict', 'jobs'];

/** @type {import('dependency-cruiser').IConfiguration} */
module.exports = {
  forbidden: [
    { name: 'no-cycles', severity: 'error', from: {}, to: { circular: true } },
    ...LAYERS.slice(0, -1).map((layer, index) => ({
      name: `${layer}-imports-only-from-above`,
      severity: 'error',
      from: { path: `^src/${layer}/` },
      to: { path: `^src/(${LAYERS.slice(index + 1).join('|')})/` },
    })),
    {
      name: 'studies-do-not-import-each-other',
      severity: 'error',
      from: { path: '^src/studies/([^/]+)/' },
      to: { path: '^src/studies/[^/]+/', pathNot: '^src/studies/$1/' },
    },
    {
      name: 'no-node-modules-of-its-own',
      severity: 'error',
      from: { path: `^src/(${WITHOUT_NODE.join('|')})/` },
      to: { dependencyTypes: ['core'] },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsConfig: { fileName: 'tsconfig.json' },
    tsPreCompilationDeps: true,
  },
};
