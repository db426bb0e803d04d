import { expect, test } from '@jest/globals';
import { UserError } from '../../src/support/errors';
import { demandMemory, exhausted } from '../../src/engine/memory';

test('a batch that memory cannot hold is refused, naming the need and the preset that fits', () => {
  expect(() => demandMemory('tensorflow', 4096, 24e9)).not.toThrow();
  expect(() => demandMemory('tensorflow', 50_000, 24e9)).toThrow(UserError);
  expect(() => demandMemory('tensorflow', 50_000, 24e9)).toThrow(
    'batch size 50000 needs about 70.9 GB of memory, and this machine has 24.0 GB: ' +
      'choose a smaller --large-batch, or --preset quick (batch size 1024).',
  );
});

test('a preset that does not fit either is not offered', () => {
  expect(() => demandMemory('tensorflow', 4096, 1e9)).toThrow(
    /this machine has 1\.0 GB: choose a smaller --large-batch\.$/,
  );
});

test('a batch that 32-bit addresses cannot hold is refused on wasm, however large the machine', () => {
  expect(() => demandMemory('wasm', 1024, 24e9)).not.toThrow();
  expect(() => demandMemory('wasm', 4096, 24e9)).toThrow('and WebAssembly can address 4.3 GB');
});

test('a batch that a device could not hold names the need and the preset that does with less', () => {
  expect(exhausted(4096).message).toBe(
    'A step of batch size 4096 needs about 6.6 GB of memory, and the device has less left: ' +
      'choose a smaller --large-batch, or --preset quick (batch size 1024).',
  );
});
