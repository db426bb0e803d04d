import fc from 'fast-check';
import { trainingFault, type Job } from '../../src/jobs/job';
import { measureFault, type Measure } from '../../src/jobs/measure';
import { networkContent, type Minimizer, type Training } from '../../src/jobs/training';
import { NORMALIZATIONS } from '../../src/landscape/directions';
import { SIMPLE_VGG, simpleVggWith } from '../../src/model/networks';
import { TINY_VGG } from './arbitraries';

// Any job that can be run, on an engine and data that no machine has.

const seeds = fc.integer({ min: 0, max: 1e6 });
const steps = fc.integer({ min: 1, max: 1000 });
const epochs = fc.integer({ min: 1, max: 500 });

const required = fc.record({
  network: fc.constantFrom(...[TINY_VGG, SIMPLE_VGG, simpleVggWith(0.5)].map(networkContent)),
  data: fc.record({
    train: fc.constantFrom('a'.repeat(64), '1'.repeat(64)),
    test: fc.constant('b'.repeat(64)),
    images: fc.constantFrom(48, 1000, 50_000),
  }),
  engine: fc.constant({ name: 'wasm', version: '1' } as const),
  batchSize: fc.constantFrom(16, 24, 48, 100, 1000),
  seed: seeds,
  optimizer: fc.oneof(
    fc.record({
      kind: fc.constant('sgd' as const),
      momentum: fc.constantFrom(0, 0.9),
      weightDecay: fc.constantFrom(0, 5e-4),
    }),
    fc.record({ kind: fc.constant('adam' as const), weightDecay: fc.constantFrom(0, 1e-4) }),
  ),
  learningRate: fc.constantFrom(1e-3, 0.01, 0.1),
  stopAfter: fc.oneof(fc.record({ epochs }), fc.record({ steps })),
});

const optional = {
  schedule: fc.constantFrom('constant' as const, 'cosine' as const),
  scheduleEpochs: epochs,
  until: fc.oneof(
    fc.record({ loss: fc.constantFrom(0.01, 0.1) }),
    fc.record({ patience: fc.integer({ min: 1, max: 9 }), improvement: fc.constantFrom(0, 0.01) }),
  ),
  augment: fc.boolean(),
  batchOrder: fc.integer({ min: 0, max: 3 }),
  conservative: fc.record({ lambda: fc.constantFrom(0.1, 1), iterations: fc.integer({ min: 1, max: 9 }) }),
  adversarial: fc.record({ epsilon: fc.constantFrom(0.01, 0.1) }),
};

function someOf<T>(fields: { [K in keyof T]: fc.Arbitrary<T[K]> }): fc.Arbitrary<Partial<T>> {
  return fc.record(fields, { requiredKeys: [] }) as fc.Arbitrary<Partial<T>>;
}

const coldTraining: fc.Arbitrary<Training> = fc
  .tuple(required, someOf<Pick<Training, keyof typeof optional>>(optional))
  .map(([own, more]): Training => ({ ...own, ...more }))
  .filter((training) => trainingFault(training) === undefined);

const placeIn = (training: fc.Arbitrary<Training>): fc.Arbitrary<Minimizer> =>
  fc
    .tuple(
      training,
      someOf<Pick<Minimizer, 'at'>>({
        at: fc.oneof(fc.constant('end' as const), fc.record({ step: steps })),
      }),
    )
    .map(([one, at]) => ({ training: one, ...at }));

/** Any training, of which some start at another's weights. */
export const anyTraining: fc.Arbitrary<Training> = fc
  .tuple(
    coldTraining,
    someOf<Pick<Training, 'start'>>({ start: fc.oneof(fc.constant('seed' as const), placeIn(coldTraining)) }),
  )
  .map(([training, start]) => ({ ...training, ...start }));

const images = fc
  .tuple(
    fc.integer({ min: 2, max: 48 }),
    someOf<{ from: number; orderSeed: number }>({ from: fc.constantFrom(0, 1), orderSeed: seeds }),
  )
  .map(([to, more]) => ({ ...more, to }));

const common = someOf<Pick<Measure, 'split' | 'statistics'>>({
  split: fc.constantFrom('train' as const, 'test' as const),
  statistics: fc.constantFrom('recomputed' as const, 'running' as const),
});

const alphas = fc.uniqueArray(fc.constantFrom(-1, -0.5, 0.5, 1), { minLength: 1 });
const oneMinimizer = placeIn(anyTraining).map((minimizer) => [minimizer]);

/** A kind of measure with its required and its optional fields. */
const kindOf = (kind: Measure['kind'], fields: object, more: object = {}): fc.Arbitrary<Measure> =>
  fc
    .tuple(
      oneMinimizer,
      images,
      common,
      fc.record(fields as Record<string, fc.Arbitrary<unknown>>),
      fc.record(more as Record<string, fc.Arbitrary<unknown>>, { requiredKeys: [] }),
    )
    .map(
      ([of, block, shared, own, others]) =>
        ({ kind, of, images: block, ...shared, ...own, ...others }) as unknown as Measure,
    )
    .filter((measure) => measureFault(measure) === undefined);

/** Any measure of each kind. */
export const anyMeasure: fc.Arbitrary<Measure> = fc.oneof(
  kindOf('evaluation', {}),
  kindOf('curve', { directionSeed: seeds, alphas }, { normalization: fc.constantFrom(...NORMALIZATIONS) }),
  kindOf(
    'phi',
    { epsilon: fc.constantFrom(1e-3, 5e-4) },
    { space: fc.constant('full'), orthonormal: fc.boolean(), batchNorm: fc.constantFrom('batch', 'fixed') },
  ),
  kindOf('phi', {
    epsilon: fc.constantFrom(1e-3, 5e-4),
    space: fc.constant('subspace'),
    dimension: fc.integer({ min: 1, max: 100 }),
  }),
  kindOf('sam', { rho: fc.constantFrom(0.05, 0.5) }, { adaptive: fc.boolean() }),
  kindOf('eigenvalue', {}),
  kindOf('trace', { samples: fc.integer({ min: 2, max: 9 }) }),
  kindOf('noise', { batchSize: fc.integer({ min: 2, max: 4 }), batches: fc.constant(3) }),
  fc
    .tuple(
      kindOf(
        'path',
        { alpha: fc.constantFrom(0, 0.5, 1), testImages: images },
        {
          path: fc.constantFrom('straight', 'curved'),
          pathStatistics: fc.constantFrom('recomputed', 'fixed'),
        },
      ),
      oneMinimizer,
    )
    .map(([measure, other]) => ({ ...measure, of: [...measure.of, ...other] }) as Measure),
);

/** Any job. */
export const anyJob: fc.Arbitrary<Job> = fc.oneof(
  fc
    .tuple(anyTraining, someOf<{ snapshots: number[] }>({ snapshots: fc.array(steps, { maxLength: 3 }) }))
    .map(([train, more]): Job => ({ train, ...more })),
  anyMeasure.map((measure): Job => ({ measure })),
);

/** A JSON value with the keys of all its objects in another order. */
export function rekeyed(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(rekeyed);
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(
    Object.entries(value)
      .reverse()
      .map(([key, member]) => [key, rekeyed(member)]),
  );
}
