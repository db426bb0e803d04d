import { SPACES, type Space } from '../../jobs/measure';
import type { Table } from '../../report/section';
import { number, percent } from '../../report/text';
import { REGIMES, type Regime } from '../../training/regime';
import { meanInterval, standardDeviation } from '../../verdict/interval';
import { REMEDIES_TITLE } from './judge';
import { BOXES, EPSILONS, PUBLISHED } from './published';
import { sharpnessIn, type NetworkReport, type NoisePhase, type PaperReport, type PaperRun } from './report';

/** A table of plain words, which a terminal can show too. */
interface TextTable extends Table {
  readonly rows: readonly (readonly string[])[];
}

const PHASE_WORDS: Readonly<Record<NoisePhase, string>> = {
  start: 'start of training',
  'first step': 'after the first step',
  middle: 'middle of training',
  end: 'end of training',
};

const TRIAL_HEAD = [
  'network',
  'regime',
  'seed',
  'batch size',
  'epochs',
  'loss of the last epoch, dropout on',
  'training loss',
  'distance from start',
  'minutes',
];

/** One row for each training of the trials. */
export function trialTable({ networks }: PaperReport): TextTable {
  return {
    name: 'The trials',
    head: TRIAL_HEAD,
    rows: networks.flatMap(({ network, runs, remedies }) => [
      ...runs.map((run) => trialRow(network, run, run.regime)),
      ...remedies.flatMap((own) => own.runs.map((run) => trialRow(network, run, `LB, ${own.remedy}`))),
    ]),
  };
}

function trialRow(network: string, run: PaperRun, training: string): string[] {
  return [
    network,
    training,
    String(run.seed),
    String(run.batchSize),
    `${run.epochs}${run.stalled ? '' : ' (the maximum)'}`,
    number(run.history.at(-1)?.trainingModeLoss ?? NaN),
    number(run.train.loss),
    number(run.distanceFromStart),
    (run.seconds / 60).toFixed(1),
  ];
}

/** Tables 2, 3 and 4, and those of remedies and of later measures where there are any. */
export function tablesOf({ networks }: PaperReport): TextTable[] {
  const withRemedies = networks.filter(({ remedies }) => remedies.length > 0);
  return [
    accuracyTable(networks),
    ...SPACES.map((space) => sharpnessTable(networks, space)),
    ...(withRemedies.length > 0 ? [remedyTable(withRemedies)] : []),
    ...(networks.some(({ others }) => others.length > 0) ? [otherTable(networks), noiseTable(networks)] : []),
  ];
}

/** Measures that were published after the paper, in evaluation mode. */
function otherTable(networks: readonly NetworkReport[]): TextTable {
  return {
    name: 'Other measures of sharpness, first trial',
    head: ['network', 'regime', 'SAM rise', 'adaptive SAM rise', 'top Hessian eigenvalue', 'Hessian trace'],
    rows: networks.flatMap(({ network, others }) =>
      others.map(({ regime, sam, adaptiveSam, topEigenvalue, trace }) => [
        network,
        regime,
        plusMinus(sam.value, sam.standardError),
        plusMinus(adaptiveSam.value, adaptiveSam.standardError),
        plusMinus(topEigenvalue.value, topEigenvalue.residual),
        plusMinus(trace.value, trace.standardError),
      ]),
    ),
  };
}

/**
 * The cause that the paper names. The covariance is the denominator, since the estimate of ‖gradient‖² may be 0 or below.
 */
function noiseTable(networks: readonly NetworkReport[]): TextTable {
  const [first] = networks.flatMap(({ others }) => others);
  const phases = first.noise.map(({ phase }) => phase);
  return {
    name: 'Gradient signal to noise, first trial',
    head: [
      'network',
      'regime',
      ...phases.map((phase) => `‖gradient‖² / tr covariance, ${PHASE_WORDS[phase]}`),
    ],
    rows: networks.flatMap(({ network, others }) =>
      others.map(({ regime, noise }) => [
        network,
        regime,
        ...phases.map((phase) => {
          const { value, standardError } = noise.find((one) => one.phase === phase)!.signalToNoise;
          return plusMinus(value, standardError);
        }),
      ]),
    ),
  };
}

/** A value with its standard error, or with a bound on its error. */
function plusMinus(value: number, error: number): string {
  return `${number(value)} ± ${number(Number(error.toPrecision(2)))}`;
}

function accuracyTable(networks: readonly NetworkReport[]): TextTable {
  const columns = [
    { name: 'training accuracy', of: (run: PaperRun) => run.train.accuracy, published: 'trainAccuracy' },
    { name: 'test accuracy', of: (run: PaperRun) => run.test.accuracy, published: 'testAccuracy' },
  ] as const;
  return {
    name: 'Table 2: accuracy',
    head: [
      'network',
      ...columns.flatMap(({ name }) => REGIMES.flatMap((regime) => [`${name} ${regime}`, 'paper'])),
    ],
    rows: networks.map((network) => [
      network.network,
      ...columns.flatMap(({ of, published }) =>
        REGIMES.flatMap((regime) => [
          spread(valuesOf(network, regime, of), percent),
          percent(PUBLISHED[network.network][published][regime]),
        ]),
      ),
    ]),
  };
}

function sharpnessTable(networks: readonly NetworkReport[], space: Space): TextTable {
  return {
    name:
      space === 'full' ? 'Table 3: sharpness in the full space' : 'Table 4: sharpness in a random subspace',
    head: [
      'network',
      ...EPSILONS.flatMap((epsilon) => REGIMES.flatMap((regime) => [`ε = ${epsilon} ${regime}`, 'paper'])),
    ],
    rows: networks.map((network) => [
      network.network,
      ...EPSILONS.flatMap((epsilon, index) =>
        REGIMES.flatMap((regime) => [
          spread(
            valuesOf(network, regime, (run) => sharpnessIn(run, { space, epsilon })),
            number,
          ),
          number(PUBLISHED[network.network].sharpness[space][index][regime]),
        ]),
      ),
    ]),
  };
}

/** One row each for SB, LB, and LB with each remedy. */
function remedyTable(networks: readonly NetworkReport[]): TextTable {
  const columns = BOXES.map((box) => ({
    name: `φ in the ${box.space === 'full' ? 'full space' : 'subspace'}, ε = ${box.epsilon}`,
    of: (run: PaperRun) => sharpnessIn(run, box),
  }));
  return {
    name: REMEDIES_TITLE,
    head: ['network', 'training', 'test accuracy', ...columns.map(({ name }) => name)],
    rows: networks.flatMap(({ network, runs, remedies }) =>
      [
        ...REGIMES.map((regime) => ({
          training: String(regime),
          own: runs.filter((run) => run.regime === regime),
        })),
        ...remedies.map(({ remedy, runs: own }) => ({ training: `LB, ${remedy}`, own })),
      ].map(({ training, own }) => [
        network,
        training,
        spread(
          own.map((run) => run.test.accuracy),
          percent,
        ),
        ...columns.map(({ of }) => spread(own.map(of), number)),
      ]),
    ),
  };
}

function valuesOf({ runs }: NetworkReport, regime: Regime, of: (run: PaperRun) => number): number[] {
  return runs.filter((run) => run.regime === regime).map(of);
}

/** "78.12% ± 0.34%"; one trial has no standard deviation. */
function spread(values: readonly number[], write: (value: number) => string): string {
  const { mean } = meanInterval(values);
  return values.length > 1 ? `${write(mean)} ± ${write(standardDeviation(values))}` : write(mean);
}
