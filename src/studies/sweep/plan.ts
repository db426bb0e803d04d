import { z } from 'zod';
import { contentId, type Json } from '../../jobs/canonical';
import { singleImageFault } from '../../jobs/measure';
import { FIELDS, MAX_LEARNING_RATE } from '../../jobs/training';
import { squareRootScaled } from '../../training/schedule';
import { completeMeasure, plannedMeasureFault, plannedMeasureSchema, type SweepMeasure } from './measures';
import { TEST_IMAGES, TRAIN_IMAGES } from '../../data/load';
import { datasetOf, SWEEP_NETWORKS, type SweepNetwork } from './networks';
import { parseYaml } from './yaml';

const MAX_RUNS = 10_000;

const nameSchema = z
  .string()
  .max(60)
  .regex(/^[a-z0-9-]+$/, 'it must be made of a to z, 0 to 9 and -');

const weightDecay = FIELDS.weightDecay.default(0);

/** How networks are trained. Its name is the plan's own, and decides no result. */
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
    /** Ends a training at a loss, or where its loss has ceased to improve, and after so many epochs at the latest. */
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
export type Protocol = z.infer<typeof protocolSchema>;

const fieldsSchema = z.strictObject({
  name: nameSchema,
  networks: z.array(z.enum(SWEEP_NETWORKS)).min(1).max(100),
  batchSizes: z.array(FIELDS.batchSize).min(1).max(100),
  seeds: z.array(FIELDS.seed).min(1).max(1000),
  /** The first so many training images. */
  trainSize: FIELDS.images,
  /** The first so many test images, on which minimizers are evaluated. */
  testSize: z.number().int().min(1).max(TEST_IMAGES).default(TEST_IMAGES),
  protocols: z.array(protocolSchema).min(1).max(100),
  measures: z.array(plannedMeasureSchema).max(100).default([]),
});

/** A sweep: every network, batch size, seed and protocol with each other, and what is measured of each minimizer. */
export const planSchema = fieldsSchema.superRefine((plan, context) => {
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
  for (const network of networks) refuse(['trainSize'], trainSizeFault(network, trainSize));
  batchSizes.forEach((size, index) => refuse(['batchSizes', index], batchSizeFault(size, trainSize)));

  const contents = protocols.map(({ name: _, ...content }) => contentId(content as Json));
  protocols.forEach((protocol, index) => {
    const earlier = contents.indexOf(contents[index]);
    if (earlier < index) refuse(['protocols', index], `it is ${protocols[earlier].name} by another name`);
    for (const network of networks) {
      refuse(['protocols', index, 'augment'], augmentFault(network, protocol.augment));
    }
    const rate = Math.max(...batchSizes.map((size) => learningRateFor(protocol, size)));
    if (!FIELDS.learningRate.safeParse(rate).success) {
      refuse(
        ['protocols', index, 'learningRate'],
        `scaled, it is ${rate}, and the maximum is ${MAX_LEARNING_RATE}`,
      );
    }
  });

  const measures = measuresOf(plan);
  const ids = measures.map((measure) => contentId(measure as Json));
  measures.forEach((measure, index) => {
    if (ids.indexOf(ids[index]) < index) refuse(['measures', index], 'it is there twice');
    refuse(['measures', index], plannedMeasureFault(measure, trainSize));
  });

  const runs = networks.length * batchSizes.length * seeds.length * protocols.length;
  if (runs > MAX_RUNS) refuse([], `it has ${runs} runs, and the maximum is ${MAX_RUNS}`);
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

/** The plan's measures with everything that it leaves out, in its order. */
export function measuresOf({ measures, trainSize }: Pick<Plan, 'measures' | 'trainSize'>): SweepMeasure[] {
  return measures.map((measure) => completeMeasure(measure, trainSize));
}

/** The learning rate of the first epoch at a batch size. */
export function learningRateFor({ learningRate, scaling }: Protocol, batchSize: number): number {
  if (!scaling) return learningRate;
  const { rule, from } = scaling;
  return rule === 'sqrt'
    ? squareRootScaled(learningRate, from, batchSize)
    : (learningRate * batchSize) / from;
}

function trainSizeFault(network: SweepNetwork, trainSize: number): string | undefined {
  const images = TRAIN_IMAGES[datasetOf(network)];
  return trainSize > images ? `${network}'s data set has ${images} training images` : undefined;
}

function batchSizeFault(batchSize: number, trainSize: number): string | undefined {
  if (batchSize > trainSize) return `${batchSize} is more than the ${trainSize} training images`;
  // All of these networks have batch norm.
  return singleImageFault(trainSize, batchSize);
}

function augmentFault(network: SweepNetwork, augment: boolean): string | undefined {
  return augment && datasetOf(network) === 'mnist'
    ? `it flips images left to right, and a flipped digit of ${network}'s data set is not a digit`
    : undefined;
}
