import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from '@jest/globals';
import { judge } from '../../src/experiment/judge';
import { openRunFolder, type FinishedCurve, type RunFolder } from '../../src/experiment/run-folder';
import { settingsOf, type PresetName, type Settings } from '../../src/experiment/settings';
import type { Report } from '../../src/report/report';
import { powerToFind } from '../../src/verdict/power';
import { ENVIRONMENT } from '../helpers/environment';

// Folders written by hand, in which every figure is another known number, and what must be said of them. Two
// directions, or two seeds, have intervals in closed form: the mean of two values reaches half their difference
// times Student's quantile with one degree of freedom.

const T1 = 12.70620473617471;
const ALPHAS = [-1, -0.5, 0, 0.5, 1];
const NEAR_ALPHAS = [-0.25, -0.125, 0, 0.125, 0.25];
const FLOOR = 0.02;

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

const parabola = (curvature: number, minimum: number) =>
  NEAR_ALPHAS.map((alpha) => FLOOR + curvature * (alpha - minimum) ** 2);

function curvesOf(minimizer: Minimizer, settings: Settings, seed: number): FinishedCurve[] {
  const { rises, testRises, errorRises, exponents, curvatures, minima, testMinima } = minimizer;
  return Array.from({ length: settings.directions }, (_, direction) => {
    const wrong = bowl(errorRises[direction], 1);
    const curve = (grid: 'curve' | 'curvature', split: 'train' | 'test', loss: readonly number[]) => ({
      grid,
      split,
      direction,
      directionSeed: 1000 * seed + direction,
      points: loss.map((value, i) => ({
        loss: value,
        accuracy: grid === 'curve' && split === 'train' ? 0.9 - wrong[i] : 0.5,
        lossStandardError: 0.3,
      })),
    });
    const above = (values: readonly number[]) => values.map((value) => FLOOR + value);
    return [
      curve('curve', 'train', above(bowl(rises[direction], exponents[direction]))),
      curve('curve', 'test', above(bowl(testRises[direction], 2))),
      curve('curvature', 'train', parabola(curvatures[direction], minima[direction])),
      curve('curvature', 'test', parabola(3, testMinima[direction])),
    ];
  }).flat();
}

interface Shape {
  readonly preset?: PresetName;
  readonly seeds?: number;
  readonly directions?: number;
  readonly smallBatch?: Minimizer;
  /** Of each seed. */
  readonly largeBatch?: readonly Minimizer[];
  readonly control?: readonly Minimizer[];
}

describe('what is judged of a folder', () => {
  const root = mkdtempSync(join(tmpdir(), 'judge-'));
  let folders = 0;
  afterAll(() => rmSync(root, { recursive: true }));

  function write(folder: RunFolder, name: string, minimizer: Minimizer, seed: number) {
    const { settings } = folder.beginning;
    const { train, test: tested, distance } = minimizer;
    folder.run(name).write({
      train: { ...train, lossStandardError: 0.001 },
      test: { ...tested, lossStandardError: 0.01 },
      distanceFromStart: distance,
      weightsSha256: name,
      seconds: 7,
      history: [],
    });
    folder.curves(name).write(curvesOf(minimizer, settings, seed));
  }

  function folderOf(shape: Shape = {}): RunFolder {
    const { preset = 'quick', seeds = 1, directions = 2 } = shape;
    const { smallBatch = SB, largeBatch = [LB], control = [] } = shape;
    const settings = settingsOf(preset, 42, { seeds, directions, alphas: ALPHAS, testCurves: true });
    const path = join(root, String(folders++));
    const folder = openRunFolder(path, { settings, environment: ENVIRONMENT });
    const named = (name: string, i: number) => (i === 0 ? name : `${name}-seed${42 + i}`);
    for (let i = 0; i < Math.max(seeds, control.length); i++) {
      write(folder, named('small_batch', i), smallBatch, 42 + i);
      if (i < control.length) write(folder, named('control', i), control[i], 42 + i);
      if (i >= seeds) continue;
      write(folder, named('large_batch', i), largeBatch[i], 42 + i);
      folder.pairedTest(42 + i).write({
        images: 10_000,
        onlySmallBatchRight: 500,
        onlyLargeBatchRight: 300 + 100 * i,
        lossDifference: 0.1 + 0.02 * i,
        lossDifferenceError: 0.01,
      });
    }
    return folder;
  }

  const claimOf = ({ claims }: Report, id: string) => claims.find((claim) => claim.id === id)!;
  const measuresOf = ({ measures }: Report, id: string) => measures.filter((measure) => measure.id === id);

  describe('with one seed', () => {
    const report = judge(folderOf());

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
      expect(gap.estimate).toBeCloseTo(0.1, 12);
      expect(gap.interval[1]).toBeCloseTo(0.119602, 6);
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
    const report = judge(folderOf({ seeds: 2, largeBatch: [LB, second] }));

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
      expectFigures(claimOf(report, 'lb-test-loss-higher'), mean(0.1, 0.12));
      expectFigures(measuresOf(report, 'growth-exponent')[0], mean(2.5, 2.5));
      expect(report.power.over).toBe('seeds');
    });

    test('claims something of the methods, where one seed claims it of its two minimizers', () => {
      const one = judge(folderOf());
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
      const quick = judge(folderOf({ largeBatch: unfinished }));
      expect(quick.verdict).toBe('INCONCLUSIVE');
      expect(quick.reason).toMatch(/^not at comparable minimizers/);
      expect(quick.power.open).toBe('not comparable');
      const recipe = judge(folderOf({ preset: 'recipe', largeBatch: unfinished }));
      expect(recipe.verdict).toBe('PASS');
      expect(recipe.reason).toContain('did not end at comparable training losses');
    });

    test('is never decided in smoke', () => {
      const { verdict, reason, power } = judge(folderOf({ preset: 'smoke' }));
      expect(verdict).toBe('INCONCLUSIVE');
      expect(reason).toMatch(/^this is a smoke run/);
      expect(power.open).toBe('smoke');
    });
  });

  test('tells how many directions would have decided it where the interval holds 1', () => {
    // Log ratios 0 and .2: mean .1, spread .1414. Student's quantile over √n first lies below .1 / .1414 at n = 11.
    const open = { ...LB, rises: [1, 2 * Math.exp(0.2)] };
    const { verdict, power } = judge(folderOf({ largeBatch: [open] }));
    expect(verdict).toBe('INCONCLUSIVE');
    expect(power).toMatchObject({ open: 'interval', deciding: 11 });
  });

  test('says why a verdict is open that has one direction, or no ratio', () => {
    const one = judge(folderOf({ directions: 1 }));
    expect(one.power).toMatchObject({ open: 'one direction', deciding: NaN, spread: NaN });
    expect(claimOf(one, 'lb-rises-faster').interval).toEqual([NaN, NaN]);
    const none = judge(folderOf({ largeBatch: [{ ...LB, rises: [-1, 6] }] }));
    expect(none.power).toMatchObject({ open: 'no ratio', deciding: NaN });
    expect(none.reason).toContain('direction 0 has a figure that is not a positive number');
  });

  describe('with a control', () => {
    const report = judge(folderOf({ control: [OTHER_ORDER] }));

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
      const doubtful = claimOf(judge(folderOf({ control: [much] })), 'lb-curvature');
      expect(doubtful).toMatchObject({ verdict: 'PASS' });
      expect(doubtful.reason).toContain('by a factor of 4.47, which is no less');
    });

    test('takes a pass away that is no larger, and does not say that the curvature disagrees', () => {
      const larger = { ...OTHER_ORDER, rises: [0.3, 0.6] };
      const held = judge(folderOf({ control: [larger] }));
      expect(held.verdict).toBe('INCONCLUSIVE');
      expect(held.control!.largestFactor).toBeCloseTo(1 / 0.3, 10);
      expect(held.reason).toContain('another batch order differs from SB by a factor of 3.33');
      expect(held.reason).not.toContain('another (');
      expect(held.power).toMatchObject({ open: 'control', deciding: NaN });
    });

    test('takes the largest factor of all pairs that it holds', () => {
      const larger = { ...OTHER_ORDER, rises: [4, 8] };
      const { control, verdict } = judge(folderOf({ control: [OTHER_ORDER, larger] }));
      expect(control!.largestFactor).toBeCloseTo(4, 10);
      expectFigures(control!.rise, ratio(Math.sqrt(1.2 * 1.1), 4));
      expect(verdict).toBe('INCONCLUSIVE');
    });

    test('that has no ratio leaves the pass, and says so', () => {
      const { verdict, reason, control } = judge(folderOf({ control: [{ ...OTHER_ORDER, rises: [-1, 2] }] }));
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
    const folder = folderOf();
    const curves = NORMALIZATIONS.flatMap((normalization) =>
      SPLITS.flatMap((split) =>
        [0, 1].flatMap((direction) =>
          (['SB', 'LB'] as const).map((regime) => ({
            normalization,
            split,
            direction,
            regime,
            loss: GRID.map((alpha) =>
              regime === 'SB'
                ? 0.5 + alpha ** 2
                : 0.7 + g(normalization, split, direction) * alpha ** 2 + alpha ** 4,
            ),
          })),
        ),
      ),
    );
    const plan = { images: { train: 700, test: 900 }, directions: 2, alphas: GRID, wanted: curves.length };
    folder.sensitivity.write({ ...plan, curves });
    const report = judge(folder);

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
        images: { train: 700, test: 900 },
      });
      const { rows } = report.sensitivity!;
      expect(rows).toHaveLength(72);
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
      expect(report.sensitivity!.curves).toEqual(curves);
    });

    test('is in the command that makes the report again, over as many images', () => {
      expect(report.command).toMatch(/ --test-curves --sensitivity-images 900$/);
    });

    test('has none of a table that is drawn in part', () => {
      const partial = folderOf();
      partial.sensitivity.write({ ...plan, curves: curves.slice(1) });
      expect(judge(partial).sensitivity).toBeNull();
    });
  });

  describe('with other learning rates of LB', () => {
    const folder = folderOf();
    // Converged, but to another loss than SB's.
    const slow = { ...LB, train: { loss: 0.2, accuracy: 0.999 }, rises: [2, 4.4] };
    write(folder, 'large_batch-lr0.01', slow, 42);
    folder.run('large_batch-lr0.16').write({ diverged: 'The loss became NaN in epoch 1.' });
    const report = judge(folder);
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
      const stored = folder.curves('large_batch-lr0.01').read()!;
      expect(low.curves).toEqual(
        stored
          .filter(({ grid, split }) => grid === 'curve' && split === 'train')
          .map(({ direction, points }) => ({ direction, loss: points.map(({ loss }) => loss) })),
      );
      expect(high).toMatchObject({ rises: [], curves: [] });
    });

    test('are in the command that makes the report again', () => {
      expect(report.command).toMatch(/ --test-curves --sensitivity-training$/);
    });

    test('has none while one is missing', () => {
      expect(judge(folderOf()).trainingSensitivity).toBeNull();
    });
  });

  test('tells the commands that make it again, with all that the report holds', () => {
    const folder = folderOf({ control: [OTHER_ORDER, OTHER_ORDER] });
    const report = judge(folder);
    const flags = '--engine tensorflow --preset quick --seed 42';
    const grid = '--directions 2 --alphas=-1,-0.5,0,0.5,1 --test-curves';
    expect(report.command).toBe(`npx ts-node reproduce.ts ${flags} ${grid}`);
    expect(report.controlCommand).toBe(`npx ts-node reproduce.ts control ${flags} ${grid} --seeds 2`);
    const bare = judge(folderOf());
    expect(bare.controlCommand).toBe(`npx ts-node reproduce.ts control ${flags} ${grid} --seeds 1`);
  });
});
