import type { EnvironmentReport } from '../../src/report/report';

/** An environment that no machine has. */
export const ENVIRONMENT: EnvironmentReport = {
  engine: 'tensorflow',
  engineVersion: '1',
  device: 'CPU',
  threads: 2,
  skippedEngines: [],
  node: 'v20',
  platform: 'linux x64',
  commit: null,
  dataSha256: '0',
};
