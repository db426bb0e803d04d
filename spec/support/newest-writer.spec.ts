import { setImmediate } from 'node:timers/promises';
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { newestWriter } from '../../src/support/newest-writer';

describe('the writer of the newest', () => {
  test('writes the first at once and the last before it is settled, one at a time, none twice, in order', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.scheduler(),
        fc.array(fc.nat(3), { minLength: 1, maxLength: 8 }),
        async (scheduler, pauses) => {
          const written: number[] = [];
          let underWay = 0;
          const writer = newestWriter<number>(
            async (value) => {
              written.push(value);
              expect(++underWay).toBe(1);
              await scheduler.schedule(Promise.resolve());
              underWay--;
            },
            () => {},
          );
          for (const [index, turns] of pauses.entries()) {
            writer.write(index + 1);
            if (index === 0) expect(written).toEqual([1]);
            for (let turn = 0; turn < turns; turn++) {
              if (scheduler.count() > 0) await scheduler.waitOne();
              await setImmediate();
            }
          }
          await scheduler.waitFor(writer.settled());
          expect(underWay).toBe(0);
          expect(written.at(-1)).toBe(pauses.length);
          expect(written).toEqual([...new Set(written)].sort((a, b) => a - b));
        },
      ),
    );
  });

  test('tells of a failure at once and when it is settled, and writes no more', async () => {
    const written: number[] = [];
    let told = 0;
    const writer = newestWriter<number>(
      (value) => {
        written.push(value);
        return Promise.reject(new Error('full'));
      },
      () => told++,
    );
    writer.write(1);
    await setImmediate();
    expect(told).toBe(1);
    writer.write(2);
    await expect(writer.settled()).rejects.toThrow('full');
    expect(written).toEqual([1]);
  });
});
