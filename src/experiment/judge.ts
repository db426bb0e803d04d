import type { Report } from '../report/report';
import { REGIMES } from '../training/regime';
import { comparableTrainingLoss } from '../verdict/comparable';
import { besideControl, heldAgainstControl } from '../verdict/control';
import { generalisesWorse } from '../verdict/generalization';
import { lossNeverFalls, smallBatchGoesFarther } from '../verdict/minimizer';
import { overallVerdict, whyOpen } from '../verdict/overall';
import { largerForLb, ratioOf } from '../verdict/ratio';
import { ownCurves } from './curves';
import { judgeControl } from './judge-control';
import { judgeLearningRates, judgeSensitivity } from './judge-sensitivity';
import { measuresOf, powerOf } from './measures';
import { regimeTraining } from './minimizers';
import type { RunFolder } from './run-folder';
import { changedFromPreset, commandOf, controlCommandOf, presetRules, seedsOf } from './settings';
import { curvesOf, isComplete, ofGrid, pairs, required, runReport } from './stored-results';

/** The claims on ratios: one seed is about its own two minimizers, several are about the methods. */
function ratioClaims(seeds: readonly number[]) {
  const where =
    seeds.length === 1
      ? 'around this LB minimizer than around this SB minimizer'
      : 'around LB minimizers than around SB minimizers';
  return {
    rise: {
      id: 'lb-rises-faster',
      statement: `The training loss rises faster ${where}.`,
      figure: 'rise',
      shownBy: 'The curves',
    },
    testRise: {
      id: 'lb-rises-faster-test',
      statement: `The test loss rises faster ${where}.`,
      figure: 'rise of the test loss',
      shownBy: 'The curves',
    },
    curvature: {
      id: 'lb-curvature',
      statement: `Close by, the training loss curves more ${where}.`,
      figure: 'curvature',
      shownBy: 'Near the minimizer',
    },
  };
}

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

  const claims = ratioClaims(seeds);
  const ratio = ratioOf(pairs(seeds, curves, 'train', 'rise'));
  const headline = heldAgainstControl(largerForLb(claims.rise, ratio), control && control.ratio);
  const testRise = settings.testCurves
    ? [largerForLb(claims.testRise, ratioOf(pairs(seeds, curves, 'test', 'rise')))]
    : [];
  const curvature = besideControl(
    largerForLb(claims.curvature, ratioOf(pairs(seeds, curvatureCurves, 'train', 'curvature'))),
    control && control.curvature,
  );
  const comparable = comparableTrainingLoss(
    bothRuns.map(({ seed, smallBatch, largeBatch }) => ({
      seed,
      smallBatch: smallBatch.train,
      largeBatch: largeBatch.train,
    })),
  );
  const rules = presetRules(settings.preset);
  const sensitivity = judgeSensitivity(folder);
  const trainingSensitivity = judgeLearningRates(folder);
  return {
    ...overallVerdict(headline, comparable, curvature, rules),
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
    power: powerOf(ratio, whyOpen(headline, comparable, rules)),
    runs,
    curves,
    curvatureCurves,
    generalization,
    control: control && control.report,
    sensitivity,
    trainingSensitivity,
    environment,
    command: commandOf(settings, environment.engine, {
      sensitivityImages: sensitivity && Math.max(sensitivity.images.train, sensitivity.images.test),
      learningRates: trainingSensitivity !== null,
    }),
    controlCommand: controlCommandOf(
      settings,
      environment.engine,
      control ? control.report.runs.length : settings.seeds,
    ),
    preset: { preset, changed: changedFromPreset(settings), ...values },
  };
}
