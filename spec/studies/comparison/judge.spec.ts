import { describe, expect, test } from '@jest/globals';
import type { CurveMeasure, Measure } from '../../../src/jobs/measure';
import type { Outcome, Results } from '../../../src/jobs/results';
import type { Training } from '../../../src/jobs/training';
import type { ComparisonSetup } from '../../../src/studies/comparison/jobs';
import { judge } from '../../../src/studies/comparison/judge';
import { comparisonOf, settingsOf, type PresetName } from '../../../src/studies/comparison/settings';
import { comparisonStudy } from '../../../src/studies/comparison/study';
import type { Report } from '../../../src/report/report';
import { powerToFind } from '../../../src/verdict/power';
import { ENVIRONMENT } from '../../helpers/environment';

// Results made up by hand, in which every figure is another known number, and what must be said of them. Two
// directions, or two seeds, have intervals in closed form: the mean of two values reaches half their difference
// times Student's quantile with one degree of freedom.

const T1 = 12.70620473617471;
const ALPHAS = [-1, -0.5, 0, 0.5, 1];
const NEAR_ALPHAS = [-0.25, -0.125, 0, 0.125, 0.25];

interface Minimizer {
  readonly train: { readonly loss: number; readonly accuracy: number };
  readonly test: { readonly loss: number; readonly accuracy: number };
  readonly distance: number;
  /** Of each direction. */
  readonly rises: readonly number[];
  readonly testRises: readonly number[];
  readonly errorRises: readonly number[];
  readonly exponents: readonly number[];
  readonly curvatures: readonly number[];
  /** Where the parabolas near the minimizer are least, of the training and of the test loss. */
  readonly minima: readonly number[];
  readonly testMinima: readonly number[];
}

const SB: Minimizer = {
  train: { loss: 0.011, accuracy: 0.995 },
  test: { loss: 1.2, accuracy: 0.75 },
  distance: 40,
  rises: [1, 2],
  testRises: [3, 5],
  errorRises: [0.1, 0.2],
  exponents: [2, 3],
  curvatures: [4, 5],
  minima: [0.01, 0.03],
  testMinima: [0.02, 0.08],
};
/** LB / SB: rise 2.9 and 3.1, of the test loss 1.4 and 1.5, error rate 1.2 and 1.25, curvature 1.9 and 2.1. */
const LB: Minimizer = {
  train: { loss: 0.032, accuracy: 0.999 },
  test: { loss: 1.3, accuracy: 0.73 },
  distance: 8,
  rises: [2.9, 6.2],
  testRises: [4.2, 7.5],
  errorRises: [0.12, 0.25],
  exponents: [1, 2],
  curvatures: [7.6, 10.5],
  minima: [0, 0.02],
  testMinima: [-0.04, -0.04],
};
/** SB in another order / SB: rise 1.2 and 1.1, curvature .5 and .6. */
const OTHER_ORDER: Minimizer = {
  ...SB,
  distance: 41,
  rises: [1.2, 2.2],
  exponents: [1, 2],
  curvatures: [2, 3],
};

/** What two observations of a mean come to. */
const mean = (one: number, other: number) => {
  const [center, reach] = [(one + other) / 2, (T1 * Math.abs(one - other)) / 2];
  return { estimate: center, interval: [center - reach, center + reach], n: 2 };
};
/** What two observations of a ratio come to. */
const ratio = (one: number, other: number) => {
  const { estimate, interval } = mean(Math.log(one), Math.log(other));
  return { estimate: Math.exp(estimate), interval: interval.map(Math.exp), n: 2 };
};

/** Holds an estimate against what it must be, to nine digits. */
function expectFigures(
  actual: { readonly estimate: number; readonly interval: readonly number[]; readonly n: number },
  wanted: { readonly estimate: number; readonly interval: readonly number[]; readonly n: number },
) {
  expect(actual.n).toBe(wanted.n);
  const pairs = [actual.estimate, ...actual.interval].map(
    (value, i) => [value, [wanted.estimate, ...wanted.interval][i]] as const,
  );
  for (const [value, expected] of pairs) {
    if (Number.isNaN(expected)) expect(value).toBeNaN();
    else expect(Math.abs(value - expected)).toBeLessThanOrEqual(1e-6 * Math.abs(expected));
  }
}

/** A curve over ALPHAS of a given rise that grows as |α| to a power. */
function bowl(rise: number, power: number): number[] {
  const height = (5 * rise) / (2 * (1 + 0.5 ** power));
  return ALPHAS.map((alpha) => height * Math.abs(alpha) ** power);
}

/** Less its value at 0. */
const parabola = (curvature: number, minimum: number) =>
  NEAR_ALPHAS.map((alpha) => curvature * ((alpha - minimum) ** 2 - minimum ** 2));

/** The points of a curve around a minimizer along one direction, at some alphas. */
function pointsOf(minimizer: Minimizer, { alphas, split, directionSeed }: CurveMeasure) {
  const { rises, testRises, errorRises, exponents, curvatures, minima, testMinima } = minimizer;
  const direction = directionSeed % 1000;
  const isNear = alphas.length === NEAR_ALPHAS.length - 1 && Math.max(...alphas) === 0.25;
  const at = (values: readonly number[]) =>
    alphas.map((alpha) => values[(isNear ? NEAR_ALPHAS : ALPHAS).indexOf(alpha)]);
  const wrong = at(bowl(errorRises[direction], 1));
  const floor = split === 'test' ? minimizer.test.loss : minimizer.train.loss;
  const above = (values: readonly number[]) => at(values).map((value) => floor + value);
  const losses = isNear
    ? above(
        parabola(
          split === 'test' ? 3 : curvatures[direction],
          (split === 'test' ? testMinima : minima)[direction],
        ),
      )
    : above(split === 'test' ? bowl(testRises[direction], 2) : bowl(rises[direction], exponents[direction]));
  return losses.map((loss, i) => ({
    loss,
    accuracy: isNear || split === 'test' ? 0.5 : minimizer.train.accuracy - wrong[i],
    lossStandardError: 0.3,
  }));
}

interface Shape {
  readonly preset?: PresetName;
  readonly seeds?: number;
  readonly directions?: number;
  readonly smallBatch?: Minimizer | string;
  /** Of each seed. */
  readonly largeBatch?: readonly Minimizer[];
  readonly control?: readonly Minimizer[];
  /** LB with another learning rate than its own. */
  readonly rates?: (learningRate: number) => Known;
}

const IMAGES = 10_000;
const DATA = { train: '1'.repeat(64), test: '2'.repeat(64), trainImages: 50_000, testImages: IMAGES };

/** What there is of one training: a minimizer, or the reason why it diverged. */
type Known = Minimizer | string | undefined;

/** Results of which everything is known, apart from what `missing` says. */
function resultsOf(
  known: (training: Training) => Known,
  {
    sensitivity,
    missing = () => false,
  }: {
    readonly sensitivity?: (curve: CurveMeasure, alpha: number) => number;
    readonly missing?: (measure: Measure) => boolean;
  } = {},
): Results {
  const result = { environment: ENVIRONMENT, seconds: 7, finishedAt: '' };
  const done = <T>(figures: unknown): T => ({ state: 'done', figures, result }) as T;
  const training = (of: Training): Outcome<never, never> => {
    const found = known(of);
    if (found === undefined) return { state: 'missing' };
    if (typeof found === 'string') return { state: 'diverged', reason: found };
    return done({ weightsSha256: 'a', distanceFromStart: found.distance, steps: 1, history: [] });
  };
  const isOfTable = ({ images }: Measure) => sensitivity && images.to === 900;
  return {
    training,
    snapshot: () => ({ state: 'missing' }),
    measure<M extends Measure>(measure: M) {
      const own = measure as Measure;
      const outcome = training(own.of[0].training);
      if (outcome.state !== 'done') return outcome;
      if (missing(own) || (!sensitivity && own.images.to === 900)) return { state: 'missing' };
      const found = known(own.of[0].training) as Minimizer;
      if (own.kind === 'curve') {
        const points = isOfTable(own)
          ? own.alphas.map((alpha) => ({
              loss: sensitivity!(own, alpha),
              accuracy: 0.5,
              lossStandardError: 0,
            }))
          : pointsOf(found, own);
        return done({ points });
      }
      if (isOfTable(own)) {
        const loss = sensitivity!({ ...own, kind: 'curve', directionSeed: 42_000, alphas: [] }, 0);
        return done({ loss, accuracy: 0.5, lossStandardError: 0 });
      }
      return done({ ...(own.split === 'test' ? found.test : found.train), lossStandardError: 0.001 });
    },
    perImage(measure) {
      const { seed, batchSize } = measure.of[0].training;
      return batchSize === 64 ? smallImages() : largeImages(seed - 42);
    },
  } as Results;
}

/** SB's test images: 500 are right with SB alone. */
function smallImages() {
  return {
    losses: new Float32Array(IMAGES).fill(2),
    correct: Uint8Array.from({ length: IMAGES }, (_, i) => Number(i < 500 || i >= 1000)),
  };
}

/** LB's: 300 (400 for the second seed) are right with LB alone, losses 1/8 (9/64) higher, by 1 more or less. */
function largeImages(seed: number) {
  return {
    losses: Float32Array.from({ length: IMAGES }, (_, i) => 2 + 1 / 8 + seed / 64 + (i % 2 ? 1 : -1)),
    correct: Uint8Array.from({ length: IMAGES }, (_, i) =>
      Number(i >= 1000 || (i >= 500 && i < 800 + 100 * seed)),
    ),
  };
}

describe('what is judged of results', () => {
  /** By batch size, seed and batch order. */
  function knownOf(shape: Shape): (training: Training) => Known {
    const { smallBatch = SB, largeBatch = [LB], control = [] } = shape;
    return ({ batchSize, seed, batchOrder = 0, learningRate }) => {
      if (batchOrder > 0) return control[seed - 42];
      if (batchSize === 64) return smallBatch;
      return Math.abs(learningRate - 0.04) < 1e-9 ? largeBatch[seed - 42] : shape.rates?.(learningRate);
    };
  }

  function judged(shape: Shape = {}, options: Parameters<typeof resultsOf>[1] = {}): Report {
    return judge(setupOf(shape), resultsOf(knownOf(shape), options));
  }

  function setupOf({ preset = 'quick', seeds = 1, directions = 2 }: Shape): ComparisonSetup {
    const settings = settingsOf(preset, 42, {
      seeds,
      directions,
      alphas: ALPHAS,
      testCurves: true,
      smallBatch: 64,
      largeBatch: 1024,
      trainSize: 12_500,
    });
    return {
      settings: comparisonOf(settings, { sensitivityImages: 900 }),
      engine: { name: 'tensorflow', version: '1' },
      data: { cifar10: DATA },
      environment: ENVIRONMENT,
    };
  }

  const claimOf = ({ claims }: Report, id: string) => claims.find((claim) => claim.id === id)!;
  const measuresOf = ({ measures }: Report, id: string) => measures.filter((measure) => measure.id === id);

  describe('with one seed', () => {
    const report = judged();

    test('is the ratio of the rises along each direction: the headline, whose verdict is the overall one', () => {
      const headline = claimOf(report, 'lb-rises-faster');
      expectFigures(headline, ratio(2.9, 3.1));
      expect(headline).toMatchObject({ verdict: 'PASS', over: 'directions', shownBy: 'The curves' });
      expectFigures(headline.bySeed[0], ratio(2.9, 3.1));
      expect(report.verdict).toBe('PASS');
      expect(report.reason).toContain(headline.reason);
    });

    test('has the rise of the test loss from the test curves', () => {
      expectFigures(claimOf(report, 'lb-rises-faster-test'), ratio(1.4, 1.5));
    });

    test('has the curvature from the grid near the minimizer', () => {
      const claim = claimOf(report, 'lb-curvature');
      expectFigures(claim, ratio(1.9, 2.1));
      expect(claim).toMatchObject({ verdict: 'PASS', shownBy: 'Near the minimizer' });
    });

    test('has the training losses, the distances and the test images of both', () => {
      const none = { interval: [NaN, NaN], n: 1 };
      const comparable = claimOf(report, 'comparable-training-loss');
      expectFigures(comparable, { ...none, estimate: 0.021 });
      expect(comparable.verdict).toBe('PASS');
      const farther = claimOf(report, 'sb-farther-from-start');
      expectFigures(farther, { ...none, estimate: 5 });
      expect(farther.verdict).toBe('PASS');
      // 200 more of 10,000 images are right with SB alone.
      expect(claimOf(report, 'lb-test-accuracy-lower').estimate).toBeCloseTo(0.02, 12);
      // Student's quantile with 9999 degrees of freedom is 1.9602.
      const gap = claimOf(report, 'lb-test-loss-higher');
      expect(gap.estimate).toBeCloseTo(1 / 8, 12);
      expect(gap.interval[1]).toBeCloseTo(1 / 8 + 1.960201 / Math.sqrt(9999), 6);
    });

    test('takes the least change from the training curves of both grids', () => {
      // SB, direction 1, α = ⅛: 5 ((⅛ − .03)² − .03²). The test curves fall far lower.
      const { estimate, n, verdict } = claimOf(report, 'loss-never-falls');
      expect(estimate).toBeCloseTo(5 * (0.095 ** 2 - 0.03 ** 2), 12);
      expect({ n, verdict }).toEqual({ n: 2 * 2 * 4 * 2, verdict: 'PASS' });
    });

    test('has each measure from its own curves', () => {
      expectFigures(measuresOf(report, 'error-rise-ratio')[0], ratio(1.2, 1.25));
      const [small, large] = measuresOf(report, 'growth-exponent');
      expect([small.regime, large.regime]).toEqual(['SB', 'LB']);
      expectFigures(small, mean(2, 3));
      expectFigures(large, mean(1, 2));
      const [smallShift, largeShift] = measuresOf(report, 'minimum-shift');
      expectFigures(smallShift, mean(0.01, 0.05));
      expectFigures(largeShift, mean(-0.04, -0.06));
    });

    test('tells the power of as many directions as there are at their spread, and no number that would decide', () => {
      const { power, spread, n, over, deciding, open } = report.power;
      expect(spread).toBeCloseTo(Math.log(3.1 / 2.9) / Math.SQRT2, 12);
      expect({ n, over, open }).toEqual({ n: 2, over: 'directions', open: null });
      expect(power).toBe(powerToFind(1.3, 2, spread));
      expect(deciding).toBeNaN();
    });

    test('has the runs and curves as they are stored, with their rises', () => {
      expect(report.runs.map(({ regime, batchSize, train }) => [regime, batchSize, train.loss])).toEqual([
        ['SB', 64, 0.011],
        ['LB', 1024, 0.032],
      ]);
      const rises = report.curves.filter(({ split }) => split === 'train').map((curve) => curve.rise);
      [1, 2, 2.9, 6.2].forEach((rise, i) => expect(rises[i]).toBeCloseTo(rise, 12));
      const test = report.curves.filter(({ split }) => split === 'test').map((curve) => curve.rise);
      [3, 5, 4.2, 7.5].forEach((rise, i) => expect(test[i]).toBeCloseTo(rise, 12));
      expect(report.generalization[0]).toMatchObject({ seed: 42, onlySmallBatchRight: 500 });
    });
  });

  describe('with several seeds', () => {
    const second = { ...LB, rises: [3.8, 7.6], curvatures: [8, 10], train: { loss: 0.05, accuracy: 1 } };
    const report = judged({ seeds: 2, largeBatch: [LB, second] });

    test("takes each seed's mean as one observation, and keeps its directions apart", () => {
      const headline = claimOf(report, 'lb-rises-faster');
      const first = Math.sqrt(2.9 * 3.1);
      expectFigures(headline, ratio(first, 3.8));
      expect(headline.over).toBe('seeds');
      expectFigures(headline.bySeed[0], ratio(2.9, 3.1));
      expectFigures(headline.bySeed[1], ratio(3.8, 3.8));
      expectFigures(claimOf(report, 'lb-curvature'), ratio(Math.sqrt(1.9 * 2.1), 2));
      expectFigures(claimOf(report, 'comparable-training-loss'), mean(0.021, 0.039));
      expectFigures(claimOf(report, 'lb-test-accuracy-lower'), mean(0.02, 0.01));
      expectFigures(claimOf(report, 'lb-test-loss-higher'), mean(1 / 8, 9 / 64));
      expectFigures(measuresOf(report, 'growth-exponent')[0], mean(2.5, 2.5));
      expect(report.power.over).toBe('seeds');
    });

    test('claims something of the methods, where one seed claims it of its two minimizers', () => {
      const one = judged();
      for (const id of ['lb-rises-faster', 'lb-rises-faster-test', 'lb-curvature']) {
        expect(claimOf(one, id).statement).toMatch(/this LB minimizer .* this SB minimizer/);
        expect(claimOf(report, id).statement).toMatch(/LB minimizers .* SB minimizers/);
      }
      expect(one.reason).toMatch(/^for these two minimizers, LB's rise is/);
      expect(report.reason).toMatch(/^for the two methods on these images, LB's rise is/);
    });
  });

  describe('by its preset', () => {
    const unfinished = [{ ...LB, train: { loss: 0.2, accuracy: 0.97 } }];

    test('is open in quick where the runs did not converge, and stands with a reservation in recipe', () => {
      const quick = judged({ largeBatch: unfinished });
      expect(quick.verdict).toBe('INCONCLUSIVE');
      expect(quick.reason).toMatch(/^not at comparable minimizers/);
      expect(quick.power.open).toBe('not comparable');
      const recipe = judged({ preset: 'recipe', largeBatch: unfinished });
      expect(recipe.verdict).toBe('PASS');
      expect(recipe.reason).toContain('did not end at comparable training losses');
    });

    test('is never decided in smoke', () => {
      const { verdict, reason, power } = judged({ preset: 'smoke' });
      expect(verdict).toBe('INCONCLUSIVE');
      expect(reason).toMatch(/^this is a smoke run/);
      expect(power.open).toBe('smoke');
    });
  });

  test('tells how many directions would have decided it where the interval holds 1', () => {
    // Log ratios 0 and .2: mean .1, spread .1414. Student's quantile over √n first lies below .1 / .1414 at n = 11.
    const open = { ...LB, rises: [1, 2 * Math.exp(0.2)] };
    const { verdict, power } = judged({ largeBatch: [open] });
    expect(verdict).toBe('INCONCLUSIVE');
    expect(power).toMatchObject({ open: 'interval', deciding: 11 });
  });

  test('says why a verdict is open that has one direction, or no ratio', () => {
    const one = judged({ directions: 1 });
    expect(one.power).toMatchObject({ open: 'one direction', deciding: NaN, spread: NaN });
    expect(claimOf(one, 'lb-rises-faster').interval).toEqual([NaN, NaN]);
    const none = judged({ largeBatch: [{ ...LB, rises: [-1, 6] }] });
    expect(none.power).toMatchObject({ open: 'no ratio', deciding: NaN });
    expect(none.reason).toContain('direction 0 has a figure that is not a positive number');
  });

  describe('with a control', () => {
    const report = judged({ control: [OTHER_ORDER] });

    test('sets SB in another order over SB, with the rise from the curves and the curvature from those near', () => {
      const { rise, curvature, largestFactor, runs } = report.control!;
      expectFigures(rise, ratio(1.2, 1.1));
      expectFigures(curvature, ratio(0.5, 0.6));
      expect(largestFactor).toBeCloseTo(Math.sqrt(1.2 * 1.1), 12);
      expect(runs.map(({ distanceFromStart }) => distanceFromStart)).toEqual([41]);
      expect(report.verdict).toBe('PASS');
    });

    test('says whether the curvature of LB differs more than the control does, without judging by it', () => {
      const { reason, verdict } = claimOf(report, 'lb-curvature');
      expect(verdict).toBe('PASS');
      expect(reason).toContain(
        '; SB with another batch order differs from SB by a factor of 1.83, which is less',
      );
      const much = { ...OTHER_ORDER, curvatures: [1, 1] };
      const doubtful = claimOf(judged({ control: [much] }), 'lb-curvature');
      expect(doubtful).toMatchObject({ verdict: 'PASS' });
      expect(doubtful.reason).toContain('by a factor of 4.47, which is no less');
    });

    test('takes a pass away that is no larger, and does not say that the curvature disagrees', () => {
      const larger = { ...OTHER_ORDER, rises: [0.3, 0.6] };
      const held = judged({ control: [larger] });
      expect(held.verdict).toBe('INCONCLUSIVE');
      expect(held.control!.largestFactor).toBeCloseTo(1 / 0.3, 10);
      expect(held.reason).toContain('another batch order differs from SB by a factor of 3.33');
      expect(held.reason).not.toContain('another (');
      expect(held.power).toMatchObject({ open: 'control', deciding: NaN });
    });

    test('takes the largest factor of all pairs that it holds', () => {
      const larger = { ...OTHER_ORDER, rises: [4, 8] };
      const { control, verdict } = judged({ control: [OTHER_ORDER, larger] });
      expect(control!.largestFactor).toBeCloseTo(4, 10);
      expectFigures(control!.rise, ratio(Math.sqrt(1.2 * 1.1), 4));
      expect(verdict).toBe('INCONCLUSIVE');
    });

    test('that has no ratio leaves the pass, and says so', () => {
      const { verdict, reason, control } = judged({ control: [{ ...OTHER_ORDER, rises: [-1, 2] }] });
      expect(verdict).toBe('PASS');
      expect(reason).toMatch(/the control has no ratio .*direction 0/);
      expect(control!.largestFactor).toBeNaN();
    });
  });

  describe('with its sensitivity', () => {
    const GRID = Array.from({ length: 17 }, (_, i) => (i - 8) / 8);
    const NORMALIZATIONS = ['filter', 'layer', 'reference', 'none'] as const;
    const SPLITS = ['train', 'test'] as const;
    /** SB is α², LB g α² + α⁴ with another g for each choice: the ratio depends on range and kind too. */
    const g = (normalization: string, split: string, direction: number) =>
      0.2 +
      0.5 * NORMALIZATIONS.findIndex((one) => one === normalization) +
      0.17 * SPLITS.findIndex((one) => one === split) +
      0.1 * direction;
    const sensitivity = (
      { of: [{ training }], normalization = 'filter', split = 'train', directionSeed }: CurveMeasure,
      alpha: number,
    ) =>
      training.batchSize === 64
        ? 0.5 + alpha ** 2
        : 0.7 + g(normalization, split, directionSeed % 1000) * alpha ** 2 + alpha ** 4;
    const report = judged({}, { sensitivity });

    /** How many times α² the term α⁴ is, by each meaning of "rise". */
    const quartic = (range: number, kind: string) => {
      const near = GRID.filter((alpha) => Math.abs(alpha) <= range);
      const sum = (power: number) => near.reduce((total, alpha) => total + alpha ** power, 0);
      if (kind === 'maximum') return range ** 2;
      if (kind === 'mean') return sum(4) / sum(2);
      // The slope of α⁴ on α², which is what a quadratic takes it for.
      return (sum(6) - (sum(4) * sum(2)) / near.length) / (sum(4) - sum(2) ** 2 / near.length);
    };

    test('has the ratio of each choice from the curves of that choice', () => {
      expect(report.sensitivity).toMatchObject({
        seed: 42,
        directions: 2,
        images: { train: 900, test: 900 },
      });
      const { rows } = report.sensitivity!;
      // And one of the other batch-norm statistics.
      expect(rows).toHaveLength(72 + 1);
      expect(rows.filter(({ statistics }) => statistics === 'running')).toHaveLength(1);
      for (const row of rows) {
        const { normalization, split, range, rise } = row;
        const of = (direction: number) => g(normalization, split, direction) + quartic(range, rise);
        expectFigures(row, ratio(of(0), of(1)));
        const [low, high] = ratio(of(0), of(1)).interval;
        expect(row.verdict).toBe(low > 1 ? 'PASS' : high < 1 ? 'FAIL' : 'INCONCLUSIVE');
      }
      expect(new Set(rows.map(({ verdict }) => verdict)).size).toBeGreaterThan(1);
    });

    test('holds the curves that its rows are made of', () => {
      const { curves } = report.sensitivity!;
      expect(curves).toHaveLength(4 * 2 * 2 * 2 + 4);
      for (const { normalization, split, direction, regime, loss } of curves!) {
        const large = regime === 'LB';
        GRID.forEach((alpha, i) => {
          const wanted = large
            ? 0.7 + g(normalization, split, direction) * alpha ** 2 + alpha ** 4
            : 0.5 + alpha ** 2;
          expect(loss[i]).toBeCloseTo(wanted, 12);
        });
      }
    });

    test('is in the command that makes the report again, over as many images', () => {
      expect(report.command).toMatch(/ --test-curves --sensitivity-images 900$/);
    });

    test('has none of a table that is there in part', () => {
      const missing = (measure: Measure) => measure.kind === 'curve' && measure.normalization === 'none';
      expect(judged({}, { sensitivity, missing }).sensitivity).toBeNull();
    });
  });

  describe('with other learning rates of LB', () => {
    // Converged, but to another loss than SB's.
    const slow = { ...LB, train: { loss: 0.2, accuracy: 0.999 }, rises: [2, 4.4] };
    const rates = (rate: number) => (rate === 0.01 ? slow : 'The loss became NaN in epoch 1.');
    const report = judged({ rates });
    const [low, own, high] = report.trainingSensitivity!.rows;

    test('holds each of them against SB, its own among them, and says where one diverged', () => {
      expect(report.trainingSensitivity!.rows.map(({ learningRate }) => learningRate)).toEqual([
        0.01, 0.04, 0.16,
      ]);
      expectFigures(low, ratio(2, 2.2));
      expect(low).toMatchObject({ comparable: false, verdict: 'PASS', diverged: null });
      expect(low.train!.loss).toBe(0.2);
      expectFigures(own, ratio(2.9, 3.1));
      expect(own).toMatchObject({ comparable: true, verdict: 'PASS' });
      expect(high).toMatchObject({
        diverged: 'The loss became NaN in epoch 1.',
        comparable: false,
        verdict: 'INCONCLUSIVE',
        train: null,
      });
    });

    test('holds the rise along each direction, and the curves that they are of', () => {
      const rises = low.rises!.map(({ smallBatch, largeBatch }) => [smallBatch, largeBatch]);
      [
        [1, 2],
        [2, 4.4],
      ].forEach((pair, i) => pair.forEach((rise, j) => expect(rises[i][j]).toBeCloseTo(rise, 12)));
      expect(low.curves!.map(({ direction }) => direction)).toEqual([0, 1]);
      low.curves!.forEach(({ loss }, i) => {
        const rise = loss.reduce((sum, value) => sum + value - loss[2], 0) / 5;
        expect(rise).toBeCloseTo([2, 4.4][i], 12);
      });
      expect(high).toMatchObject({ rises: [], curves: [] });
    });

    test('are in the command that makes the report again', () => {
      expect(report.command).toMatch(/ --test-curves --sensitivity-training$/);
    });

    test('has none while one is missing', () => {
      expect(judged().trainingSensitivity).toBeNull();
    });
  });

  test('tells the commands that make it again, with all that the report holds', () => {
    const report = judged({ control: [OTHER_ORDER, OTHER_ORDER] });
    const flags = '--engine tensorflow --preset quick --seed 42';
    const grid = '--directions 2 --alphas=-1,-0.5,0,0.5,1 --test-curves';
    expect(report.command).toBe(`npx ts-node reproduce.ts ${flags} ${grid}`);
    expect(report.controlCommand).toBe(`npx ts-node reproduce.ts control ${flags} ${grid} --seeds 2`);
    const bare = judged();
    expect(bare.controlCommand).toBe(`npx ts-node reproduce.ts control ${flags} ${grid} --seeds 1`);
  });

  describe('before the end', () => {
    const isCurve = ({ kind, of: [{ training }] }: Measure) =>
      kind === 'curve' && training.batchSize === 1024;
    const report = judged({ seeds: 2, largeBatch: [LB, LB] }, { missing: isCurve });

    test('is reported with runs and curves that are there, and what is missing', () => {
      expect(report.runs).toHaveLength(4);
      expect(new Set(report.curves.map(({ regime }) => regime))).toEqual(new Set(['SB']));
      expect(report.progress!.missing).toEqual(['LB, seed 42: 8 curves', 'LB, seed 43: 8 curves']);
    });

    test('carries no claim, no interval and no verdict over seeds', () => {
      expect(report).toMatchObject({ verdict: 'INCONCLUSIVE', claims: [], measures: [], control: null });
      expect(report.power.power).toBeNaN();
      expect(report.reason).toContain('under way');
    });

    test.each<[string, (measure: Measure) => boolean]>([
      ['every measure', () => true],
      ['every curve', ({ kind }) => kind === 'curve'],
      [
        'the test images of LB',
        ({ split, of: [{ training }] }) => split === 'test' && training.batchSize === 1024,
      ],
      [
        'the curves near the minimizer',
        (measure) => measure.kind === 'curve' && Math.max(...measure.alphas) < 1,
      ],
    ])('is written in every form where %s is missing', async (_, missing) => {
      const early = judged({}, { missing });
      expect(early.progress!.missing.length).toBeGreaterThan(0);
      const files = await comparisonStudy.files(early);
      expect(files.map(({ name }) => name)).toEqual(
        expect.arrayContaining(['report.md', 'report.html', 'report.json']),
      );
      expect(String(files.find(({ name }) => name === 'report.md')!.content)).toContain('What is missing');
      expect(comparisonStudy.parse(String(files.at(-1)!.content), 'report.json')).toEqual(early);
    });

    test('says where a training diverged', () => {
      expect(judged({ smallBatch: 'The loss became NaN.' }).reason).toBe(
        'SB of seed 42 diverged: The loss became NaN.',
      );
    });
  });
});
