import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { planSchema, type Plan, type SweepSetting } from '../../src/sweep/plan';

const hash = (text: string) => createHash('sha256').update(text).digest('hex');
const hashes = (name: string) => ({ train: hash(`${name} train`), test: hash(`${name} test`) });

/** An engine and data that no machine has. */
export const SETTING: SweepSetting = {
  engine: { name: 'wasm', version: '1' },
  data: { cifar10: hashes('cifar10'), cifar100: hashes('cifar100'), mnist: hashes('mnist') },
};

const some = <T>(values: readonly T[]) => fc.subarray([...values], { minLength: 1 });

const optimizers = fc.oneof(
  fc.record({ kind: fc.constant('sgd'), momentum: fc.constantFrom(0, 0.5, 0.9) }),
  fc.record({ kind: fc.constant('adam'), weightDecay: fc.constantFrom(0, 1e-4) }),
);

const lengths = fc.oneof(
  fc.record({ epochs: fc.integer({ min: 1, max: 500 }) }),
  fc.record({ until: fc.record({ patience: fc.integer({ min: 1, max: 9 }) }) }),
);

/** One or two, of different content. */
const protocols = fc
  .uniqueArray(
    fc.record({ optimizer: optimizers, length: lengths, rate: fc.constantFrom(1e-3, 0.01, 0.1) }),
    {
      minLength: 1,
      maxLength: 2,
      selector: (protocol) => JSON.stringify(protocol),
    },
  )
  .map((all) =>
    all.map(({ optimizer, length, rate }, at) => ({
      name: `protocol-${at}`,
      optimizer,
      learningRate: rate,
      ...length,
    })),
  );

const measures = some([
  { kind: 'rise', directions: 3 },
  { kind: 'keskar', images: 400 },
  { kind: 'keskar', space: 'subspace', epsilon: 5e-4 },
  { kind: 'sam', adaptive: true },
  { kind: 'eigenvalue', images: 200 },
  { kind: 'trace' },
  { kind: 'noise' },
] as const);

/** Plans of few of everything. */
export const anyPlan: fc.Arbitrary<Plan> = fc
  .record({
    name: fc.constant('any'),
    networks: some(['SimpleVGG', 'C1', 'F1'] as const),
    batchSizes: some([16, 50, 100, 1000]),
    seeds: fc.uniqueArray(fc.integer({ min: 0, max: 1e6 }), { minLength: 1, maxLength: 3 }),
    trainSize: fc.constantFrom(1000, 2000),
    protocols,
    measures,
  })
  .map((plan) => planSchema.parse(plan));
