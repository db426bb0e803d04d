import { settled } from '../support/settled';
import type { Weights } from '../model/weights';
import type { Report } from '../report/report';
import type { Regime } from '../training/regime';
import { pairTests } from '../verdict/generalization';
import type { ExperimentContext } from './context';
import { controlCurves, drawCurves, ownCurves } from './curves';
import { judge } from './judge';
import { judgeControl } from './judge-control';
import { controlTraining, findMinimizer, regimeTraining } from './minimizers';
import { drawSensitivity, trainAtLearningRates } from './sensitivity';
import { seedsOf } from './settings';

/** What may be done beside the experiment itself. */
export interface Extras {
  /** The table of sensitivity, over so many images of each split. */
  readonly sensitivityImages?: number;
  /** LB with other learning rates. */
  readonly learningRates?: boolean;
}

/**
 * The whole way: for each seed trains SB and LB from the same initial weights and draws their loss curves along
 * the same random directions; then judges. What the folder holds already is not done again.
 *
 * @throws UserError if a training diverges or the folder cannot be used; Interrupted where the signal says so.
 */
export async function runExperiment(context: ExperimentContext, extras: Extras = {}): Promise<Report> {
  const { settings, folder } = context;
  for (const seed of seedsOf(settings)) {
    const { SB, LB } = await findMinimizers(context, seed);
    await testBoth(context, seed, SB.weights, LB.weights);
    await drawCurves(context, seed, [
      { ...SB, wanted: ownCurves(settings) },
      { ...LB, wanted: ownCurves(settings) },
    ]);
  }
  if (extras.sensitivityImages) {
    const { SB, LB } = await findMinimizers(context, settings.seed);
    await drawSensitivity(context, { SB: SB.weights, LB: LB.weights }, extras.sensitivityImages);
  }
  if (extras.learningRates) await trainAtLearningRates(context);
  return judge(folder);
}

async function findMinimizers(context: ExperimentContext, seed: number) {
  const find = async (regime: Regime) => {
    const training = regimeTraining(context.settings, regime, seed);
    return { training, weights: await findMinimizer(context, training) };
  };
  if (context.compute.info.workers === 1) return { SB: await find('SB'), LB: await find('LB') };
  const [SB, LB] = await settled([find('SB'), find('LB')]);
  return { SB, LB };
}

async function testBoth(
  { compute, architecture, data, folder, progress, signal }: ExperimentContext,
  seed: number,
  smallBatch: Weights,
  largeBatch: Weights,
): Promise<void> {
  const paired = folder.pairedTest(seed);
  if (paired.read()) return;
  const stretch = progress.begin('Test images, one by one', 2 * data.test.count);
  const options = { onImages: stretch.advance, signal };
  const small = await compute.evaluateImages(architecture, smallBatch, data.test, options);
  const large = await compute.evaluateImages(architecture, largeBatch, data.test, options);
  stretch.end();
  paired.write(pairTests(small, large));
}

/**
 * The control: for each seed SB and, from the same initial weights, SB with another order of its batches, their
 * curves along the same directions.
 *
 * @returns the pairs' ratio, as the report holds it.
 */
export async function runControl(context: ExperimentContext, pairs: number) {
  const { settings, folder } = context;
  const wanted = controlCurves(settings);
  for (const seed of seedsOf(settings, pairs)) {
    const jobs = [];
    for (const training of [regimeTraining(settings, 'SB', seed), controlTraining(settings, seed)]) {
      jobs.push({ training, weights: await findMinimizer(context, training), wanted });
    }
    await drawCurves(context, seed, jobs);
  }
  return judgeControl(folder)!.report;
}
