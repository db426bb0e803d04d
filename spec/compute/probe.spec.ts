import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { cacheFolder } from '../../src/support/cache-folder';
import { probeEngine } from '../../src/compute/probe';
import { availability } from '../helpers/availability';
import { fastestEngine } from '../helpers/engine';

const task = (name: 'tensorflow' | 'wasm') => ({ name, cache: cacheFolder(), measure: false });

describe('trying an engine in a process of its own', () => {
  test.each(availability().filter(([name, missing]) => missing === null && name !== 'webgpu'))(
    'tells what %s is, after it has trained a little',
    async (name) => {
      expect(await probeEngine(task(name as 'wasm'))).toMatchObject({ info: { name, gpu: false } });
    },
  );

  test('tells how fast it is, where that is asked for', async () => {
    const probe = await probeEngine({ ...task(fastestEngine() as 'wasm'), measure: true });
    expect(probe).toMatchObject({
      rates: { training: expect.any(Number), evaluation: expect.any(Number) },
    });
  });

  test('tells why it is missing, without a crash of this process, where its own is killed', async () => {
    const probe = await probeEngine(
      task('wasm'),
      () => {},
      join(__dirname, '../helpers/crashing-program.ts'),
    );
    expect(probe).toEqual({
      name: 'wasm',
      missing: 'its process ended by SIGSEGV (the library is of another version)',
    });
  });
});
