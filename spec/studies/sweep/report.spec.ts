import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { commandWord, number } from '../../../src/report/text';
import type { Training } from '../../../src/jobs/training';
import { figureOf } from '../../../src/studies/sweep/report/charts';
import { sweepFiles, sweepMarkdown } from '../../../src/studies/sweep/report/files';
import {
  parseSweepReport,
  stickAt,
  sweepReport,
  type QuantityReport,
  type SweepReport,
} from '../../../src/studies/sweep/report/report';
import type { Row } from '../../../src/studies/sweep/rows';
import { exampleSweep, rowsOf, USUAL_OUTCOME } from '../../helpers/sweep-rows';
import { tinyPlan } from '../../helpers/sweeps';

const SIZES = [1, 2, 4, 8, 16, 32].map((size) => 10 * size);
const plan = tinyPlan({
  networks: ['C1'],
  batchSizes: SIZES,
  seeds: [1, 2, 3],
  trainSize: 400,
  measures: [{ kind: 'eigenvalue', images: 16 }],
});

const SETTINGS = { plan, planFile: 'plan.yaml' };
const reportOf = (of: Parameters<typeof rowsOf>[1]) => sweepReport(SETTINGS, rowsOf(plan, of));
/** The report of the same, as if something of the last run were missing. */
const partialReportOf = (of: Parameters<typeof rowsOf>[1]) =>
  sweepReport(
    SETTINGS,
    rowsOf(plan, of).map((row, index, { length }) =>
      index === length - 1 ? { ...row, state: 'trained' } : row,
    ),
  );
const quantity = ({ groups: [{ quantities }] }: SweepReport, label: string): QuantityReport =>
  quantities.find((one) => one.label.startsWith(label))!;
const comparable = ({ groups: [{ runs }] }: SweepReport) =>
  runs.filter((run) => run.comparable).map(({ batchSize, seed }) => `${batchSize} of ${seed}`);

describe('a run of a sweep counts', () => {
  const everyRun = rowsOf(plan, () => USUAL_OUTCOME).map(({ training }) => training);
  const run = fc.constantFrom(...everyRun);
  const name = ({ batchSize, seed }: Training) => `${batchSize} of ${seed}`;

  test('unless it ended below 99% training accuracy, or more than .05 nats from the smallest batch size of its seed', () => {
    const faults = fc.constantFrom({ accuracy: 0.989 }, { loss: 0.0601 }, { loss: 0.3, accuracy: 0.2 });
    fc.assert(
      fc.property(run, faults, ({ batchSize, seed }, fault) => {
        fc.pre(batchSize > SIZES[0]);
        const isIt = (training: Training) => training.batchSize === batchSize && training.seed === seed;
        const report = partialReportOf((training) => (isIt(training) ? fault : {}));
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
    const law = ({ batchSize, seed }: Training) => ({
      eigenvalue: batchSize + seed,
      testAccuracy: 0.7 - batchSize / 1e4,
    });
    fc.assert(
      fc.property(run, value, value, (out, one, other) => {
        const isOut = ({ batchSize, seed }: Training) => batchSize === out.batchSize && seed === out.seed;
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
    expect(sweepMarkdown(report)).toContain('top Hessian eigenvalue: no change with batch size is detected');
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
      `a straight line over all batch sizes changes as batch size to the power ${number(change.slope)} ` +
        `(95% CI ${number(low)} to ${number(high)})`,
    );
  });

  test('that a level and a line do not describe is said not to be, and one that they do is not', () => {
    const noise = ({ batchSize, seed }: Training) => 2 ** (((batchSize / 10 + seed * 7) % 3) / 10);
    const of = (law: (batchSize: number) => number) =>
      sweepMarkdown(
        reportOf((training) => ({
          eigenvalue: law(training.batchSize) * noise(training),
          testAccuracy: 0.6,
        })),
      );
    const misfit = 'The broken stick does not fit (lack of fit: F(3, 10) = ';
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
  const grows = ({ batchSize, seed }: Training) => ({ eigenvalue: batchSize * (1 + seed / 50) });

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
      'excluded from means and thresholds: batch size 320 of seed 3 (training loss 0.5, accuracy 90.00%)',
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
    expect(text).toMatch(/test accuracy \(%\): falls beyond batch size 10 .* by 2 per doubling/);
  });

  test('holds nothing but the plan where nothing is done', () => {
    const waiting = rowsOf(plan, () => undefined).map((row): Row => ({ ...row, state: 'waiting' }));
    const text = sweepMarkdown(sweepReport(SETTINGS, waiting));
    expect(text).toContain('18 runs of C1 (sgd) on 400 training images: 18 not evaluated yet.');
    expect(text).toContain('18 runs not finished yet.');
    expect(text).toContain(
      'top Hessian eigenvalue: the threshold is not determined: 18 runs not finished yet.',
    );
    expect(text).toContain('Whether it changes with batch size is not determined');
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
      { plan: twice, planFile: 'plan.yaml' },
      rowsOf(twice, () => ({})),
    );
    expect(report.groups[0].quantities.map(({ name }) => name)).toEqual([
      'test accuracy (%)',
      'eigenvalue, 16 images',
      'eigenvalue, 48 images',
      'training loss (nats)',
    ]);
  });

  test('of results that are not all there has runs and means, but no interval, threshold, slope or p-value', () => {
    const law = (training: Training) => ({
      ...grows(training),
      testAccuracy: 0.7 - training.batchSize / 1e4,
    });
    const whole = reportOf(law);
    expect(quantity(whole, 'eigenvalue').change.kind).toBe('change');
    const partial = partialReportOf(law);
    expect(partial.groups[0].runs.slice(0, -1)).toEqual(whole.groups[0].runs.slice(0, -1));
    for (const [index, { points, means, change, level }] of partial.groups[0].quantities.entries()) {
      expect(points).toEqual(whole.groups[0].quantities[index].points);
      expect(means.map(({ mean, n }) => [mean, n])).toEqual(
        whole.groups[0].quantities[index].means.map(({ mean, n }) => [mean, n]),
      );
      expect(means.map(({ interval }) => interval)).toEqual(SIZES.map(() => null));
      expect(change).toEqual({ kind: 'unknown', reason: '1 run not finished yet' });
      expect(level).toBeNull();
    }
    const { panels, note } = figureOf(partial, partial.groups[0]).chart;
    expect(panels.some(({ fit, bend }) => fit || bend)).toBe(false);
    expect(note).not.toContain('95%');
    const text = sweepMarkdown(partial);
    expect(text).toContain('1 run not finished yet. Intervals and thresholds are reported once all are.');
    expect(text.split('## Method')[0]).not.toMatch(/p = |95%|Caution|no change|slope/);
  });
});

describe('report.json of a sweep', () => {
  test('is all that the other files are made from, ends of intervals that are not finite included', async () => {
    // The jump is between the two largest batch sizes, so that its slope has no upper limit.
    const jumps = reportOf(({ batchSize, seed }) => ({
      eigenvalue: (batchSize > 160 ? 50 : 2) * (1 + ((batchSize / 10 + seed * 7) % 3) / 50),
    }));
    const { change } = quantity(jumps, 'eigenvalue');
    if (change.kind !== 'change') throw new Error(change.kind);
    expect(change.slopeInterval.some((end) => !Number.isFinite(end))).toBe(true);
    const files = await sweepFiles(jumps);
    expect(files.map(({ name }) => name)).toEqual([
      'C1-sgd.png',
      'report.md',
      'report.html',
      'sweep.csv',
      'report.json',
    ]);
    const json = files.at(-1)!.content as string;
    expect(Object.entries(JSON.parse(json) as object).slice(0, 2)).toEqual([
      ['study', 'sweep'],
      ['format', 1],
    ]);
    expect(await sweepFiles(parseSweepReport(json, 'report.json'))).toEqual(files);
  });

  test('of an earlier version is rendered from what it holds', async () => {
    const file = join(__dirname, '../../../results/published/sweep-batch-size/report.json');
    const report = parseSweepReport(readFileSync(file, 'utf8'), file);
    const files = new Map((await sweepFiles(report)).map(({ name, content }) => [name, content]));
    // Standard errors of single runs are not in it.
    expect([...files.keys()]).toEqual(['SimpleVGG-sgd.png', 'report.md', 'report.html', 'report.json']);
    expect(files.get('report.md')).toContain(
      '21 runs of SimpleVGG (sgd) on 5000 training images: 21 comparable.',
    );
    expect(files.get('report.md')).toContain(
      'rise of the loss around it (nats): rises beyond batch size 24 (95% CI 16 or less to 70), as batch size to the ' +
        'power 0.3565 (95% CI 0.2805 to 0.4883); p = 0.0002.',
    );
    expect(JSON.parse(files.get('report.json') as string)).toMatchObject(
      JSON.parse(readFileSync(file, 'utf8')) as object,
    );
  });

  test('of another study or format, or that is none, is refused', () => {
    const whole = exampleSweep();
    const refused = [
      { ...whole, study: 'paper' },
      { ...whole, format: 2 },
      { ...whole, groups: undefined },
    ];
    for (const text of ['{', ...refused.map((value) => JSON.stringify(value))]) {
      expect(() => parseSweepReport(text, 'a.json')).toThrow('a.json is not the report of a sweep');
    }
    expect(parseSweepReport(JSON.stringify(whole), 'a.json').groups).toEqual(whole.groups);
  });
});
