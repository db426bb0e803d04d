import { describe, expect, test } from '@jest/globals';
import { randomStream, type RandomStream } from '../../src/support/random';
import {
  bestKnot,
  fitBrokenStick,
  hingesOf,
  withinSeeds,
  type SeedPoint,
} from '../../src/verdict/broken-stick';
import { changePoint } from '../../src/verdict/change-point';
import { lackOfFit } from '../../src/verdict/lack-of-fit';

// Synthetic sweeps whose threshold is known. Batch sizes are 1, 2, 4, …; noise has standard deviation 1.

const DESIGNS = [
  { sizes: 4, seeds: 3 },
  { sizes: 7, seeds: 3 },
  { sizes: 7, seeds: 5 },
];

interface Sweep {
  readonly sizes: number;
  readonly seeds: number;
  /** log2 of the threshold. */
  readonly knot: number;
  /** How far the measure has come at the largest batch size. */
  readonly change: number;
  /** Runs left out, at random. */
  readonly missing?: number;
  /** Of a run with batch size 2^x; a standard normal draw if left out. */
  readonly noise?: (x: number, random: RandomStream) => number;
  /** Standard deviation between seeds of log2 of the threshold, and of the slope as a share of itself. */
  readonly knotSpread?: number;
  readonly slopeSpread?: number;
  /** Goes as the square of the distance from the threshold instead of along a line. */
  readonly bends?: boolean;
}

const slopeOf = ({ sizes, knot, change }: Sweep) => change / (sizes - 1 - knot);

function draw(sweep: Sweep, random: RandomStream): SeedPoint[] {
  const { sizes, seeds, knot, missing = 0, noise = (_, { normal }) => normal(), bends } = sweep;
  const points = Array.from({ length: seeds }, (_, seed) => {
    const level = random.normal();
    const ownKnot = knot + (sweep.knotSpread ?? 0) * random.normal();
    const ownSlope = slopeOf(sweep) * (1 + (sweep.slopeSpread ?? 0) * random.normal());
    return Array.from({ length: sizes }, (_, x) => {
      const beyond = Math.max(0, x - ownKnot);
      const far = bends ? beyond ** 2 / (sizes - 1 - knot) : beyond;
      return { seed, x, y: level + ownSlope * far + noise(x, random) };
    });
  }).flat();
  for (let i = 0; i < missing; i++) points.splice(random.integer(0, points.length - 1), 1);
  return points;
}

/** Standard normal divided by an independent chi of 3 degrees of freedom, with standard deviation 1. */
const heavyTails = (_: number, { normal }: RandomStream) =>
  normal() / Math.sqrt(normal() ** 2 + normal() ** 2 + normal() ** 2);
/** As many times as large at the largest batch size as at the smallest. */
const growing = (times: number, sizes: number) => (x: number, random: RandomStream) =>
  random.normal() * (1 + ((times - 1) * x) / (sizes - 1));

const within = ([low, high]: readonly [number, number], value: number) => low <= value && value <= high;
const percent = (shares: readonly number[]) =>
  shares.map((share) => `${(100 * share).toFixed(1)}%`).join(', ');

/** Shares of draws in which the intervals hold the threshold and the slope. */
function coverage(sweep: Sweep, draws = 2000): { knot: number; slope: number } {
  const random = randomStream(2017, 'coverage', JSON.stringify(sweep));
  // Where no run is missing, all draws are of the same batch sizes and seeds.
  const complete = hingesOf(draw({ ...sweep, missing: 0 }, random));
  let [knot, slope] = [0, 0];
  for (let i = 0; i < draws; i++) {
    const points = draw(sweep, random);
    const y = withinSeeds(points, (point) => point.y);
    const { knotInterval, slopeInterval } = fitBrokenStick(sweep.missing ? hingesOf(points) : complete, y);
    if (within(knotInterval, sweep.knot)) knot++;
    if (within(slopeInterval, slopeOf(sweep))) slope++;
  }
  return { knot: knot / draws, slope: slope / draws };
}

/** The share of draws in which a change is found, and of these the share whose interval holds the threshold. */
function detection(sweep: Sweep, draws: number): { found: number; covered: number } {
  const random = randomStream(2017, 'detection', JSON.stringify(sweep));
  let [found, covered] = [0, 0];
  for (let i = 0; i < draws; i++) {
    const observations = draw(sweep, random).map(({ seed, x, y }) => ({ batchSize: 2 ** x, seed, value: y }));
    const result = changePoint(observations, 99);
    if (result.kind !== 'change') continue;
    found++;
    if (within(result.interval, 2 ** sweep.knot)) covered++;
  }
  return { found: found / draws, covered: covered / found };
}

/** The share of draws whose means lie too far from a broken stick, at the 5% level. */
function misfit(sweep: Sweep, draws: number): number {
  const random = randomStream(2017, 'misfit', JSON.stringify(sweep));
  let told = 0;
  for (let i = 0; i < draws; i++) {
    const points = draw(sweep, random);
    const y = withinSeeds(points, (point) => point.y);
    if (lackOfFit(points, y, bestKnot(hingesOf(points), y).explained)!.pValue <= 0.05) told++;
  }
  return told / draws;
}

const UNCHANGED = { knot: 1, change: 0 };
const within3StandardErrors = (observed: number, expected: number, draws: number) =>
  expect(Math.abs(observed - expected)).toBeLessThanOrEqual(
    3 * Math.sqrt((expected * (1 - expected)) / draws),
  );

describe('a measure that does not change', () => {
  test.each(DESIGNS)('changes by $sizes batch sizes and $seeds seeds in 5% of the draws', (design) => {
    const draws = 2000;
    const alarms = (other: Partial<Sweep>) => detection({ ...design, ...UNCHANGED, ...other }, draws).found;
    const all = alarms({});
    const others = [alarms({ missing: 3 }), alarms({ noise: heavyTails })];
    within3StandardErrors(all, 0.05, draws);
    // Where few permutations tie, or the interval of the slope holds 0, there are fewer.
    for (const share of others) expect(share).toBeLessThanOrEqual(0.05 + 3 * Math.sqrt(0.0475 / draws));
    console.log(`false alarms: ${percent([all, ...others])} (all runs, three missing, heavy tails)`);
  });

  test('seems to change more often where its noise grows with the batch size, which no permutation knows of', () => {
    const shares = DESIGNS.map(
      (design) => detection({ ...design, ...UNCHANGED, noise: growing(2, design.sizes) }, 1000).found,
    );
    for (const share of shares) expect(share).toBeGreaterThan(0.05);
    console.log(`false alarms where the noise doubles: ${percent(shares)}`);
  });
});

describe('the interval of a threshold', () => {
  test.each(DESIGNS)(
    'of $sizes batch sizes and $seeds seeds covers it in 92% to 99% of the draws',
    (design) => {
      const last = design.sizes - 1;
      const cells = [0.5, 0.4 * last, last - 1.5, last - 1, last - 0.5].flatMap((knot) =>
        [2, 4, 8, 16].map((change) => ({ ...design, knot, change })),
      );
      const missing = [4, 8, 16].map((change) => ({
        ...design,
        knot: 1.5,
        change,
        missing: design.sizes - 2,
      }));
      const found = [...cells, ...missing].map((sweep) => coverage(sweep));
      const ranges = (['knot', 'slope'] as const).map((which) => {
        const shares = found.map((cell) => cell[which]);
        const range = [Math.min(...shares), Math.max(...shares)];
        expect(range[0]).toBeGreaterThanOrEqual(0.92);
        expect(range[1]).toBeLessThanOrEqual(0.99);
        return percent(range);
      });
      console.log(`coverage of the threshold from ${ranges[0]}, of the slope from ${ranges[1]}`);
    },
  );

  test('covers it in 91% or more of the changes that are found, where most are', () => {
    const sweeps = DESIGNS.map((design) => ({ ...design, knot: design.sizes / 2 - 0.5, change: 2 }));
    const found = sweeps.map((sweep) => detection(sweep, 1000));
    for (const { covered } of found) expect(covered).toBeGreaterThanOrEqual(0.91);
    console.log(
      `a change of 2 standard deviations: found in ${percent(found.map((share) => share.found))}, ` +
        `covered in ${percent(found.map(({ covered }) => covered))} of these`,
    );
  });

  test('covers it more often than percentiles over whole seeds drawn anew, of which three make ten sets alone', () => {
    const draws = 400;
    const shares = DESIGNS.map(({ sizes, seeds }) => {
      const random = randomStream(2017, 'bootstrap', sizes, seeds);
      const sweep = { sizes, seeds, knot: 1.5, change: 8 };
      const hinges = hingesOf(draw(sweep, random));
      let covered = 0;
      for (let i = 0; i < draws; i++) {
        const y = withinSeeds(draw(sweep, random), (point) => point.y);
        const knots = Array.from({ length: 199 }, () => {
          const drawn = Array.from({ length: seeds }, () => random.integer(0, seeds - 1));
          const again = drawn.flatMap((seed) => [...y.subarray(seed * sizes, (seed + 1) * sizes)]);
          return bestKnot(hinges, Float64Array.from(again)).knot;
        }).sort((a, b) => a - b);
        if (within([knots[4], knots[194]], sweep.knot)) covered++;
      }
      return covered / draws;
    });
    for (const share of shares) expect(share).toBeLessThan(0.9);
    console.log(`thresholds covered by a bootstrap of seeds: ${percent(shares)}`);
  });

  test('covers it with heavy tails, and less often where the model is wrong', () => {
    const of = (other: Partial<Sweep>) =>
      DESIGNS.map((design) => coverage({ ...design, knot: 1.5, change: 8, ...other }));
    const knots = (cells: ReturnType<typeof of>) => cells.map(({ knot }) => knot);
    const slopes = (cells: ReturnType<typeof of>) => cells.map(({ slope }) => slope);
    const tails = of({ noise: heavyTails });
    const knotSpread = of({ knotSpread: 0.5 });
    const slopeSpread = of({ slopeSpread: 0.3 });
    const bend = of({ bends: true });
    const doubling = DESIGNS.map((design) =>
      coverage({ ...design, knot: 1.5, change: 8, noise: growing(2, design.sizes) }),
    );
    for (const share of [...knots(tails), ...slopes(tails)]) expect(share).toBeGreaterThan(0.92);
    for (const share of [...knots(knotSpread), ...slopes(slopeSpread)]) expect(share).toBeLessThan(0.95);
    for (const share of knots(bend)) expect(share).toBeLessThan(0.5);
    console.log(
      `thresholds covered: heavy tails ${percent(knots(tails))}; noise that doubles ${percent(knots(doubling))}; ` +
        `thresholds half a doubling apart between seeds ${percent(knots(knotSpread))}; a bend ${percent(knots(bend))}\n` +
        `slopes covered: noise that doubles ${percent(slopes(doubling))}; ` +
        `slopes 30% apart between seeds ${percent(slopes(slopeSpread))}`,
    );
  });
});

describe('the lack of fit', () => {
  const draws = 1000;
  const of = (other: Omit<Sweep, 'sizes' | 'seeds'>) =>
    DESIGNS.map((design) => misfit({ ...design, ...other }, draws));

  test('of a true broken stick is told in 5% of the draws, or fewer, also with heavy tails and runs missing', () => {
    const cells = {
      'all runs': of({ knot: 1.5, change: 8 }),
      'heavy tails': of({ knot: 1.5, change: 8, noise: heavyTails }),
      'two missing': of({ knot: 1.5, change: 8, missing: 2 }),
    };
    for (const share of Object.values(cells).flat())
      expect(share).toBeLessThanOrEqual(0.05 + 3 * Math.sqrt(0.0475 / draws));
    const words = Object.entries(cells).map(([name, shares]) => `${name} ${percent(shares)}`);
    console.log(`sticks told to be none: ${words.join('; ')}`);
  });

  test('of a measure that bends gently is told more often the larger the change, but not of four batch sizes, which a stick goes through', () => {
    const [small, large] = [8, 16].map((change) => of({ knot: 1.5, change, bends: true }));
    DESIGNS.forEach(({ sizes }, i) =>
      sizes > 4
        ? expect(large[i]).toBeGreaterThan(small[i])
        : expect(large[i]).toBeLessThanOrEqual(0.05 + 3 * Math.sqrt(0.0475 / draws)),
    );
    console.log(`bends told: ${percent(small)} (8 times the noise), ${percent(large)} (16 times)`);
  });

  test('of one that goes up and stays level from the middle on is told in most draws', () => {
    const shares = [8, 16].map((change) => {
      const random = randomStream(2017, 'levels off', change);
      let told = 0;
      for (let i = 0; i < draws; i++) {
        const points = [0, 1, 2].flatMap((seed) =>
          Array.from({ length: 7 }, (_, x) => ({
            seed,
            x,
            y: (change * Math.min(x, 3)) / 3 + random.normal(),
          })),
        );
        const y = withinSeeds(points, (point) => point.y);
        if (lackOfFit(points, y, bestKnot(hingesOf(points), y).explained)!.pValue <= 0.05) told++;
      }
      return told / draws;
    });
    for (const share of shares) expect(share).toBeGreaterThan(0.9);
    console.log(`measures that level off told: ${percent(shares)} (8 and 16 times the noise)`);
  });
});
