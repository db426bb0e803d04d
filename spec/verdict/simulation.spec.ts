import { describe, expect, test } from '@jest/globals';
import { evenAlphas, rise } from '../../src/landscape/curve';
import { randomStream, type RandomStream } from '../../src/random';
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

const verdictOf = (ratio: Ratio) =>
  largerForLb({ id: 'id', statement: 'statement', figure: 'rise', shownBy: 'The curves' }, ratio).verdict;

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

describe('the interval of the ratio', () => {
  const covers = (logRatio: number, { interval: [low, high] }: Ratio) =>
    low <= Math.exp(logRatio) && Math.exp(logRatio) <= high;

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
