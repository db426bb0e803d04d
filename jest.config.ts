import type { Config } from 'jest';

const config: Config = {
  preset: 'ts-jest',
  testEnvironment: 'node',
  roots: ['<rootDir>/spec'],
  testMatch: ['**/*.spec.ts'],
  // Makes an engine ready once: npm runs no pretest script under ignore-scripts.
  globalSetup: '<rootDir>/spec/helpers/prepare-engine.ts',
  setupFiles: ['<rootDir>/spec/helpers/configure-fast-check.ts'],
  // The engine uses every core by itself, so specs that share the machine gain nothing from more workers.
  maxWorkers: 1,
  // Looking up a global in jest's sandbox costs a hundred times what it costs outside.
  sandboxInjectedGlobals: ['Math'],
  testTimeout: 60_000,
};

export default config;
