import { z } from 'zod';
import type { DatasetName } from '../data/load';
import { squareRootScaled } from '../training/schedule';
import { contentId } from './canonical';
import {
  augmentFault,
  batchFault,
  FIELDS,
  MOST_LEARNING_RATE,
  measureId,
  trainingId,
  trainSizeFault,
  type DataHashes,
  type Job,
  type SweepEngine,
  type SweepTraining,
} from './job';
import { measureFault, measureOf, plannedMeasureSchema } from './measure';
import { datasetOf, TEST_IMAGES } from './networks';
import { parseYaml } from './yaml';

const MOST_JOBS = 10_000;

const nameSchema = z
  .string()
  .max(60)
  .regex(/^[a-z0-9-]+$/, 'it must be made of a to z, 0 to 9 and -');

const weightDecay = FIELDS.weightDecay.default(0);

/** How networks are trained, by a name of the plan's own that no figure depends on. */
const protocolSchema = z
  .strictObject({
    name: nameSchema,
    optimizer: z.discriminatedUnion('kind', [
      z.strictObject({ kind: z.literal('sgd'), momentum: FIELDS.momentum.default(0.9), weightDecay }),
      z.strictObject({ kind: z.literal('adam'), weightDecay }),
    ]),
    learningRate: FIELDS.learningRate,
    /** Scales the learning rate with the batch size: `learningRate` is that of batch size `from`. */
    scaling: z.strictObject({ rule: z.enum(['sqrt', 'linear']), from: FIELDS.batchSize }).optional(),
    schedule: FIELDS.schedule.default('constant'),
    augment: z.boolean().default(false),
    epochs: FIELDS.epochs.optional(),
    /** Ends a training at a loss, or where its loss has ceased to improve, and after so many epochs anyway. */
    until: z
      .strictObject({
        loss: FIELDS.loss.optional(),
        patience: FIELDS.patience.optional(),
        improvement: FIELDS.improvement.optional(),
        epochs: FIELDS.epochs.default(200),
      })
      .refine(
        ({ loss, ...stalling }) =>
          loss === undefined || !('patience' in stalling || 'improvement' in stalling),
        {
          message: 'a loss to end at needs no patience and no improvement',
        },
      )
      .optional(),
  })
  .refine(({ epochs, until }) => (epochs === undefined) !== (until === undefined), {
    message: 'it needs either epochs or until',
  });
type Protocol = z.infer<typeof protocolSchema>;

const unsized = z.strictObject({
  name: nameSchema,
  networks: z.array(FIELDS.network).min(1).max(100),
  batchSizes: z.array(FIELDS.batchSize).min(1).max(100),
  seeds: z.array(FIELDS.seed).min(1).max(1000),
  trainSize: FIELDS.trainSize,
  testSize: FIELDS.testSize.default(TEST_IMAGES),
  protocols: z.array(protocolSchema).min(1).max(100),
  measures: z.array(plannedMeasureSchema).max(100).default([]),
});

/** A sweep: every network, batch size, seed and protocol with each other, and what is measured of each minimizer. */
export const planSchema = unsized.superRefine((plan, context) => {
  const { networks, batchSizes, seeds, trainSize, protocols } = plan;
  const refuse = (path: (string | number)[], message: string | undefined) => {
    if (message) context.addIssue({ code: 'custom', path, message });
  };
  const refuseTwice = (key: string, values: readonly unknown[], within: string[] = []) =>
    values.forEach((value, index) => {
      if (values.indexOf(value) < index) refuse([key, index, ...within], `${String(value)} is there twice`);
    });
  refuseTwice('networks', networks);
  refuseTwice('batchSizes', batchSizes);
  refuseTwice('seeds', seeds);
  refuseTwice(
    'protocols',
    protocols.map(({ name }) => name),
    ['name'],
  );
  networks.forEach((network) => refuse(['trainSize'], trainSizeFault(network, trainSize)));
  batchSizes.forEach((size, index) => refuse(['batchSizes', index], batchFault(size, trainSize)));

  const contents = protocols.map(({ name: _, ...content }) => contentId(content));
  protocols.forEach((protocol, index) => {
    const earlier = contents.indexOf(contents[index]);
    if (earlier < index) refuse(['protocols', index], `it is ${protocols[earlier].name} by another name`);
    for (const network of networks)
      refuse(['protocols', index, 'augment'], augmentFault(network, protocol.augment));
    const rate = Math.max(...batchSizes.map((size) => hyperparametersOf(protocol, size).learningRate));
    if (!FIELDS.learningRate.safeParse(rate).success) {
      refuse(
        ['protocols', index, 'learningRate'],
        `scaled, it is ${rate}, and ${MOST_LEARNING_RATE} is the most`,
      );
    }
  });

  const measures = plan.measures.map((measure) => measureOf(measure, trainSize));
  const ids = measures.map(measureId);
  measures.forEach((measure, index) => {
    if (ids.indexOf(ids[index]) < index) refuse(['measures', index], 'it is there twice');
    refuse(['measures', index], measureFault(measure, trainSize));
  });

  const jobs = networks.length * batchSizes.length * seeds.length * protocols.length;
  if (jobs > MOST_JOBS) refuse([], `it has ${jobs} jobs, and ${MOST_JOBS} are the most`);
});
export type Plan = z.infer<typeof planSchema>;

/**
 * A plan in the text of a YAML file.
 *
 * @param name of the file, for messages.
 * @throws UserError naming the line of what is wrong.
 */
export function parsePlan(text: string, name: string): Plan {
  return parseYaml(text, name, planSchema);
}

/** A job, and the name that its plan has for its protocol. */
export interface PlannedJob {
  readonly protocol: string;
  readonly job: Job;
}

/** What decides figures beside the plan. */
export interface SweepSetting {
  readonly engine: SweepEngine;
  readonly data: Readonly<Partial<Record<DatasetName, DataHashes>>>;
}

/**
 * Every job of a plan, seed by seed, so that whole curves of a few seeds are there first. Two protocols may come to the
 * same job at some batch size; it is there for both, and done once.
 *
 * @param setting with the data sets of all of the plan's networks.
 */
export function expandPlan(plan: Plan, setting: SweepSetting): PlannedJob[] {
  const { networks, batchSizes, seeds, protocols, trainSize, testSize } = plan;
  const measures = plan.measures.map((measure) => measureOf(measure, trainSize));
  return seeds.flatMap((seed) =>
    networks.flatMap((network) =>
      protocols.flatMap((protocol) =>
        batchSizes.map((batchSize) => {
          const training: SweepTraining = {
            format: 1,
            network,
            batchSize,
            seed,
            trainSize,
            testSize,
            ...hyperparametersOf(protocol, batchSize),
            engine: setting.engine,
            data: setting.data[datasetOf(network)]!,
          };
          return { protocol: protocol.name, job: { training, measures } };
        }),
      ),
    ),
  );
}

function hyperparametersOf(protocol: Protocol, batchSize: number) {
  const { optimizer, learningRate, scaling, schedule, augment, epochs, until } = protocol;
  const scaled = () => {
    if (!scaling) return learningRate;
    const { rule, from } = scaling;
    return rule === 'sqrt'
      ? squareRootScaled(learningRate, from, batchSize)
      : (learningRate * batchSize) / from;
  };
  return {
    optimizer,
    learningRate: scaled(),
    schedule,
    augment,
    epochs: until?.epochs ?? epochs!,
    stopping: until ? stoppingOf(until) : null,
  };
}

/** The rule of a protocol; one that stalls by five epochs of less than a hundredth each, where the plan does not say. */
function stoppingOf({ loss, patience = 5, improvement = 0.01 }: NonNullable<Protocol['until']>) {
  return loss === undefined ? { patience, improvement } : { loss };
}

/** Jobs without those that are there already. */
export function distinctJobs(planned: readonly PlannedJob[]): Job[] {
  return [...new Map(planned.map(({ job }) => [trainingId(job.training), job])).values()];
}
