import { existsSync, readFileSync } from 'node:fs';
import { firstImages, type Dataset, type Split } from './data/cifar10';
import type { Engine } from './engine/engine';
import { UserError } from './errors';
import { computeSharpnessCurve, rise } from './landscape/curve';
import { normalizeDirection, randomDirection } from './landscape/directions';
import { SIMPLE_VGG } from './model/architecture';
import { readWeights, writeWeights } from './model/safetensors';
import type { Weights } from './model/weights';
import { duration, type Progress } from './progress';
import { drawReport } from './report/picture';
import { reportMarkdown } from './report/markdown';
import { reportJson, type CurveReport, type Report, type RunReport } from './report/report';
import { guarded, type FinishedCurve, type FinishedRun, type RunFolder } from './run-folder';
import { sha256 } from './sha256';
import { changedFromPreset, presetRules, trainingConfig, type Settings } from './settings';
import { readCheckpoint, writeCheckpoint } from './training/checkpoint';
import { evaluate } from './training/evaluate';
import { trainRegime, type Regime } from './training/train';
import { comparableTrainingLoss, overallVerdict, risesFaster } from './verdict/claims';

const REGIMES: readonly Regime[] = ['SB', 'LB'];
const LONG_CURVES_SECONDS = 2 * 60 * 60;

/** A regime's minimizer and how it was reached. */
interface Minimizer {
  readonly weights: Weights;
  readonly run: FinishedRun;
}

/**
 * The whole way: trains SB and LB from the same initial weights, draws their loss curves along the same random
 * directions, judges, and writes the report. What the folder holds already is not done again.
 *
 * @throws UserError if a training diverges or the folder cannot be used.
 */
export async function runExperiment(
  engine: Engine,
  data: Readonly<Record<Split, Dataset>>,
  settings: Settings,
  folder: RunFolder,
  progress: Progress,
): Promise<Report> {
  const train = firstImages(data.train, settings.trainSize);
  const minimizers = {
    SB: await findMinimizer('SB', engine, { train, test: data.test }, settings, folder, progress),
    LB: await findMinimizer('LB', engine, { train, test: data.test }, settings, folder, progress),
  };
  const curves = await drawCurves(engine, { train, test: data.test }, settings, minimizers, folder, progress);
  const report = judge(settings, minimizers, curves, data.test.count, folder);
  folder.write('sharpness_comparison.png', await drawReport(report));
  folder.write('report.md', reportMarkdown(report));
  folder.write('report.json', reportJson(report));
  return report;
}

async function findMinimizer(
  regime: Regime,
  engine: Engine,
  data: Readonly<Record<Split, Dataset>>,
  settings: Settings,
  folder: RunFolder,
  progress: Progress,
): Promise<Minimizer> {
  const weightsFile = folder.weightsFile(regime);
  const finished = folder.finishedRun(regime);
  if (finished) return { weights: storedWeights(weightsFile, finished), run: finished };

  const config = trainingConfig(settings, regime);
  const resumed = readCheckpoint(folder.checkpointFile(regime));
  const epochsLeft = config.epochs - (resumed?.history.length ?? 0);
  if (resumed) progress.say(`${regime}: going on after epoch ${resumed.history.length} of ${config.epochs}.`);
  const stretch = progress.begin(
    `${regime} training, batch size ${config.batchSize}`,
    epochsLeft * data.train.count,
  );
  const result = await trainRegime(
    engine,
    SIMPLE_VGG,
    data,
    config,
    settings.seed,
    {
      onStep({ epoch, loss, images }) {
        stretch.note(`epoch ${epoch}/${config.epochs}, loss ${loss.toFixed(4)}`);
        stretch.advance(images);
      },
      onEpoch({ epoch, trainingModeLoss, test }, state) {
        guarded(folder.path, () => writeCheckpoint(folder.checkpointFile(regime), state()));
        const tested = test ? `, test accuracy ${(100 * test.accuracy).toFixed(2)}%` : '';
        stretch.milestone(`epoch ${epoch}/${config.epochs}, loss ${trainingModeLoss.toFixed(4)}${tested}`);
      },
    },
    resumed,
  );
  stretch.end();

  const run = {
    train: await evaluate(engine, SIMPLE_VGG, result.weights, data.train),
    test: result.history.at(-1)!.test!,
    weightsSha256: guarded(folder.path, () => writeWeights(weightsFile, result.weights)),
    seconds: result.seconds,
    history: [...result.history],
  };
  folder.finishRun(regime, run);
  progress.say(
    `${regime}: training loss ${run.train.loss.toPrecision(3)}, accuracy ${(100 * run.train.accuracy).toFixed(2)}%; ` +
      `test accuracy ${(100 * run.test.accuracy).toFixed(2)}%; ${duration(run.seconds)}.`,
  );
  return { weights: result.weights, run };
}

function storedWeights(file: string, { weightsSha256 }: FinishedRun): Weights {
  const mend = 'start anew with --overwrite';
  if (!existsSync(file)) throw new UserError(`The finished run's weights ${file} are missing: ${mend}.`);
  if (sha256(readFileSync(file)) !== weightsSha256) {
    throw new UserError(`The finished run's weights ${file} were changed: ${mend}.`);
  }
  return readWeights(file, SIMPLE_VGG);
}

async function drawCurves(
  engine: Engine,
  data: Readonly<Record<Split, Dataset>>,
  settings: Settings,
  minimizers: Readonly<Record<Regime, Minimizer>>,
  folder: RunFolder,
  progress: Progress,
): Promise<FinishedCurve[]> {
  const { alphas, normalization } = settings;
  const splits: readonly Split[] = settings.testCurves ? ['train', 'test'] : ['train'];
  const images = { train: firstImages(data.train, settings.curveImages), test: data.test };
  const done = folder.finishedCurves();
  const wanted = Array.from({ length: settings.directions }, (_, direction) =>
    splits.flatMap((split) => REGIMES.map((regime) => ({ direction, split, regime }))),
  )
    .flat()
    .filter(
      (curve) =>
        !done.some(
          ({ direction, split, regime }) =>
            direction === curve.direction && split === curve.split && regime === curve.regime,
        ),
    );
  if (wanted.length === 0) return done;

  const work = wanted.reduce((sum, { split }) => sum + (alphas.length - 1) * images[split].count, 0);
  const stretch = progress.begin('Curves', work);
  const begun = performance.now();
  for (const [index, { direction, split, regime }] of wanted.entries()) {
    const { weights, run } = minimizers[regime];
    const directionSeed = directionSeedOf(settings.seed, direction);
    const whole = split === 'test' || settings.curveImages === settings.trainSize;
    const curve = await computeSharpnessCurve(
      engine,
      SIMPLE_VGG,
      images[split],
      weights,
      normalizeDirection(SIMPLE_VGG, randomDirection(SIMPLE_VGG, directionSeed), weights, normalization),
      alphas,
      { known: whole ? run[split] : undefined, onImages: stretch.advance },
    );
    done.push({ regime, direction, directionSeed, split, points: [...curve.points] });
    folder.finishCurves(done);
    stretch.milestone(`${regime} ${split}, direction ${direction + 1}/${settings.directions}`);
    const expected = ((performance.now() - begun) / 1000 / (index + 1)) * wanted.length;
    if (index === 0 && expected > LONG_CURVES_SECONDS) {
      progress.say(
        `The curves will take about ${duration(expected)} here; --curve-images makes them shorter.`,
      );
    }
  }
  stretch.end();
  return done;
}

/** The seed of a run's k-th direction; no two seeds share one. */
export function directionSeedOf(seed: number, direction: number): number {
  return seed * 1000 + direction;
}

function judge(
  settings: Settings,
  minimizers: Readonly<Record<Regime, Minimizer>>,
  curves: readonly FinishedCurve[],
  testImages: number,
  folder: RunFolder,
): Report {
  const curveReports = curves.map((curve) => curveReport(settings, curve, testImages));
  const rises = Array.from({ length: settings.directions }, (_, direction) => {
    const riseOf = (wanted: Regime) =>
      curveReports.find(
        (curve) => curve.regime === wanted && curve.direction === direction && curve.split === 'train',
      )!.rise;
    return { direction, smallBatch: riseOf('SB'), largeBatch: riseOf('LB') };
  });
  const headline = risesFaster(rises);
  const comparable = comparableTrainingLoss(minimizers.SB.run.train, minimizers.LB.run.train);
  return {
    ...overallVerdict(headline, comparable, presetRules(settings.preset)),
    claims: [comparable, headline],
    runs: REGIMES.map((regime) => runReport(settings, regime, minimizers[regime].run)),
    curves: curveReports,
    environment: folder.beginning.environment,
    preset: { ...settings, changed: changedFromPreset(settings) },
  };
}

function runReport(settings: Settings, regime: Regime, run: FinishedRun): RunReport {
  const { batchSize, epochs } = trainingConfig(settings, regime);
  return { regime, seed: settings.seed, batchSize, epochs, ...run };
}

function curveReport(
  settings: Settings,
  { points, ...curve }: FinishedCurve,
  testImages: number,
): CurveReport {
  const { alphas, normalization, seed, trainSize, curveImages } = settings;
  // A sample drawn without replacement: its error vanishes as it comes to hold everything.
  const sampled = curve.split === 'train' ? Math.sqrt(1 - curveImages / trainSize) : 0;
  const loss = points.map((point) => point.loss);
  const accuracy = points.map((point) => point.accuracy);
  return {
    ...curve,
    seed,
    normalization,
    images: curve.split === 'train' ? curveImages : testImages,
    alphas,
    loss,
    lossStandardError: points.map((point) => sampled * point.lossStandardError),
    accuracy,
    rise: rise(alphas, loss),
    errorRise: rise(
      alphas,
      accuracy.map((share) => 1 - share),
    ),
  };
}
