import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { inThisThread, type Compute } from '../../src/compute/compute';
import { datasetSha256, imagesBetween } from '../../src/data/dataset';
import type { SweepData } from '../../src/sweep/data';
import { contentId } from '../../src/sweep/canonical';
import { measureId, trainingId, type Job } from '../../src/sweep/job';
import { expandPlan, planSchema, type Plan, type SweepSetting } from '../../src/sweep/plan';
import type { JobContext } from '../../src/sweep/run-job';
import type { ResultStore } from '../../src/sweep/store';
import { specEngine } from './engine';
import { ENVIRONMENT } from './environment';
import { sampleImages } from './fixtures';
import { SILENT } from './paper';

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

/** 48 training images and 16 test images of CIFAR-10, as if there were no more. */
function tinyData(): SweepData {
  const images = sampleImages();
  const [train, test] = [imagesBetween(images, 0, 48), imagesBetween(images, 48, 64)];
  return { train, test, sha256: { train: datasetSha256(train), test: datasetSha256(test) } };
}

/** A plan of one job that takes a second: SimpleVGG on 48 images, two epochs of three steps. */
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

/** The first job of such a plan, on an engine and the tiny data. */
export function tinyJob({ info }: Compute, changes: object = {}): Job {
  const setting = {
    engine: { name: info.name, version: info.version },
    data: { cifar10: tinyData().sha256 },
  };
  return expandPlan(tinyPlan(changes), setting)[0].job;
}

/** What tiny jobs are done with. */
export async function tinyContext(
  store: ResultStore,
  changes: Partial<JobContext> = {},
): Promise<JobContext> {
  return {
    compute: inThisThread(await specEngine()),
    store,
    load: tinyData,
    environment: (dataSha256) => ({ ...ENVIRONMENT, dataSha256 }),
    progress: SILENT,
    ...changes,
  };
}

/** The same for jobs that are the same by their addresses, whatever the order of their measures. */
export function jobId({ training, measures: own }: Job): string {
  return contentId({ training: trainingId(training), measures: own.map(measureId).sort() });
}
