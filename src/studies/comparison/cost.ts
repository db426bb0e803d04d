import { expectedSeconds, type Rates } from '../../compute/rates';
import { costOf, distinctJobs, type Cost } from '../../jobs/job';
import { duration, imagesPerSecond } from '../../support/progress';
import { comparisonJobs } from './jobs';
import { comparisonOf, settingsOf, type PresetName, type Settings } from './settings';

/** About how long a preset takes as it is, in seconds. */
export function presetSeconds(preset: PresetName, rates: Rates): number {
  const unknown = '0'.repeat(64);
  const jobs = comparisonJobs({
    settings: comparisonOf(settingsOf(preset, 0, {})),
    engine: { name: 'tensorflow', version: 'any' },
    data: { cifar10: { train: unknown, test: unknown, trainImages: 50_000, testImages: 10_000 } },
    environment: {
      engine: 'tensorflow',
      engineVersion: 'any',
      device: 'any',
      threads: 1,
      skippedEngines: [],
      node: '',
      platform: '',
      commit: null,
      dataSha256: unknown,
    },
  });
  return distinctJobs(jobs).reduce((sum, job) => sum + expectedSeconds(costOf(job), rates), 0);
}

const LONG_SECONDS = 2 * 60 * 60;
/** As many images carry a curve well: the standard error of a loss is then about a hundredth of its spread. */
const FEW_IMAGES = 10_000;
const SMALLER: Readonly<Partial<Record<PresetName, PresetName>>> = {
  full: 'quick',
  recipe: 'quick',
  quick: 'smoke',
};

/** What is printed before a run: how long it will take here, and where that is long, what would be shorter. */
export function announcement(settings: Settings, cost: Cost, rates: Rates): string[] {
  const seconds = expectedSeconds(cost, rates);
  const lines = [
    `It will take about ${duration(seconds)} here: ${imagesPerSecond(rates.training)} images/s in training, ` +
      `${imagesPerSecond(rates.evaluation)} in evaluation.`,
  ];
  if (seconds <= LONG_SECONDS) return lines;
  const smaller = SMALLER[settings.preset];
  const remedies = [
    ...(smaller ? [`--preset ${smaller} takes about ${duration(presetSeconds(smaller, rates))}`] : []),
    ...(settings.curveImages > FEW_IMAGES && cost.evaluation / rates.evaluation > seconds / 4
      ? [`--curve-images ${FEW_IMAGES} shortens the curves`]
      : []),
  ];
  return [
    ...lines,
    `That is more than two hours${remedies.length ? `: ${remedies.join('; ')}` : ''}. Continuing.`,
  ];
}
