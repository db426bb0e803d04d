import { execFileSync } from 'node:child_process';
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { Row } from '../../src/sweep/collect';
import { figureOf } from '../../src/sweep/report/charts';
import { sweepMarkdown } from '../../src/sweep/report/write-report';
import { stickAt, sweepReport, type QuantityReport, type SweepReport } from '../../src/sweep/report/report';
import { commandWord, number } from '../../src/report/text';
import type { SweepTraining } from '../../src/sweep/job';
import { rowsOf, USUAL_OUTCOME } from '../helpers/sweep-rows';
import { tinyPlan } from '../helpers/sweeps';

const SIZES = [1, 2, 4, 8, 16, 32].map((size) => 10 * size);
const plan = tinyPlan({
  networks: ['C1'],
  batchSizes: SIZES,
  seeds: [1, 2, 3],
  trainSize: 400,
  measures: [{ kind: 'eigenvalue', images: 16 }],
});

const reportOf = (of: Parameters<typeof rowsOf>[1]) => sweepReport(plan, rowsOf(plan, of), 'plan.yaml');
const quantity = ({ groups: [{ quantities }] }: SweepReport, label: string): QuantityReport =>
  quantities.find((one) => one.label.startsWith(label))!;
const comparable = ({ groups: [{ runs }] }: SweepReport) =>
  runs.filter((run) => run.comparable).map(({ batchSize, seed }) => `${batchSize} of ${seed}`);

describe('a run of a sweep counts', () => {
  const everyRun = rowsOf(plan, () => USUAL_OUTCOME).map(({ training }) => training);
  const run = fc.constantFrom(...everyRun);
  const name = ({ batchSize, seed }: SweepTraining) => `${batchSize} of ${seed}`;

  test('unless it ended below 99% training accuracy, or more than .05 nats from the smallest batch size of its seed', () => {
    const faults = fc.constantFrom({ accuracy: 0.989 }, { loss: 0.0601 }, { loss: 0.3, accuracy: 0.2 });
    fc.assert(
      fc.property(run, faults, ({ batchSize, seed }, fault) => {
        fc.pre(batchSize > SIZES[0]);
        const isIt = (training: SweepTraining) => training.batchSize === batchSize && training.seed === seed;
        const report = reportOf((training) => (isIt(training) ? fault : {}));
        expect(comparable(report)).toEqual(everyRun.filter((training) => !isIt(training)).map(name));
      }),
      { numRuns: 20 },
    );
  });

  test('at the very edge of both', () => {
    const edge = reportOf(({ batchSize }) =>
      batchSize > SIZES[0] ? { loss: 0.05, accuracy: 0.99 } : { loss: 0 },
    );
    expect(comparable(edge)).toHaveLength(18);
  });

  test('by the smallest batch size that converged, where the very smallest did not', () => {
    const report = reportOf(({ batchSize, seed }) => {
      if (batchSize === SIZES[0] && seed === 2) return { loss: 0.2, accuracy: 0.95 };
      return seed === 2 ? { loss: 0.11 } : {};
    });
    expect(comparable(report)).toEqual(
      everyRun.filter(({ batchSize, seed }) => !(batchSize === SIZES[0] && seed === 2)).map(name),
    );
  });

  test('or has no part in any mean or threshold, whatever was measured of it, though it is drawn', () => {
    const value = fc.double({ min: 1e-3, max: 1e6, noNaN: true });
    const law = ({ batchSize, seed }: SweepTraining) => ({
      eigenvalue: batchSize + seed,
      testAccuracy: 0.7 - batchSize / 1e4,
    });
    fc.assert(
      fc.property(run, value, value, (out, one, other) => {
        const isOut = ({ batchSize, seed }: SweepTraining) =>
          batchSize === out.batchSize && seed === out.seed;
        const report = (eigenvalue: number) =>
          reportOf((training) => (isOut(training) ? { accuracy: 0.5, eigenvalue } : law(training)));
        const [first, second] = [report(one), report(other)].map((all) => quantity(all, 'eigenvalue'));
        expect(first.means).toEqual(second.means);
        expect(first.change).toEqual(second.change);
        const drawn = first.points.filter((point) => !point.comparable);
        expect(drawn).toEqual([{ batchSize: out.batchSize, seed: out.seed, value: one, comparable: false }]);
      }),
      { numRuns: 5 },
    );
  });

  test('not where it diverged, which leaves no point of it either', () => {
    const report = reportOf(({ batchSize, seed }) => (batchSize === 20 && seed === 1 ? undefined : {}));
    expect(comparable(report)).toHaveLength(17);
    expect(quantity(report, 'eigenvalue').points).toHaveLength(17);
    expect(sweepMarkdown(report)).toContain('1 diverged and 17 comparable');
  });
});

describe('a quantity of a sweep', () => {
  const positive = fc.double({ min: 1e-6, max: 1e6, noNaN: true });
  const perSeed = fc.tuple(positive, positive, positive);

  test('has the geometric mean over seeds with the interval of its logarithm', () => {
    fc.assert(
      fc.property(perSeed, (values) => {
        fc.pre(new Set(values).size === 3);
        const report = reportOf(({ seed }) => ({ eigenvalue: values[seed - 1] }));
        const { mean, interval, n } = quantity(report, 'eigenvalue').means[0];
        const logs = values.map(Math.log);
        const middle = (logs[0] + logs[1] + logs[2]) / 3;
        const deviation = Math.sqrt(logs.reduce((sum, log) => sum + (log - middle) ** 2, 0) / 2);
        // Student's t of 97.5% with two degrees of freedom, from a table.
        const reach = (4.30265273 * deviation) / Math.sqrt(3);
        expect(n).toBe(3);
        expect(Math.log(mean)).toBeCloseTo(middle, 9);
        expect(Math.log(interval![0])).toBeCloseTo(middle - reach, 6);
        expect(Math.log(interval![1])).toBeCloseTo(middle + reach, 6);
      }),
      { numRuns: 20 },
    );
  });

  test('is averaged as it is where it is not positive throughout, as is test accuracy', () => {
    const report = reportOf(({ seed }) => ({ eigenvalue: seed - 2, testAccuracy: 0.6 + seed / 100 }));
    expect(quantity(report, 'eigenvalue')).toMatchObject({
      scale: 'linear',
      means: SIZES.map(() => ({ mean: 0 })),
    });
    expect(quantity(report, 'test accuracy').scale).toBe('linear');
    expect(quantity(report, 'test accuracy').means[0].mean).toBeCloseTo(62, 9);
  });

  test('that follows a power of batch size beyond a threshold has that power, threshold and level', () => {
    const power = fc.double({ min: 0.4, max: 2, noNaN: true });
    const threshold = fc.double({ min: 15, max: 70, noNaN: true });
    fc.assert(
      fc.property(power, threshold, fc.boolean(), (exponent, knot, falls) => {
        const sign = falls ? -1 : 1;
        const report = reportOf(({ batchSize, seed }) => ({
          // Seeds differ in level by as much each way.
          eigenvalue: 5 * 2 ** (seed - 2) * Math.max(1, batchSize / knot) ** (sign * exponent),
        }));
        const found = quantity(report, 'eigenvalue');
        expect(found.change).toMatchObject({ kind: 'change', sign });
        if (found.change.kind !== 'change') return;
        expect(found.change.threshold / knot).toBeCloseTo(1, 5);
        expect(found.change.slope).toBeCloseTo(sign * exponent, 5);
        expect(found.level! / 5).toBeCloseTo(1, 5);
        for (const { batchSize, mean } of found.means)
          expect(stickAt(found, batchSize)! / mean).toBeCloseTo(1, 5);
        expect(sweepMarkdown(report)).toContain(
          `top Hessian eigenvalue: ${falls ? 'falls' : 'rises'} beyond batch size`,
        );
      }),
      { numRuns: 8 },
    );
  });

  test('that does not change is said not to', () => {
    const report = reportOf(({ batchSize, seed }) => ({
      eigenvalue: 3 + ((batchSize / 10 + seed * 7) % 3) / 10,
    }));
    const { change, level } = quantity(report, 'eigenvalue');
    expect(change.kind).not.toBe('change');
    expect(level).toBeNull();
    expect(sweepMarkdown(report)).toContain('top Hessian eigenvalue: no change with batch size is found');
  });

  test('that does not change says what it does not rule out', () => {
    const report = reportOf(({ batchSize, seed }) => ({
      eigenvalue: 2 ** ((batchSize / 10 + seed * 7) % 3) * batchSize ** 0.01,
    }));
    const { change } = quantity(report, 'eigenvalue');
    if (change.kind !== 'none') throw new Error(change.kind);
    const [low, high] = change.slopeInterval;
    expect(low < 0.01 && 0.01 < high).toBe(true);
    expect(sweepMarkdown(report)).toContain(
      `a straight line over all batch sizes goes as batch size to the power ${number(change.slope)} ` +
        `(95%: ${number(low)} to ${number(high)})`,
    );
  });

  test('that a level and a line do not describe is said not to be, and one that they do is not', () => {
    const noise = ({ batchSize, seed }: SweepTraining) => 2 ** (((batchSize / 10 + seed * 7) % 3) / 10);
    const of = (law: (batchSize: number) => number) =>
      sweepMarkdown(
        reportOf((training) => ({
          eigenvalue: law(training.batchSize) * noise(training),
          testAccuracy: 0.6,
        })),
      );
    const misfit = 'A level and a straight line do not describe it (lack of fit: F(3, 10) = ';
    expect(of((batchSize) => Math.max(40, batchSize))).not.toContain(misfit);
    expect(of((batchSize) => Math.min(40, batchSize))).toContain(misfit);
  });
});

(process.platform === 'win32' ? test.skip : test)(
  'a word of a command line comes back out of a shell as it was',
  () => {
    fc.assert(
      fc.property(
        fc.string({ unit: fc.constantFrom('a', '/', '.', ' ', "'", '"', '$', '\\', '`', 'é') }),
        (word) => {
          const echoed = execFileSync('sh', ['-c', `printf %s ${commandWord(word)}`], { encoding: 'utf8' });
          expect(echoed).toBe(word);
        },
      ),
      { numRuns: 30 },
    );
  },
);

describe('the report of a sweep', () => {
  const grows = ({ batchSize, seed }: SweepTraining) => ({ eigenvalue: batchSize * (1 + seed / 50) });

  test('cautions where the training loss changes with batch size too, and else names it as the control', () => {
    const with_ = sweepMarkdown(
      reportOf((training) => ({ ...grows(training), loss: training.batchSize / 1e4 })),
    );
    expect(with_).toMatch(
      /Caution: .* training loss itself rises with batch size \(means from 0\.001 to 0\.032 nats\)/,
    );
    const without = sweepMarkdown(
      reportOf(({ seed, ...rest }) => ({ ...grows({ seed, ...rest }), loss: seed / 1000 })),
    );
    expect(without).toContain('The control is the training loss');
    expect(without).not.toContain('Caution');
  });

  test('says in words what is no number, and which runs are left out', () => {
    const report = reportOf((training) =>
      training.batchSize === 320 && training.seed === 3 ? { loss: 0.5, accuracy: 0.9 } : grows(training),
    );
    const text = sweepMarkdown(report);
    expect(text).toContain(
      'as not comparable: batch size 320 of seed 3 (training loss 0.5, accuracy 90.00%)',
    );
    expect(text).toContain('| 320 | 2 of 3 |');
    expect(text).not.toMatch(/NaN|Infinity|undefined|null/);
  });

  test('names a falling quantity’s slope without its sign', () => {
    const text = sweepMarkdown(
      reportOf(({ batchSize, seed }) => ({
        testAccuracy: 0.8 - 0.02 * Math.log2(batchSize / 10) - seed / 1e3,
      })),
    );
    expect(text).toMatch(/test accuracy \(%\): falls beyond batch size 10 .* by 2 for each doubling/);
  });

  test('holds nothing but the plan where nothing is done', () => {
    const waiting = rowsOf(plan, () => undefined).map((row): Row => ({
      ...row,
      state: 'waiting',
      environment: undefined,
    }));
    const text = sweepMarkdown(sweepReport(plan, waiting, 'plan.yaml'));
    expect(text).toContain('18 runs of C1 (sgd) on 400 training images: 18 not ended yet.');
    expect(text).toContain('nothing can be told');
    expect(text).toContain('too few runs count to tell whether it changes');
    expect(text).not.toMatch(/NaN|Infinity|undefined/);
  });

  test('has a figure for each network and protocol, with a panel for each quantity', () => {
    const report = reportOf(grows);
    const { chart, file } = figureOf(report, report.groups[0]);
    expect(file).toBe('C1-sgd.png');
    expect(sweepMarkdown(report)).toContain('![Test accuracy and sharpness against batch size](C1-sgd.png)');
    expect(chart.panels.map(({ heading }) => heading)).toEqual([
      'test accuracy (%)',
      'top Hessian eigenvalue',
      'training loss (nats)',
    ]);
    expect(chart.panels[1].points).toHaveLength(18);
    expect(chart.panels[1].fit!.xs).toHaveLength(3);
  });

  test('tells measures that are short for the same apart by all of their words', () => {
    const twice = tinyPlan({
      measures: [
        { kind: 'eigenvalue', images: 16 },
        { kind: 'eigenvalue', images: 48 },
      ],
    });
    const report = sweepReport(
      twice,
      rowsOf(twice, () => ({})),
      'plan.yaml',
    );
    expect(report.groups[0].quantities.map(({ name }) => name)).toEqual([
      'test accuracy (%)',
      'eigenvalue, 16 images',
      'eigenvalue, 48 images',
      'training loss (nats)',
    ]);
  });
});
