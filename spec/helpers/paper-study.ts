import type { Measure } from '../../src/jobs/measure';
import type { Results } from '../../src/jobs/results';
import { stepsPerEpoch, type Training } from '../../src/jobs/training';
import { shallow } from '../../src/model/networks';
import type { PaperSetup } from '../../src/studies/paper/jobs';
import { paperSettingsOf, type PaperSettings } from '../../src/studies/paper/settings';
import type { ImageResults } from '../../src/training/evaluate';
import { ENVIRONMENT } from './environment';

/** C1's layers with few channels. */
export const TINY_C1 = shallow('C1', { width: 2, hidden: [8, 6], classes: 10 });

/** The preset `scaled`, seed 42, on data that nobody has. */
export function paperSetup(changes: Partial<PaperSettings> = {}): PaperSetup {
  const data = {
    train: 'a'.repeat(64),
    test: 'b'.repeat(64),
    trainImages: 50_000,
    testImages: 10_000,
  };
  return {
    settings: { settings: paperSettingsOf('scaled', 42, changes) },
    engine: { name: 'tensorflow', version: '1' },
    data: { mnist: data, cifar10: data, cifar100: data },
    environment: { ...ENVIRONMENT, dataSha256: 'a, b' },
  };
}

/** What is made up of trainings and measures; what yields undefined is missing. */
export interface MadeUp {
  /** Number of epochs, or why it diverged. */
  readonly epochs: (training: Training) => number | string | undefined;
  readonly figures: (measure: Measure) => object | undefined;
  readonly perImage: (measure: Measure) => ImageResults | undefined;
}

/** Results that are made up by hand. Snapshots are there as far as their training went, and distances are 30 for SB. */
export function madeUpResults({ epochs, figures, perImage }: MadeUp): Results {
  const done = (of: object) =>
    ({ state: 'done', figures: of, result: { seconds: 60, environment: ENVIRONMENT } }) as never;
  const place = ({ batchSize }: Training) => ({
    weightsSha256: 'f'.repeat(64),
    distanceFromStart: batchSize === 26 ? 30 : 10,
  });
  const results: Results = {
    training(training) {
      const count = epochs(training);
      if (count === undefined) return { state: 'missing' };
      if (typeof count === 'string') return { state: 'diverged', reason: count };
      const history = Array.from({ length: count }, (_, index) => ({
        epoch: index + 1,
        learningRate: 1e-3,
        trainingModeLoss: 1,
      }));
      return done({ ...place(training), steps: count * stepsPerEpoch(training), history });
    },
    snapshot(training, step) {
      const end = results.training(training);
      if (end.state !== 'done') return end as never;
      return step <= end.figures.steps
        ? done(place(training))
        : { state: 'failed', reason: 'it ended before' };
    },
    measure(measure) {
      const lost = measure.of
        .map(({ training }) => results.training(training))
        .find(({ state }) => state !== 'done');
      const found = figures(measure);
      return lost ? (lost as never) : found ? done(found) : { state: 'missing' };
    },
    perImage,
  };
  return results;
}
