import { createHash } from 'node:crypto';
import fc from 'fast-check';
import type { SweepSetup } from '../../src/studies/sweep/jobs';
import { planSchema, type Plan } from '../../src/studies/sweep/plan';
import { ENVIRONMENT } from './environment';

const hash = (text: string) => createHash('sha256').update(text).digest('hex');
const known = (name: string) => ({
  train: hash(`${name} train`),
  test: hash(`${name} test`),
  trainImages: 50_000,
  testImages: 10_000,
});

/** The setup of a sweep on an engine and data that no machine has. */
export function planSetup(plan: Plan): SweepSetup {
  return {
    settings: { plan, planFile: 'plan.yaml' },
    engine: { name: 'wasm', version: '1' },
    data: { cifar10: known('cifar10'), cifar100: known('cifar100'), mnist: known('mnist') },
    environment: ENVIRONMENT,
  };
}

const some = <T>(values: readonly T[]) => fc.subarray([...values], { minLength: 1 });

const optimizers = fc.oneof(
  fc.record({ kind: fc.constant('sgd'), momentum: fc.constantFrom(0, 0.5, 0.9) }),
  fc.record({ kind: fc.constant('adam'), weightDecay: fc.constantFrom(0, 1e-4) }),
);

const lengths = fc.oneof(
  fc.record({ epochs: fc.integer({ min: 1, max: 500 }) }),
  fc.record({ until: fc.record({ loss: fc.constantFrom(0.01, 0.1) }) }),
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

/** A plan of one run that takes a second: SimpleVGG on 48 images, two epochs of three steps. */
export function tinyPlan(changes: object = {}): Plan {
  return planSchema.parse({
    name: 'tiny',
    networks: ['SimpleVGG'],
    batchSizes: [16],
    seeds: [3],
    trainSize: 48,
    testSize: 16,
    protocols: [{ name: 'sgd', optimizer: { kind: 'sgd' }, learningRate: 0.01, epochs: 2 }],
    measures: [{ kind: 'rise', directions: 1, alphas: [-1, 0, 1], images: 16 }],
    ...changes,
  });
}
