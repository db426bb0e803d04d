import type { ImageResults } from '../training/evaluate';
import { precision, short, verdictOf, type Claim, type Estimate, type SeedEstimate } from './claim';
import { criticalT, fairCoinP, meanInterval, proportionInterval } from './interval';

/** How a seed's two minimizers do on the same test images. */
export interface PairedTest {
  readonly images: number;
  /** Images that only one of the two classifies right. */
  readonly onlySmallBatchRight: number;
  readonly onlyLargeBatchRight: number;
  /** Mean over the images of LB's loss less SB's, in nats, and its standard error. */
  readonly lossDifference: number;
  readonly lossDifferenceError: number;
}

export interface SeedTest extends PairedTest {
  readonly seed: number;
}

/** Pairs the results of two minimizers image by image; both over the same images, at least two. */
export function pairTests(smallBatch: ImageResults, largeBatch: ImageResults): PairedTest {
  const images = smallBatch.losses.length;
  let [onlySmallBatchRight, onlyLargeBatchRight, sum] = [0, 0, 0];
  for (let i = 0; i < images; i++) {
    if (smallBatch.correct[i] > largeBatch.correct[i]) onlySmallBatchRight++;
    if (largeBatch.correct[i] > smallBatch.correct[i]) onlyLargeBatchRight++;
    sum += largeBatch.losses[i] - smallBatch.losses[i];
  }
  const lossDifference = sum / images;
  let squares = 0;
  for (let i = 0; i < images; i++) {
    squares += (largeBatch.losses[i] - smallBatch.losses[i] - lossDifference) ** 2;
  }
  const lossDifferenceError = Math.sqrt(squares / (images - 1) / images);
  return { images, onlySmallBatchRight, onlyLargeBatchRight, lossDifference, lossDifferenceError };
}

/**
 * SB's test accuracy less LB's. Its interval is the exact one of McNemar's test (McNemar 1947), given how many
 * images the two disagree on, and leaves out 0 exactly where that test's p is below 5%.
 */
export function accuracyGap({ images, onlySmallBatchRight, onlyLargeBatchRight }: PairedTest): {
  estimate: number;
  interval: [number, number];
  p: number;
} {
  const disagreeing = onlySmallBatchRight + onlyLargeBatchRight;
  const gap = (share: number) => ((2 * share - 1) * disagreeing) / images;
  if (disagreeing === 0) return { estimate: 0, interval: [NaN, NaN], p: 1 };
  const [low, high] = proportionInterval(onlySmallBatchRight, disagreeing);
  return {
    estimate: gap(onlySmallBatchRight / disagreeing),
    interval: [gap(low), gap(high)],
    p: fairCoinP(onlySmallBatchRight, disagreeing),
  };
}

/** LB's test loss less SB's, with the interval of its paired differences. */
export function lossGap({ images, lossDifference, lossDifferenceError }: PairedTest): {
  estimate: number;
  interval: [number, number];
} {
  const reach = criticalT(images) * lossDifferenceError;
  return { estimate: lossDifference, interval: [lossDifference - reach, lossDifference + reach] };
}

/** What a claim on the test accuracy of two minimizers says. */
export interface AccuracyWords {
  readonly id: string;
  readonly statement: string;
  /** The first one's accuracy and the second's, as in "SB's test accuracy" and "LB's". */
  readonly first: string;
  readonly second: string;
  readonly shownBy: string;
}

/**
 * The claim that the first of two minimizers classifies more test images right than the second: PASS where the interval
 * of the gap lies above 0. With one seed it is over test images, with several over seeds.
 *
 * @param seeds at least one; in each the first stands in SB's place, the second in LB's.
 */
export function moreTestImagesRight(
  { id, statement, first, second, shownBy }: AccuracyWords,
  seeds: readonly SeedTest[],
): Claim {
  const points = (share: number) => (100 * share).toFixed(2);
  const mcnemar = seeds.length === 1 ? `, McNemar p ${pValue(accuracyGap(seeds[0]).p)}` : '';
  const gap = gapOver(seeds.map((test) => ({ ...accuracyGap(test), ...observed(test) })));
  return {
    id,
    statement,
    ...gap,
    reason:
      `${first} is ${points(gap.estimate)} points above ${second} ` +
      `${precision(gap, points)}${mcnemar}: ${ending(gap)}`,
    unit: 'share',
    shownBy,
  };
}

/**
 * The claims that LB generalises worse: its test accuracy is lower, its test loss higher. With one seed the
 * interval is over test images, with several over seeds.
 */
export function generalisesWorse(seeds: readonly SeedTest[]): Claim[] {
  const loss = gapOver(seeds.map((test) => ({ ...lossGap(test), ...observed(test) })));
  return [
    moreTestImagesRight(
      {
        id: 'lb-test-accuracy-lower',
        statement: 'LB classifies fewer test images right than SB.',
        first: "SB's test accuracy",
        second: "LB's",
        shownBy: 'Generalization',
      },
      seeds,
    ),
    {
      id: 'lb-test-loss-higher',
      statement: "LB's test loss is higher than SB's.",
      ...loss,
      reason: `LB's test loss is ${short(loss.estimate)} nats above SB's ${precision(loss)}: ${ending(loss)}`,
      unit: 'nats',
      shownBy: 'Generalization',
    },
  ];
}

function observed({ seed, images }: SeedTest) {
  return { seed, n: images, over: 'images' } as const;
}

/** The one seed's own gap, or the mean over several. */
function gapOver(seeds: readonly SeedEstimate[]): Estimate & Pick<Claim, 'verdict' | 'bySeed'> {
  const bySeed = seeds.map(({ seed, estimate, interval, n, over }) => ({
    seed,
    estimate,
    interval,
    n,
    over,
  }));
  if (bySeed.length === 1) {
    const [{ estimate, interval, n, over }] = bySeed;
    return { estimate, interval, n, over, verdict: verdictOf(interval, 0), bySeed };
  }
  const { mean, low, high, n } = meanInterval(bySeed.map(({ estimate }) => estimate));
  const interval = [low, high] as const;
  return { estimate: mean, interval, n, over: 'seeds', verdict: verdictOf(interval, 0), bySeed };
}

function ending({ verdict }: Pick<Claim, 'verdict'>): string {
  return {
    PASS: 'the interval lies above 0',
    FAIL: 'the interval lies below 0, against the claim',
    INCONCLUSIVE: 'the interval holds 0',
  }[verdict];
}

function pValue(p: number): string {
  return p < 0.0001 ? 'below 0.0001' : p.toPrecision(2);
}
