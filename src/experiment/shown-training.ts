import type { Weights } from '../model/weights';
import { duration } from '../support/progress';
import type { Evaluation } from '../training/evaluate';
import type { TrainingConfig, TrainingResult, TrainingState } from '../training/train';
import type { ExperimentContext } from './context';

/** What a training is done and shown with. */
type ShowingContext = Pick<ExperimentContext, 'compute' | 'architecture' | 'data' | 'progress' | 'signal'>;

/** A training, and where it stands. */
export interface ShownTraining {
  /** For people. */
  readonly label: string;
  readonly seed: number;
  readonly config: TrainingConfig;
  /** Where it begins; drawn from the seed unless told. */
  readonly start?: Weights;
  /** Where it stood when it was last stored. */
  readonly resumed?: TrainingState;
  /** Told where it stands after each epoch, and where it is interrupted. */
  readonly store: (state: TrainingState) => void;
}

/**
 * Trains from where a training stands to its end, and shows how it goes.
 *
 * @throws what {@link trainRegime} throws.
 */
export async function trainShown(
  { compute, architecture, data, progress, signal }: ShowingContext,
  { label, seed, config, start, resumed, store }: ShownTraining,
): Promise<TrainingResult> {
  if (resumed) progress.say(`${label}: going on after ${where(resumed, config)}.`);
  const stretch = progress.begin(
    `${label} training, batch size ${config.batchSize}`,
    imagesLeft(data.train.count, config, resumed),
  );
  const result = await compute.train(
    architecture,
    data,
    config,
    seed,
    {
      signal,
      onStep({ epoch, loss, images }) {
        stretch.note(`epoch ${epoch}/${config.epochs}, loss ${loss.toFixed(4)}`);
        stretch.advance(images);
      },
      async onEpoch({ epoch, trainingModeLoss, test }, state) {
        store(await state());
        const tested = test ? `, test accuracy ${(100 * test.accuracy).toFixed(2)}%` : '';
        stretch.milestone(`epoch ${epoch}/${config.epochs}, loss ${trainingModeLoss.toFixed(4)}${tested}`);
      },
      onInterrupt: store,
    },
    resumed ?? (start && beginningAt(start)),
  );
  stretch.end();
  return result;
}

/** Images that a training still has to see, epoch after epoch. */
export function imagesLeft(
  trainSize: number,
  { epochs, batchSize }: TrainingConfig,
  resumed: TrainingState | undefined,
): number {
  const done = resumed ? resumed.history.length * trainSize + resumed.stepsDone * batchSize : 0;
  return epochs * trainSize - done;
}

/** How a training ended, in a line. */
export function endText(
  label: string,
  { train, test, seconds }: { train: Evaluation; test: Evaluation; seconds: number },
): string {
  return (
    `${label}: training loss ${train.loss.toPrecision(3)}, accuracy ${(100 * train.accuracy).toFixed(2)}%; ` +
    `test accuracy ${(100 * test.accuracy).toFixed(2)}%; ${duration(seconds)}.`
  );
}

/** A training before its first step, at these weights. */
function beginningAt(weights: Weights): TrainingState {
  return { weights, optimizer: new Map(), history: [], stepsDone: 0, lossSum: 0, seconds: 0 };
}

function where(
  { history, stepsDone }: { history: readonly unknown[]; stepsDone: number },
  { epochs }: TrainingConfig,
): string {
  if (stepsDone === 0) return `epoch ${history.length} of ${epochs}`;
  return `step ${stepsDone} of epoch ${history.length + 1} of ${epochs}`;
}
