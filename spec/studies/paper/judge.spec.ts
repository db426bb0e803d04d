import { describe, expect, test } from '@jest/globals';
import { jobId } from '../../../src/jobs/job';
import type { Measure } from '../../../src/jobs/measure';
import type { Training } from '../../../src/jobs/training';
import { regimeTraining, remedyTraining, wholeEvaluation } from '../../../src/studies/paper/jobs';
import { paperHtml } from '../../../src/studies/paper/html';
import { judge } from '../../../src/studies/paper/judge';
import { paperMarkdown, paperText } from '../../../src/studies/paper/markdown';
import { BOXES, EPSILONS, PUBLISHED } from '../../../src/studies/paper/published';
import { paperJson, parsePaperReport } from '../../../src/studies/paper/report';
import type { PaperSettings } from '../../../src/studies/paper/settings';
import { paperStudy } from '../../../src/studies/paper/study';
import { madeUpResults, paperSetup, type MadeUp } from '../../helpers/paper-study';
import { readHtml, readMarkdown } from '../../helpers/readings';

// Results made up by hand, and what must be said of them. Trials have the seeds 42, 43 and 44.

const TEST_ACCURACY = { SB: [0.7, 0.71, 0.72], LB: [0.66, 0.68, 0.67], adversarial: [0.67, 0.69, 0.68] };
/** Of LB's φ over SB's, in each trial; with the remedy it is half of LB's. */
const RATIOS = { full: [8, 10, 12.5], subspace: [0.5, 1, 2] };

function kindOf({ batchSize, adversarial }: Training): keyof typeof TEST_ACCURACY {
  if (adversarial) return 'adversarial';
  return batchSize === 26 ? 'SB' : 'LB';
}

function figuresOf(measure: Measure): object {
  const [{ training }] = measure.of;
  const [kind, trial] = [kindOf(training), training.seed - 42];
  const evaluation = (accuracy: number) => ({ loss: 0.01, accuracy, lossStandardError: 0.001 });
  switch (measure.kind) {
    case 'evaluation':
      return evaluation(measure.split === 'test' ? TEST_ACCURACY[kind][trial] : 0.999);
    case 'path':
      return { train: evaluation(measure.alpha), test: evaluation(0) };
    case 'phi': {
      const own = 1e5 * measure.epsilon * (trial + 1);
      const factor = { SB: 1, LB: 1, adversarial: 0.5 }[kind];
      const value = kind === 'SB' ? own : factor * own * RATIOS[measure.space!][trial];
      const details = { loss: 0.01, maximum: 1, fromCentre: 2, fromRandom: 3, evaluations: 25 };
      return { value, standardError: 1, details };
    }
    default:
      return { value: 7, standardError: 0.5, details: { residual: 0.25 } };
  }
}

/** 10,000 test images, of which SB alone classifies 1000 right, the remedy 640 and LB 600. */
function perImageOf({ of: [{ training }] }: Measure) {
  const [from, to] = { SB: [0, 1000], LB: [1000, 1600], adversarial: [2000, 2640] }[kindOf(training)];
  const correct = Uint8Array.from({ length: 10_000 }, (_, index) => Number(from <= index && index < to));
  return { correct, losses: Float32Array.from(correct, (right) => 1 - right) };
}

const COMPLETE: MadeUp = { epochs: () => 8, figures: figuresOf, perImage: perImageOf };

function report(changes: Partial<PaperSettings> = {}, made: Partial<MadeUp> = {}) {
  return judge(paperSetup(changes), madeUpResults({ ...COMPLETE, ...made }));
}

describe('the report of a study that is done', () => {
  const complete = report({ remedies: ['adversarial'] });
  const [network] = complete.networks;
  const claim = (id: string) => network.claims.find((one) => one.id === id)!;

  test('has a claim on sharpness for each space and box, over trials, as ratios', () => {
    for (const epsilon of EPSILONS) {
      const full = claim(`lb-sharper-full-${epsilon}`);
      expect(full.verdict).toBe('PASS');
      expect(full.estimate).toBeCloseTo(10, 9);
      // Student's t on log 8, log 10, log 12.5: 4.303 · log 1.25 / √3.
      expect(full.interval[0]).toBeCloseTo(10 * 1.25 ** (-4.302652729 / Math.sqrt(3)), 5);
      expect(full).toMatchObject({ n: 3, over: 'seeds' });
      const inside = claim(`lb-sharper-subspace-${epsilon}`);
      expect(inside.verdict).toBe('INCONCLUSIVE');
      expect(inside.estimate).toBeCloseTo(1, 9);
    }
  });

  test('says whether LB generalises worse, whether both ended at comparable losses, and which went farther', () => {
    expect(claim('lb-test-accuracy-lower')).toMatchObject({ verdict: 'PASS', n: 3, over: 'seeds' });
    expect(claim('lb-test-accuracy-lower').estimate).toBeCloseTo(0.04, 9);
    expect(claim('lb-test-loss-higher').estimate).toBeCloseTo(0.04, 6);
    expect(claim('comparable-training-loss').verdict).toBe('PASS');
    expect(claim('sb-farther-from-start').estimate).toBeCloseTo(3, 9);
  });

  test('claims of a remedy that LB gains accuracy by it, image by image, and stays sharper than SB', () => {
    const more = claim('adversarial-test-accuracy-higher');
    expect(more).toMatchObject({ verdict: 'PASS', unit: 'share' });
    expect(more.estimate).toBeCloseTo(0.004, 9);
    expect(more.reason).toMatch(
      /^The test accuracy of LB with adversarial training is 0.40 points above that of LB/,
    );
    expect(claim('adversarial-still-sharp').estimate).toBeCloseTo(5, 9);
    expect(claim('adversarial-still-sharp').reason).toContain(
      'The sharpness of LB with adversarial training',
    );
  });

  test('with one trial is over its test images', () => {
    const [{ claims }] = report({ seeds: 1, remedies: ['adversarial'] }).networks;
    const over = (id: string) => claims.find((one) => one.id === id)!;
    expect(over('lb-test-accuracy-lower')).toMatchObject({ n: 10_000, over: 'images' });
    expect(over('adversarial-test-accuracy-higher')).toMatchObject({ n: 10_000, over: 'images' });
    expect(over('lb-sharper-full-0.001').verdict).toBe('INCONCLUSIVE');
  });

  test("prints mean ± standard deviation over trials beside the paper's figures", () => {
    for (const text of [paperMarkdown(complete), paperText(complete)]) {
      expect(text).toContain('71.00% ± 1.00%');
      expect(text).toContain('67.00% ± 1.00%');
      expect(text).toContain('80.04%');
      // Of 100, 200 and 300.
      expect(text).toContain('200 ± 100');
      expect(text).toContain(String(PUBLISHED.C1.sharpness.full[0].SB));
      expect(text).toContain('Table 4: sharpness in a random subspace');
      expect(text.split('\n').find((line) => line.includes('LB, adversarial'))).toContain('68.00% ± 1.00%');
      expect(text).toContain('after the first step');
      expect(text).toContain('7 ± 0.25');
    }
    expect(paperMarkdown(complete)).toContain(complete.command);
    expect(paperMarkdown(complete)).toContain('in batches of 500 images');
  });

  test('says what the remedies were', () => {
    const text = paperMarkdown(report({ remedies: ['conservative', 'adversarial'] }));
    expect(text).toContain('3 steps of Adam for each batch, with a penalty of λ = 0.001');
    expect(text).toContain('ε = 2/255');
    expect(paperMarkdown(report())).not.toContain('Remedies');
  });

  test('tells trainings that ended because the loss stalled from those that ran out of epochs', () => {
    expect(network.runs.every(({ stalled }) => stalled)).toBe(true);
    const short = report({ seeds: 1, patience: 9, epochs: 8 });
    expect(short.networks[0].runs.some(({ stalled }) => stalled)).toBe(false);
    expect(paperMarkdown(short)).toContain('8 (the maximum)');
    // One trial has neither a standard deviation nor an interval.
    expect(paperMarkdown(short)).not.toContain('NaN');
  });

  test('comes back from paper.json, which says what it is first', () => {
    const text = paperJson(complete);
    expect(Object.keys(JSON.parse(text) as object).slice(0, 2)).toEqual(['study', 'format']);
    expect(parsePaperReport(text, 'paper.json')).toEqual(complete);
    expect(() => parsePaperReport('{}', 'paper.json')).toThrow(/paper.json is not a report/);
  });

  test('does not throw while the losses of single images are still to be read', () => {
    expect(
      report({ remedies: ['adversarial'] }, { perImage: () => undefined }).networks[0].runs,
    ).toHaveLength(6);
  });

  test('names the environment of its trainings, and the data of all its networks', () => {
    expect(complete.environment).toMatchObject({ engineVersion: '1', dataSha256: 'a, b' });
  });
});

describe('the report of a study that is under way', () => {
  const setup = paperSetup({ remedies: ['adversarial'] });
  const LB = regimeTraining(setup, 'C1', 'LB', 43);
  const own = (training: Training) => jobId({ train: training });

  /** Results in which one thing is missing. */
  const without: Record<string, Partial<MadeUp>> = {
    'training of LB': { epochs: (one) => (own(one) === own(LB) ? undefined : 8) },
    'training with a remedy': {
      epochs: (one) => (own(one) === own(remedyTraining(setup, 'C1', 'adversarial', 43)) ? undefined : 8),
    },
    evaluation: {
      figures: (measure) =>
        jobId({ measure }) === jobId({ measure: wholeEvaluation(setup, 'C1', { training: LB }, 'test') })
          ? undefined
          : figuresOf(measure),
    },
    φ: {
      figures: (measure) =>
        measure.kind === 'phi' && own(measure.of[0].training) === own(LB) && measure.space === 'subspace'
          ? undefined
          : figuresOf(measure),
    },
  };

  test.each(Object.keys(without))(
    'has no claims while a %s is missing, but the trials that are there',
    (what) => {
      const partial = judge(setup, madeUpResults({ ...COMPLETE, ...without[what] }));
      const [{ claims, runs, remedies, plots }] = partial.networks;
      expect(claims).toEqual([]);
      expect(runs.map(({ regime, seed }) => [regime, seed])).toEqual([
        ['SB', 42],
        ['LB', 42],
        ['SB', 44],
        ['LB', 44],
      ]);
      expect(remedies.map((one) => one.runs.map(({ seed }) => seed))).toEqual([[42, 44]]);
      expect(plots).toHaveLength(2);
      const { missing, done } = partial.progress!;
      expect(missing.length).toBeGreaterThan(0);
      for (const label of missing) expect(label).toContain('seed 43');
      expect(paperStudy.next(setup, madeUpResults({ ...COMPLETE, ...without[what] }))).toHaveLength(
        missing.length,
      );
      expect(done).toBeGreaterThan(50);
      const markdown = paperMarkdown(partial);
      expect(markdown).toContain(missing[0]);
      expect(readHtml(paperHtml(partial))).toEqual(readMarkdown(markdown));
      expect(parsePaperReport(paperJson(partial), 'paper.json')).toEqual(partial);
    },
  );

  test('is there before any trial is, with the names of 20 jobs and the number of the rest', async () => {
    const nothing = { epochs: () => undefined, figures: () => undefined, perImage: () => undefined };
    const partial = judge(setup, madeUpResults(nothing));
    expect(partial.environment).toEqual(setup.environment);
    const { missing, done } = partial.progress!;
    expect(done).toBe(0);
    expect(missing).toHaveLength(21);
    const jobs = new Set(paperStudy.next(setup, madeUpResults(nothing)).map(jobId));
    expect(missing.at(-1)).toBe(`${jobs.size - 20} more`);
    expect(paperMarkdown(partial)).not.toContain('NaN');
    expect((await paperStudy.files(partial)).map(({ name }) => name)).toEqual([
      'paper.md',
      'paper.html',
      'paper.json',
    ]);
  });

  test('says which training diverged, and asks for no more of it', () => {
    const made = { epochs: (one: Training) => (own(one) === own(LB) ? 'the loss became NaN' : 8) };
    const { progress, networks } = judge(setup, madeUpResults({ ...COMPLETE, ...made }));
    expect(progress!.missing).toEqual([
      'training of C1, batch size 500, seed 43, which diverged: the loss became NaN',
    ]);
    expect(networks[0].claims).toEqual([]);
  });

  test('leaves out a plot that lacks a point, and later measures that lack one', () => {
    const figures = (measure: Measure) =>
      (measure.kind === 'path' && measure.path === 'curved' && measure.alpha === 2) ||
      measure.kind === 'trace'
        ? undefined
        : figuresOf(measure);
    const [{ plots, others, runs }] = report({}, { figures }).networks;
    expect(plots.map(({ path, points }) => [path, points.length])).toEqual([['straight', 25]]);
    expect(others).toEqual([]);
    expect(runs).toHaveLength(6);
  });
});

test('φ of each box is what the metric found, and where', () => {
  const [{ runs }] = report().networks;
  expect(runs[3].sharpness.map(({ space, epsilon }) => ({ space, epsilon }))).toEqual(BOXES);
  expect(runs[3].sharpness[0]).toEqual({
    space: 'full',
    epsilon: 1e-3,
    sharpness: expect.closeTo(2000, 9),
    standardError: 1,
    loss: 0.01,
    maximum: 1,
    fromCentre: 2,
    fromRandom: 3,
    evaluations: 25,
    seconds: 60,
  });
});
