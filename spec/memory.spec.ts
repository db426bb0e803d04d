import { expect, test } from '@jest/globals';
import { UserError } from '../src/errors';
import { demandMemory } from '../src/memory';

test('a batch that memory cannot hold is refused, naming the need', () => {
  expect(() => demandMemory(4096, 24e9)).not.toThrow();
  expect(() => demandMemory(50_000, 24e9)).toThrow(UserError);
  expect(() => demandMemory(50_000, 24e9)).toThrow(
    'batch size 50000 needs about 70.9 GB of memory, and this machine has 24.0 GB: choose a smaller --large-batch',
  );
});
