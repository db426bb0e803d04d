import { beforeAll, describe, test } from '@jest/globals';
import type { Engine } from '../../src/engine/engine';
import { availability, type Name } from './availability';
import { specEngine } from './engine';

/** The same specs on each engine that this machine has, and for each other one a skipped test with the reason. */
export function describeEngines(title: string, specs: (engine: () => Engine, name: Name) => void): void {
  for (const [name, missing] of availability()) {
    describe(`${title} (${name})`, () => {
      if (missing !== null) {
        test.skip(`is not tried: ${missing}`, () => {});
        return;
      }
      let engine: Engine;
      beforeAll(async () => {
        engine = await specEngine(name);
      });
      specs(() => engine, name);
    });
  }
}
