import type { Rates } from '../compute/rates';
import { splitCount } from '../data/cifar10';
import { duration, imagesPerSecond } from '../support/progress';
import { REGIMES } from '../training/regime';
import { findCurve, imagesToEvaluate, ownCurves } from './curves';
import { imagesToTrain, regimeTraining } from './minimizers';
import type { RunFolder } from './run-folder';
import { seedsOf, settingsOf, type PresetName, type Settings } from './settings';

/** How many images an experiment has to pass through the network. */
export interface Work {
  readonly training: number;
  readonly evaluation: number;
}

/** What of an experiment a folder holds already. */
export type Holdings = Pick<RunFolder, 'run' | 'checkpoint' | 'curves' | 'pairedTest'>;

/** A folder with nothing in it. */
export const NOTHING: Holdings = {
  run: empty,
  checkpoint: empty,
  curves: empty,
  pairedTest: empty,
};

/** The images that are left, of an experiment without control and sensitivity. */
export function workLeft(settings: Settings, folder: Holdings): Work {
  const testImages = splitCount('test');
  const work = { training: 0, evaluation: 0 };
  for (const seed of seedsOf(settings)) {
    if (!folder.pairedTest(seed).read()) work.evaluation += 2 * testImages;
    for (const regime of REGIMES) {
      const training = regimeTraining(settings, regime, seed);
      const toTrain = imagesToTrain(settings.trainSize, folder, training);
      work.training += toTrain;
      if (toTrain > 0) {
        const epochs = toTrain / settings.trainSize;
        work.evaluation += Math.ceil(epochs / settings.testEvery) * testImages + settings.trainSize;
      }
      const drawn = folder.curves(training.name).read() ?? [];
      for (const key of ownCurves(settings)) {
        if (!findCurve(drawn, key)) work.evaluation += imagesToEvaluate(settings, key, testImages);
      }
    }
  }
  return work;
}

/** About how long work takes, in seconds. */
export function expectedSeconds({ training, evaluation }: Work, rates: Rates): number {
  return training / rates.training + evaluation / rates.evaluation;
}

/** About how long a preset takes as it is, in seconds. */
export function presetSeconds(preset: PresetName, rates: Rates): number {
  return expectedSeconds(workLeft(settingsOf(preset, 0, {}), NOTHING), rates);
}

const LONG_SECONDS = 2 * 60 * 60;

/** What a run says before it begins, or goes on: how long it will take here, and where that is long, what would not. */
export function announcement(settings: Settings, work: Work, rates: Rates): string[] {
  const seconds = expectedSeconds(work, rates);
  const lines = [
    `It will take about ${duration(seconds)} here: ${imagesPerSecond(rates.training)} images/s in training, ` +
      `${imagesPerSecond(rates.evaluation)} in evaluation.`,
  ];
  if (seconds <= LONG_SECONDS) return lines;
  const smaller = SMALLER[settings.preset];
  const remedies = [
    ...(smaller ? [`--preset ${smaller} takes about ${duration(presetSeconds(smaller, rates))}`] : []),
    ...(settings.curveImages > FEW_IMAGES && work.evaluation / rates.evaluation > seconds / 4
      ? [`--curve-images ${FEW_IMAGES} shortens the curves`]
      : []),
  ];
  return [
    ...lines,
    `That is more than two hours${remedies.length ? `: ${remedies.join('; ')}` : ''}. Going on.`,
  ];
}

/** What carries a curve well enough: the standard error of a loss is then about a hundredth of its spread. */
const FEW_IMAGES = 10_000;

const SMALLER: Readonly<Partial<Record<PresetName, PresetName>>> = {
  full: 'quick',
  recipe: 'quick',
  quick: 'smoke',
};

function empty() {
  return { read: () => undefined, write: () => {}, remove: () => {} };
}
