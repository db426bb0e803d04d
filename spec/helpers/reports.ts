import fc from 'fast-check';
import { fitQuadratic } from '../../src/landscape/shape';
import { rise } from '../../src/landscape/curve';
import type { ControlReport, CurveReport, Report, RunReport } from '../../src/report/report';
import { ENVIRONMENT } from './environment';

type Claim = Report['claims'][number];
type Verdict = Report['verdict'];

/** What a report of the fixture has. */
export interface ReportShape {
  readonly seeds: number;
  readonly directions: number;
  readonly testCurves: boolean;
  readonly control: boolean;
  readonly sensitivity: boolean;
  readonly trainingSensitivity: boolean;
  /** How many times SB's rise LB's is. */
  readonly ratio: number;
  /** Some loss, and with it the headline, is not a number. */
  readonly unknown: boolean;
  readonly verdict: Verdict;
  readonly reason: string;
  readonly changed: readonly string[];
}

const PLAIN: ReportShape = {
  seeds: 1,
  directions: 5,
  testCurves: false,
  control: false,
  sensitivity: false,
  trainingSensitivity: false,
  ratio: 1.6,
  unknown: false,
  verdict: 'PASS',
  reason: "LB's rise is 1.6 times SB's (95% interval 1.43 to 1.79, 5 directions): the interval lies above 1",
  changed: [],
};

const ALPHAS = [-1, -0.8, -0.6, -0.4, -0.2, 0, 0.2, 0.4, 0.6, 0.8, 1];
const NEAR_ALPHAS = ALPHAS.map((alpha) => alpha / 20);

/** Shapes of reports that a run can leave, and some with words and figures that are hard to write. */
export const reportShapes: fc.Arbitrary<Partial<ReportShape>> = fc.record({
  seeds: fc.constantFrom(1, 3),
  directions: fc.constantFrom(1, 2, 5),
  testCurves: fc.boolean(),
  control: fc.boolean(),
  sensitivity: fc.boolean(),
  trainingSensitivity: fc.boolean(),
  ratio: fc.constantFrom(0.6, 1, 1.6),
  unknown: fc.boolean(),
  verdict: fc.constantFrom('PASS', 'FAIL', 'INCONCLUSIVE'),
  reason: fc.oneof(
    fc.constantFrom('a < b & "c" | d', '</script><b>bold</b>', '*no* _stress_ [none](x)', '&lt;'),
    fc.string(),
  ),
  changed: fc.subarray(['trainSize', 'dropout']),
});

/** A made-up report, as like a real one as its readers can tell; the same shape gives the same report. */
export function exampleReport(shape: Partial<ReportShape> = {}): Report {
  const full = { ...PLAIN, ...shape };
  const { directions, testCurves, ratio, unknown } = full;
  const seeds = Array.from({ length: full.seeds }, (_, i) => 42 + i);
  const splits = testCurves ? (['train', 'test'] as const) : (['train'] as const);
  const curvesOver = (alphas: number[], wanted: readonly CurveReport['split'][], ratio: number) =>
    seeds.flatMap((seed) =>
      (['SB', 'LB'] as const).flatMap((regime) =>
        Array.from({ length: directions }, (_, direction) =>
          wanted.map((split) =>
            curveOf({ regime, seed, direction, split, alphas, factor: regime === 'LB' ? ratio : 1 }),
          ),
        ).flat(),
      ),
    );
  const curves = curvesOver(ALPHAS, splits, ratio).map((curve, i) =>
    unknown && i === 0 ? withoutLast(curve) : curve,
  );
  const curvatureCurves = curvesOver(NEAR_ALPHAS, ['train'], 0.93);
  return {
    verdict: full.verdict,
    reason: full.reason,
    claims: claimsOf(full, seeds),
    measures: [
      measure('error-rise-ratio', "LB's rise of the error rate over SB's", null, 1.2, full),
      measure('growth-exponent', 'exponent of the log rise on log |α|', 'SB', 2.04, full),
      measure('growth-exponent', 'exponent of the log rise on log |α|', 'LB', 1.7, full),
    ],
    power: {
      ratio: 1.3,
      n: full.seeds > 1 ? full.seeds : directions,
      over: full.seeds > 1 ? 'seeds' : 'directions',
      spread: directions > 1 ? 0.0907 : NaN,
      power: directions > 1 ? 0.973 : NaN,
      open: ratio === 1 ? 'interval' : null,
      deciding: ratio === 1 ? 23 : NaN,
    },
    runs: seeds.flatMap((seed) => [runOf('SB', seed, 0), runOf('LB', seed, 0)]),
    curves,
    curvatureCurves,
    generalization: seeds.map((seed) => ({
      seed,
      images: 10_000,
      onlySmallBatchRight: 812 + seed,
      onlyLargeBatchRight: 674,
      lossDifference: 0.0143,
      lossDifferenceError: 0.0117,
    })),
    control: full.control ? controlOf(seeds, directions) : null,
    sensitivity: full.sensitivity ? sensitivityOf(directions) : null,
    trainingSensitivity: full.trainingSensitivity ? TRAINING_SENSITIVITY : null,
    environment: ENVIRONMENT,
    command: 'npx ts-node reproduce.ts --engine tensorflow --preset quick --seed 42',
    controlCommand: 'npx ts-node reproduce.ts control --engine tensorflow --preset quick --seed 42 --seeds 1',
    preset: {
      preset: 'quick',
      seed: 42,
      seeds: full.seeds,
      trainSize: 12_500,
      smallBatch: 64,
      largeBatch: 1024,
      augment: false,
      directions,
      alphas: ALPHAS,
      normalization: 'filter',
      changed: full.changed,
    },
  };
}

/** Noise in [−0.5, 0.5) that depends on its arguments alone. */
function noise(...of: readonly number[]): number {
  const mixed = of.reduce((hash, value, i) => hash + (value + 1.7) * (i + 1) * 12.9898, 4.1);
  const fraction = Math.sin(mixed) * 43758.5453;
  return fraction - Math.floor(fraction) - 0.5;
}

interface CurveShape extends Pick<CurveReport, 'regime' | 'seed' | 'direction' | 'split'> {
  readonly alphas: readonly number[];
  /** By which it rises more than SB. */
  readonly factor: number;
}

function curveOf({ regime, seed, direction, split, alphas, factor }: CurveShape): CurveReport {
  const height = 6 * factor * (1 + 0.3 * noise(seed, direction) + 0.15 * noise(seed, direction, factor));
  const floor = split === 'train' ? 0.02 : 1.01;
  const tilt = 0.1 * noise(direction, seed, factor, 3);
  const loss = alphas.map((alpha) => floor + height * Math.abs(alpha) ** 2 * (1 + tilt * alpha));
  const accuracy = loss.map((value) => 0.1 + 0.9 * Math.exp(-value));
  const errors = accuracy.map((share) => 1 - share);
  return {
    regime,
    seed,
    direction,
    directionSeed: 1000 * seed + direction,
    split,
    normalization: 'filter',
    images: split === 'train' ? 12_500 : 10_000,
    alphas,
    loss,
    lossStandardError: alphas.map((alpha) => 0.02 * Math.abs(alpha)),
    accuracy,
    rise: rise(alphas, loss),
    errorRise: rise(alphas, errors),
    curvature: fitQuadratic(alphas, loss).curvature,
  };
}

function withoutLast(curve: CurveReport): CurveReport {
  return { ...curve, loss: [...curve.loss.slice(0, -1), NaN], rise: NaN, errorRise: NaN, curvature: NaN };
}

function runOf(regime: 'SB' | 'LB', seed: number, order: number): RunReport {
  const small = regime === 'SB';
  const epochs = small ? 15 : 30;
  const wobble = 0.004 * noise(seed, order, small ? 1 : 2);
  const testOf = (epoch: number) => ({
    loss: 1.6 - 0.6 * (epoch / epochs) + wobble,
    accuracy: (small ? 0.749 : 0.729) - 0.3 * (1 - epoch / epochs) ** 2 + wobble,
    lossStandardError: 0.0211,
  });
  return {
    regime,
    seed,
    batchSize: small ? 64 : 1024,
    epochs,
    learningRate: small ? 0.01 : 0.04,
    train: {
      loss: (small ? 0.0185 : 0.0251) + wobble,
      accuracy: small ? 0.99968 : 0.9999,
      lossStandardError: 0.0005,
    },
    test: testOf(epochs),
    distanceFromStart: (small ? 31.4 : 22.9) * (1 + wobble),
    weightsSha256: `${seed}${small ? 'a' : 'b'}${order}9fd3e6863ee2c8e929c960b14226e67605e2fdbdf84026ef14a61d21c15`,
    seconds: small ? 546.5 : 997.1,
    history: Array.from({ length: epochs }, (_, i) => ({
      epoch: i + 1,
      learningRate: (small ? 0.01 : 0.04) * 0.5 * (1 + Math.cos((Math.PI * i) / epochs)),
      trainingModeLoss: 2 * Math.exp((-4.5 * (i + 1)) / epochs) * (1 + wobble),
      test: (i + 1) % 5 === 0 ? testOf(i + 1) : null,
    })),
  };
}

function claimsOf(
  { seeds: count, directions, ratio, unknown, testCurves }: ReportShape,
  seeds: number[],
): Claim[] {
  const over = count > 1 ? ('seeds' as const) : ('directions' as const);
  const n = count > 1 ? count : directions;
  const known = n > 1 && !unknown;
  const around = (value: number, width: number): [number, number] =>
    known ? [value / width, value * width] : [NaN, NaN];
  const verdictOf = ([low, high]: readonly [number, number]): Verdict =>
    low > 1 ? 'PASS' : high < 1 ? 'FAIL' : 'INCONCLUSIVE';
  const ratios = (value: number, width: number): Claim['bySeed'] =>
    seeds.map((seed, i) => {
      const own = value * (1 + 0.1 * (i - 0.5));
      const interval: [number, number] = directions > 1 ? [own / width, own * width] : [NaN, NaN];
      return { seed, estimate: unknown ? NaN : own, interval, n: directions, over: 'directions' };
    });
  const rising = (id: string, statement: string, value: number, width: number, shownBy: string): Claim => ({
    id,
    statement,
    verdict: verdictOf(around(value, width)),
    reason: unknown
      ? 'direction 0 has a figure that is not a positive number (SB NaN, LB 4.36)'
      : `LB's figure is ${value} times SB's`,
    estimate: unknown ? NaN : value,
    interval: around(value, width),
    n,
    over,
    unit: 'ratio',
    shownBy,
    bySeed: ratios(value, width),
  });
  const gap = (
    id: string,
    statement: string,
    unit: 'share' | 'nats',
    value: number,
    reach: number,
  ): Claim => ({
    id,
    statement,
    verdict: value - reach > 0 ? 'PASS' : 'INCONCLUSIVE',
    reason: `the gap is ${value}`,
    estimate: value,
    interval: [value - reach, value + reach],
    n: count > 1 ? count : 10_000,
    over: count > 1 ? 'seeds' : 'images',
    unit,
    shownBy: 'Generalization',
    bySeed: seeds.map((seed) => ({
      seed,
      estimate: value,
      interval: [value - 0.7 * reach, value + 0.7 * reach],
      n: 10_000,
      over: 'images',
    })),
  });
  return [
    {
      id: 'comparable-training-loss',
      statement: 'Both runs end at 99% training accuracy or more and within 0.05 nats of each other.',
      verdict: 'PASS',
      reason: 'training accuracy SB 99.97%, LB 99.99%; training loss SB 0.0185, LB 0.0251 nats',
      estimate: 0.00665,
      interval: count > 1 ? [0.0011, 0.0122] : [NaN, NaN],
      n: count,
      over: 'seeds',
      unit: 'nats',
      band: [-0.05, 0.05],
      shownBy: 'The runs',
      bySeed: seeds.map((seed) => ({ seed, estimate: 0.00665, interval: [NaN, NaN], n: 1, over: 'seeds' })),
    },
    rising(
      'lb-rises-faster',
      'The training loss rises faster around the LB minimizer than around the SB minimizer.',
      ratio,
      1.12,
      'The curves',
    ),
    ...(testCurves
      ? [
          rising(
            'lb-rises-faster-test',
            'The test loss rises faster around the LB minimizer than around the SB minimizer.',
            1.31,
            1.2,
            'The curves',
          ),
        ]
      : []),
    rising(
      'lb-curvature',
      'Near the minimizer the training loss curves more around LB than around SB.',
      0.93,
      1.05,
      'Near the minimizer',
    ),
    gap('lb-test-accuracy-lower', 'LB classifies fewer test images right than SB.', 'share', 0.018, 0.0076),
    gap('lb-test-loss-higher', "LB's test loss is higher than SB's.", 'nats', 0.0143, 0.023),
    {
      id: 'loss-never-falls',
      statement: 'The training loss is nowhere lower than at the minimizer: L(θ + αd) ≥ L(θ).',
      verdict: 'PASS',
      reason: 'the least change over 100 points is 0.0154 nats (SB of seed 42, direction 4, α = 0.2)',
      estimate: 0.0154,
      interval: [NaN, NaN],
      n: 100,
      over: 'points',
      unit: 'nats',
      shownBy: 'The curves',
      bySeed: [],
    },
    {
      id: 'sb-farther-from-start',
      statement: 'SB ends farther from its initial weights than LB.',
      verdict: 'PASS',
      reason: "SB ends 1.37 times as far from its start as LB; not within the paper's 3 to 10",
      estimate: 1.37,
      interval: [NaN, NaN],
      n: count,
      over: 'seeds',
      unit: 'ratio',
      shownBy: 'The runs',
      bySeed: [],
    },
  ];
}

function measure(
  id: string,
  statement: string,
  regime: 'SB' | 'LB' | null,
  estimate: number,
  { seeds, directions }: ReportShape,
): Report['measures'][number] {
  const n = seeds > 1 ? seeds : directions;
  const interval: [number, number] = n > 1 ? [0.9 * estimate, 1.1 * estimate] : [NaN, NaN];
  return { id, statement, regime, estimate, interval, n, over: seeds > 1 ? 'seeds' : 'directions' };
}

function controlOf(seeds: readonly number[], directions: number): ControlReport {
  const curves = (alphas: readonly number[]) =>
    seeds.flatMap((seed) =>
      Array.from({ length: directions }, (_, direction) =>
        curveOf({ regime: 'SB', seed, direction, split: 'train', alphas, factor: 1.04 }),
      ),
    );
  const over = seeds.length > 1 ? ('seeds' as const) : ('directions' as const);
  const compared = (estimate: number) => ({
    estimate,
    interval: [estimate / 1.06, estimate * 1.06] as const,
    n: seeds.length > 1 ? seeds.length : directions,
    over,
    bySeed: seeds.map((seed) => ({
      seed,
      estimate,
      interval: [estimate / 1.05, estimate * 1.05] as const,
      n: directions,
      over: 'directions' as const,
    })),
  });
  return {
    statement: 'SB with another order of its batches against SB, from the same initial weights',
    rise: compared(1.04),
    curvature: compared(0.98),
    largestFactor: 1.08,
    runs: seeds.map((seed) => runOf('SB', seed, 1)),
    curves: curves(ALPHAS),
    curvatureCurves: curves(NEAR_ALPHAS),
  };
}

function sensitivityOf(directions: number): NonNullable<Report['sensitivity']> {
  const rows = ['filter', 'layer', 'reference', 'none'].flatMap((normalization, i) =>
    (['train', 'test'] as const).flatMap((split, j) =>
      [0.25, 0.5, 1].flatMap((range, k) =>
        (['mean', 'maximum', 'curvature'] as const).map((rise, l) => {
          const estimate = 1.6 - 0.25 * i + 0.4 * noise(i, j, k, l);
          const interval: [number, number] = directions > 1 ? [estimate / 1.13, estimate * 1.13] : [NaN, NaN];
          const verdict: Verdict = interval[0] > 1 ? 'PASS' : interval[1] < 1 ? 'FAIL' : 'INCONCLUSIVE';
          return {
            normalization,
            split,
            range,
            rise,
            verdict,
            estimate,
            interval,
            n: directions,
            over: 'directions' as const,
          };
        }),
      ),
    ),
  );
  const curves = [
    { normalization: 'filter', split: 'train', direction: 0, regime: 'SB', loss: [1, 0, 1] } as const,
  ];
  return { seed: 42, directions, images: { train: 2000, test: 2000 }, alphas: ALPHAS, rows, curves };
}

const TRAINING_SENSITIVITY: NonNullable<Report['trainingSensitivity']> = {
  seed: 42,
  rows: [
    {
      learningRate: 0.01,
      diverged: null,
      train: { loss: 0.31, accuracy: 0.921, lossStandardError: 0.003 },
      test: { loss: 1.2, accuracy: 0.68, lossStandardError: 0.02 },
      comparable: false,
      rises: [{ direction: 0, smallBatch: 1.84, largeBatch: 1.49 }],
      curves: [{ direction: 0, loss: [4, 0.31, 5] }],
      verdict: 'FAIL',
      estimate: 0.81,
      interval: [0.72, 0.91],
      n: 5,
      over: 'directions',
    },
    {
      learningRate: 0.04,
      diverged: null,
      train: { loss: 0.0251, accuracy: 0.9999, lossStandardError: 0.0005 },
      test: { loss: 1.02, accuracy: 0.7294, lossStandardError: 0.02 },
      comparable: true,
      verdict: 'PASS',
      estimate: 1.6,
      interval: [1.43, 1.79],
      n: 5,
      over: 'directions',
    },
    {
      learningRate: 0.16,
      diverged: 'the loss is not a number in epoch 2, step 14',
      train: null,
      test: null,
      comparable: false,
      verdict: 'INCONCLUSIVE',
      estimate: NaN,
      interval: [NaN, NaN],
      n: 0,
      over: 'directions',
    },
  ],
};
