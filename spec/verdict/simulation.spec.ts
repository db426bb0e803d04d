import { describe, expect, test } from '@jest/globals';
import { evenAlphas, rise } from '../../src/landscape/curve';
import { randomStream, type RandomStream } from '../../src/support/random';
import { heldAgainstControl } from '../../src/verdict/control';
import { criticalT } from '../../src/verdict/interval';
import { powerToFind } from '../../src/verdict/power';
import { largerForLb, ratioOf, type Ratio, type SeedPairs } from '../../src/verdict/ratio';

// Synthetic curves whose truth is known: L(θ + αd) = s α², where the steepness s of each direction is lognormal.

const ALPHAS = evenAlphas(11);
const DRAWS = 20_000;
/** Between directions along the same noise, and between seeds; of the size that real runs show. */
const DIRECTION_SPREAD = 0.1;
const SEED_SPREAD = 0.15;
const DIRECTIONS = 5;

const steepness = (center: number, spread: number, random: RandomStream) =>
  Math.exp(center + spread * random.normal());
const riseOf = (steep: number) =>
  rise(
    ALPHAS,
    ALPHAS.map((alpha) => 0.02 + steep * alpha * alpha),
  );

/** Two minimizers, LB's `ratio` times as steep on average, along n directions. */
function pair(seed: number, logRatio: number, n: number, random: RandomStream): SeedPairs {
  const pairs = Array.from({ length: n }, (_, direction) => {
    // What the noise of a direction does to both cancels in the ratio.
    const common = 0.5 * random.normal();
    return {
      direction,
      smallBatch: riseOf(steepness(common, DIRECTION_SPREAD / Math.SQRT2, random)),
      largeBatch: riseOf(steepness(common + logRatio, DIRECTION_SPREAD / Math.SQRT2, random)),
    };
  });
  return { seed, pairs };
}

const twoMinimizers = (logRatio: number, n: number, random: RandomStream) =>
  ratioOf([pair(1, logRatio, n, random)]);
/** Two methods: each seed's pair has a ratio of its own around the methods'. */
const twoMethods = (logRatio: number, n: number, random: RandomStream) =>
  ratioOf(
    Array.from({ length: n }, (_, seed) =>
      pair(seed, logRatio + SEED_SPREAD * random.normal(), DIRECTIONS, random),
    ),
  );

const claimOf = (ratio: Ratio) =>
  largerForLb({ id: 'id', statement: 'statement', figure: 'rise', shownBy: 'The curves' }, ratio);
const verdictOf = (ratio: Ratio) => claimOf(ratio).verdict;

/** Share of draws for which something holds. */
function share(draw: (random: RandomStream) => boolean, purpose: string, draws = DRAWS): number {
  const random = randomStream(2017, purpose);
  let count = 0;
  for (let i = 0; i < draws; i++) if (draw(random)) count++;
  return count / draws;
}

const within3StandardErrors = (observed: number, expected: number, draws = DRAWS) =>
  expect(Math.abs(observed - expected)).toBeLessThanOrEqual(
    3 * Math.sqrt((expected * (1 - expected)) / draws),
  );

describe('where there is no difference', () => {
  test.each([
    ['directions, two fixed minimizers of equal rise', twoMinimizers, 5],
    ['seeds, two equal methods', twoMethods, 3],
  ] as const)('over %s PASS and FAIL each come in 2.5% of the draws', (_, draw, n) => {
    for (const verdict of ['PASS', 'FAIL'] as const) {
      within3StandardErrors(
        share((random) => verdictOf(draw(0, n, random)) === verdict, `${draw.name} ${verdict}`),
        0.025,
      );
    }
  });
});

describe('where the methods are equal but one seed is run, whose minimizers differ by luck', () => {
  const draws = 4000;
  /** The rises of a run along each direction: SB, SB in another order and LB are all drawn so. */
  const runOf = (luck: number, common: readonly number[], random: RandomStream) => {
    const own = (luck / Math.SQRT2) * random.normal();
    return common.map((log) => riseOf(steepness(log + own, DIRECTION_SPREAD / Math.SQRT2, random)));
  };
  const over = (one: readonly number[], other: readonly number[]) =>
    one.map((smallBatch, direction) => ({ direction, smallBatch, largeBatch: other[direction] }));
  /** LB over SB of the first seed, and SB in another order over SB of as many seeds as controls are asked for. */
  const draw = (luck: number, controls: number, random: RandomStream) => {
    const seeds = Array.from({ length: Math.max(1, controls) }, (_, seed) => {
      const common = Array.from({ length: DIRECTIONS }, () => 0.5 * random.normal());
      const run = () => runOf(luck, common, random);
      return { seed, small: run(), other: run(), large: run() };
    });
    const [{ small, large }] = seeds;
    const control = seeds
      .slice(0, controls)
      .map(({ seed, small: own, other }) => ({ seed, pairs: over(own, other) }));
    const headline = claimOf(ratioOf([{ seed: 0, pairs: over(small, large) }]));
    return heldAgainstControl(headline, controls > 0 ? ratioOf(control) : null).verdict;
  };
  /** Student's law with four degrees of freedom, in closed form. */
  const t4 = (t: number) => {
    const u = t / Math.sqrt(1 + (t * t) / 4);
    return 1 / 2 + (3 / 8) * u * (1 - (u * u) / 12);
  };

  test.each([0.05, 0.1, 0.15, 0.3])('with a spread of %d between runs a PASS is that common', (luck) => {
    const passes = (controls: number) =>
      share((random) => draw(luck, controls, random) === 'PASS', `luck ${luck}, ${controls} controls`, draws);
    const [alone, withOne, withThree] = [0, 1, 3].map(passes);
    // The mean over directions is as much wider than its own error tells as luck adds to it.
    const wider = Math.sqrt(1 + (DIRECTIONS * luck ** 2) / DIRECTION_SPREAD ** 2);
    within3StandardErrors(alone, 1 - t4(criticalT(DIRECTIONS) / wider), draws);
    // Where all differences come from one law, LB's is the largest of k + 1 once in k + 1 draws, up in half of them.
    for (const [found, controls] of [
      [withOne, 1],
      [withThree, 3],
    ]) {
      const most = 1 / (2 * (controls + 1));
      expect(found).toBeLessThanOrEqual(most + 3 * Math.sqrt((most * (1 - most)) / draws));
      expect(found).toBeLessThan(alone);
    }
    console.log(
      `PASS of equal methods, one seed, spread ${luck} between runs: ` +
        [alone, withOne, withThree].map((value) => `${(100 * value).toFixed(1)}%`).join(', ') +
        ' without a control, with one pair, with three',
    );
  });
});

describe('the interval of the ratio', () => {
  const covers = (logRatio: number, { interval: [low, high] }: Ratio) =>
    low <= Math.exp(logRatio) && Math.exp(logRatio) <= high;

  test.each([3, 5, 10])(
    "of %d log ratios with heavy tails (Student's law, 3 degrees of freedom) covers the true one no less often",
    (n) => {
      const draws = 4000;
      const heavy = (random: RandomStream) => {
        const [a, b, c] = [random.normal(), random.normal(), random.normal()];
        return random.normal() / Math.sqrt((a * a + b * b + c * c) / 3);
      };
      const drawn = (random: RandomStream) => {
        const pairs = Array.from({ length: n }, (_, direction) => ({
          direction,
          smallBatch: 1,
          largeBatch: Math.exp(DIRECTION_SPREAD * heavy(random)),
        }));
        return ratioOf([{ seed: 1, pairs }]);
      };
      const covered = share((random) => covers(0, drawn(random)), `heavy tails ${n}`, draws);
      // Symmetric mixtures of normals make the t interval conservative (Benjamini 1983).
      expect(covered).toBeGreaterThanOrEqual(0.95 - 3 * Math.sqrt((0.95 * 0.05) / draws));
      console.log(`heavy tails, n = ${n}: the interval covers ${(100 * covered).toFixed(1)}%`);
    },
  );

  test.each(Array.from({ length: 18 }, (_, i) => i + 3))(
    'of %d directions, or seeds, covers the true ratio in 95% of the draws',
    (n) => {
      const draws = 4000;
      const logRatio = Math.log(1.3);
      for (const draw of [twoMinimizers, twoMethods]) {
        within3StandardErrors(
          share((random) => covers(logRatio, draw(logRatio, n, random)), `${draw.name} ${n}`, draws),
          0.95,
          draws,
        );
      }
    },
  );
});

test('the power to find a ratio of 1.3 with the default numbers is what theory says, and is printed', () => {
  const found = (draw: typeof twoMinimizers, n: number) =>
    share((random) => verdictOf(draw(Math.log(1.3), n, random)) === 'PASS', `power ${draw.name}`);
  const overDirections = found(twoMinimizers, DIRECTIONS);
  const overSeeds = found(twoMethods, 3);
  const seedMeanSpread = Math.hypot(SEED_SPREAD, DIRECTION_SPREAD / Math.sqrt(DIRECTIONS));
  within3StandardErrors(overDirections, powerToFind(1.3, DIRECTIONS, DIRECTION_SPREAD));
  within3StandardErrors(overSeeds, powerToFind(1.3, 3, seedMeanSpread));
  console.log(
    `power to find a ratio of 1.3: ${(100 * overDirections).toFixed(1)}% with 5 directions of spread ` +
      `${DIRECTION_SPREAD}, ${(100 * overSeeds).toFixed(1)}% with 3 seeds of spread ${seedMeanSpread.toFixed(3)}`,
  );
});
