import { required, trainedRun } from '../experiment/stored-results';
import type { PaperNetwork } from '../model/networks';
import { REGIMES, type Regime } from '../training/regime';
import { hasStalled } from '../training/stopping';
import type { Claim } from '../verdict/claim';
import { comparableTrainingLoss } from '../verdict/comparable';
import { generalisesWorse } from '../verdict/generalization';
import { smallBatchGoesFarther } from '../verdict/minimizer';
import { largerForLb, ratioOf } from '../verdict/ratio';
import { paperTraining } from './experiment';
import type { PaperFolder } from './folder';
import { EPSILONS, SPACES, type Space } from './published';
import type { NetworkReport, PaperReport, PaperRun } from './report';
import { paperCommandOf, sharpnessImagesOf, trainImagesOf, trialsOf } from './settings';

/**
 * The report of what a folder holds: nothing is trained or measured.
 *
 * @throws UserError if a training or a measurement is not done yet.
 */
export function judgePaper(folder: PaperFolder): PaperReport {
  const { settings, environment } = folder.beginning;
  return {
    settings,
    environment,
    command: paperCommandOf(settings, environment.engine),
    networks: settings.networks.map((network) => networkReport(folder, network)),
  };
}

function networkReport(folder: PaperFolder, network: PaperNetwork): NetworkReport {
  const { settings } = folder.beginning;
  const seeds = trialsOf(settings);
  const runs = seeds.flatMap((seed) => REGIMES.map((regime) => runReport(folder, network, regime, seed)));
  const of = (regime: Regime, seed: number) =>
    runs.find((run) => run.regime === regime && run.seed === seed)!;
  const both = seeds.map((seed) => ({ seed, SB: of('SB', seed), LB: of('LB', seed) }));
  return {
    network,
    trainImages: trainImagesOf(settings, network),
    sharpnessImages: sharpnessImagesOf(settings, network),
    runs,
    claims: [
      comparableTrainingLoss(
        both.map(({ seed, SB, LB }) => ({ seed, smallBatch: SB.train, largeBatch: LB.train })),
      ),
      ...SPACES.flatMap((space) => EPSILONS.map((epsilon) => sharperClaim(both, space, epsilon))),
      ...generalisesWorse(
        seeds.map((seed) => ({ seed, ...required(folder.pairedTest(network, seed).read()) })),
      ),
      smallBatchGoesFarther(
        both.map(({ seed, SB, LB }) => ({
          seed,
          smallBatch: SB.distanceFromStart,
          largeBatch: LB.distanceFromStart,
        })),
      ),
    ],
  };
}

function runReport(folder: PaperFolder, network: PaperNetwork, regime: Regime, seed: number): PaperRun {
  const training = paperTraining(folder.beginning.settings, network, regime, seed);
  const { batchSize, stopping } = training.config;
  const run = trainedRun(folder, training);
  const losses = run.history.map(({ trainingModeLoss }) => trainingModeLoss);
  return {
    regime,
    seed,
    batchSize,
    epochs: run.history.length,
    stalled: stopping !== undefined && hasStalled(losses, stopping),
    sharpness: required(folder.sharpness(training.name).read()),
    ...run,
  };
}

/** What a space and a box are called. */
export function whereOf(space: Space, epsilon: number): string {
  return `${space === 'full' ? 'the full space' : 'a random subspace'}, ε = ${epsilon}`;
}

/** φ of a run in a space and box. */
export function sharpnessIn({ sharpness }: PaperRun, space: Space, epsilon: number): number {
  return required(sharpness.find((one) => one.space === space && one.epsilon === epsilon)).sharpness;
}

function sharperClaim(
  both: readonly { readonly seed: number; readonly SB: PaperRun; readonly LB: PaperRun }[],
  space: Space,
  epsilon: number,
): Claim {
  const ratio = ratioOf(
    both.map(({ seed, SB, LB }) => ({
      seed,
      pairs: [{ smallBatch: sharpnessIn(SB, space, epsilon), largeBatch: sharpnessIn(LB, space, epsilon) }],
    })),
  );
  return largerForLb(
    {
      id: `lb-sharper-${space}-${epsilon}`,
      statement: `LB's minimizers are sharper than SB's by Metric 2.1 in ${whereOf(space, epsilon)}.`,
      figure: 'sharpness',
      shownBy: space === 'full' ? 'Table 3' : 'Table 4',
    },
    // One figure a trial, so that with one trial the observation is the trial.
    { ...ratio, over: 'seeds' },
  );
}
