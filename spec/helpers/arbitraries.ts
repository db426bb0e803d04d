import fc from 'fast-check';
import type { Architecture } from '../../src/model/architecture';

const BLOCK = { kind: 'convBlock', kernel: 3, pool: 2 } as const;

/** SimpleVGG's kinds of layers, small enough for a property to try many. */
export const TINY_VGG: Architecture = {
  name: 'TinyVGG',
  layers: [
    { ...BLOCK, conv: 'features.0', batchNorm: 'features.1', inputs: 3, outputs: 4 },
    { ...BLOCK, conv: 'features.4', batchNorm: 'features.5', inputs: 4, outputs: 6 },
    { kind: 'flatten', channels: 6, side: 8 },
    { kind: 'linear', name: 'classifier.0', inputs: 384, outputs: 12, relu: true, dropout: 0.5 },
    { kind: 'linear', name: 'classifier.3', inputs: 12, outputs: 10, relu: false },
  ],
};

/** The same without dropout. */
export const TINY_VGG_WITHOUT_DROPOUT: Architecture = {
  ...TINY_VGG,
  layers: TINY_VGG.layers.map((layer) => ({ ...layer, dropout: 0 })),
};

/** Any seed that a user may give. */
export const seeds = fc.integer({ min: 0, max: 2 ** 31 });

/** Evenly spread numbers: fast-check's doubles crowd around 0. */
export const evenly = (low: number, high: number) =>
  fc.integer({ min: 0, max: 1000 }).map((step) => low + ((high - low) * step) / 1000);
