import type { Report } from '../report/report';
import { REGIMES } from '../training/regime';
import { comparableTrainingLoss } from '../verdict/comparable';
import { heldAgainstControl } from '../verdict/control';
import { generalisesWorse } from '../verdict/generalization';
import { lossNeverFalls, smallBatchGoesFarther } from '../verdict/minimizer';
import { overallVerdict } from '../verdict/overall';
import { largerForLb, ratioOf } from '../verdict/ratio';
import { ownCurves } from './curves';
import { judgeControl } from './judge-control';
import { judgeLearningRates, judgeSensitivity } from './judge-sensitivity';
import { measuresOf, powerOf } from './measures';
import { regimeTraining } from './minimizers';
import type { RunFolder } from './run-folder';
import { changedFromPreset, commandOf, presetRules, seedsOf } from './settings';
import { curvesOf, isComplete, ofGrid, pairs, required, runReport } from './stored-results';

const CLAIMS = {
  rise: {
    id: 'lb-rises-faster',
    statement: 'The training loss rises faster around the LB minimizer than around the SB minimizer.',
    figure: 'rise',
    shownBy: 'The curves',
  },
  testRise: {
    id: 'lb-rises-faster-test',
    statement: 'The test loss rises faster around the LB minimizer than around the SB minimizer.',
    figure: 'rise of the test loss',
    shownBy: 'The curves',
  },
  curvature: {
    id: 'lb-curvature',
    statement: 'Near the minimizer the training loss curves more around LB than around SB.',
    figure: 'curvature',
    shownBy: 'Near the minimizer',
  },
} as const;

/** Whether a folder holds all that its experiment asks for. */
export function isDone(folder: RunFolder): boolean {
  const { settings } = folder.beginning;
  return seedsOf(settings).every(
    (seed) =>
      folder.pairedTest(seed).read() !== undefined &&
      REGIMES.every((regime) =>
        isComplete(folder, regimeTraining(settings, regime, seed), ownCurves(settings)),
      ),
  );
}

/**
 * The report of what a folder holds: nothing is trained or evaluated.
 *
 * @throws UserError if a training or a curve of the experiment is not done yet.
 */
export function judge(folder: RunFolder): Report {
  const { settings, environment } = folder.beginning;
  const { preset, ...values } = settings;
  const seeds = seedsOf(settings);
  const everyRun = seeds.flatMap((seed) =>
    REGIMES.map((regime) => ({ regime, training: regimeTraining(settings, regime, seed) })),
  );
  const runs = everyRun.map(({ regime, training }) => runReport(folder, regime, training));
  const drawn = everyRun.flatMap(({ regime, training }) =>
    curvesOf(folder, regime, training, ownCurves(settings)),
  );
  const curves = ofGrid('curve', drawn);
  const curvatureCurves = ofGrid('curvature', drawn);
  const control = judgeControl(folder);
  const generalization = seeds.map((seed) => ({ seed, ...required(folder.pairedTest(seed).read()) }));
  const bothRuns = seeds.map((seed) => ({
    seed,
    smallBatch: runs.find((run) => run.seed === seed && run.regime === 'SB')!,
    largeBatch: runs.find((run) => run.seed === seed && run.regime === 'LB')!,
  }));

  const ratio = ratioOf(pairs(seeds, curves, 'train', 'rise'));
  const headline = heldAgainstControl(largerForLb(CLAIMS.rise, ratio), control && control.ratio);
  const testRise = settings.testCurves
    ? [largerForLb(CLAIMS.testRise, ratioOf(pairs(seeds, curves, 'test', 'rise')))]
    : [];
  const curvature = largerForLb(
    CLAIMS.curvature,
    ratioOf(pairs(seeds, curvatureCurves, 'train', 'curvature')),
  );
  const comparable = comparableTrainingLoss(
    bothRuns.map(({ seed, smallBatch, largeBatch }) => ({
      seed,
      smallBatch: smallBatch.train,
      largeBatch: largeBatch.train,
    })),
  );
  return {
    ...overallVerdict(headline, comparable, curvature, presetRules(settings.preset)),
    claims: [
      comparable,
      headline,
      ...testRise,
      curvature,
      ...generalisesWorse(generalization),
      lossNeverFalls([...curves, ...curvatureCurves].filter(({ split }) => split === 'train')),
      smallBatchGoesFarther(
        bothRuns.map(({ seed, smallBatch, largeBatch }) => ({
          seed,
          smallBatch: smallBatch.distanceFromStart,
          largeBatch: largeBatch.distanceFromStart,
        })),
      ),
    ],
    measures: measuresOf(seeds, curves, curvatureCurves),
    power: powerOf(ratio, headline),
    runs,
    curves,
    curvatureCurves,
    generalization,
    control: control && control.report,
    sensitivity: judgeSensitivity(folder),
    trainingSensitivity: judgeLearningRates(folder),
    environment,
    command: commandOf(settings),
    preset: { preset, changed: changedFromPreset(settings), ...values },
  };
}
