import { SPACES, type Space } from '../../jobs/measure';
import type { PaperNetwork } from '../../model/networks';
import type { Regime } from '../../training/regime';

/** The sizes of the box that the paper measures in. */
export const EPSILONS = [1e-3, 5e-4] as const;

/** Where Metric 2.1 is measured: a space, and the size of the box in it. */
export interface Box {
  readonly space: Space;
  readonly epsilon: number;
}

/** The boxes of Tables 3 and 4. */
export const BOXES: readonly Box[] = SPACES.flatMap((space) =>
  EPSILONS.map((epsilon) => ({ space, epsilon })),
);

/** The box of the figures. */
export const FIGURE_BOX: Box = BOXES[0];

type Pair = Readonly<Record<Regime, number>>;

/** What Keskar et al. 2017 found for a network, means over five trials. */
export interface PublishedResults {
  /** Table 2, shares of the images. */
  readonly trainAccuracy: Pair;
  readonly testAccuracy: Pair;
  /** Tables 3 and 4: φ in each space, one pair for each ε of {@link EPSILONS}. */
  readonly sharpness: Readonly<Record<Space, readonly [Pair, Pair]>>;
}

const pair = (SB: number, LB: number): Pair => ({ SB, LB });
const shares = (SB: number, LB: number): Pair => ({ SB: SB / 100, LB: LB / 100 });

/** Tables 2, 3 and 4 of the paper. */
export const PUBLISHED: Readonly<Record<PaperNetwork, PublishedResults>> = {
  F1: {
    trainAccuracy: shares(99.66, 99.92),
    testAccuracy: shares(98.03, 97.81),
    sharpness: {
      full: [pair(1.23, 205.14), pair(0.61, 42.9)],
      subspace: [pair(0.11, 9.22), pair(0.05, 9.17)],
    },
  },
  C1: {
    trainAccuracy: shares(99.89, 99.66),
    testAccuracy: shares(80.04, 77.26),
    sharpness: {
      full: [pair(28.58, 707.23), pair(7.08, 227.31)],
      subspace: [pair(2.18, 137.25), pair(0.71, 29.5)],
    },
  },
  C2: {
    trainAccuracy: shares(99.99, 99.99),
    testAccuracy: shares(89.24, 87.26),
    sharpness: {
      full: [pair(8.68, 925.32), pair(2.07, 175.31)],
      subspace: [pair(0.95, 25.09), pair(0.31, 5.82)],
    },
  },
  C3: {
    trainAccuracy: shares(99.56, 99.88),
    testAccuracy: shares(49.58, 46.45),
    sharpness: {
      full: [pair(29.85, 258.75), pair(8.56, 105.11)],
      subspace: [pair(17.02, 236.03), pair(4.03, 86.96)],
    },
  },
  C4: {
    trainAccuracy: shares(99.1, 99.57),
    testAccuracy: shares(63.08, 57.81),
    sharpness: {
      full: [pair(12.83, 421.84), pair(4.07, 109.35)],
      subspace: [pair(6.05, 72.99), pair(1.89, 19.85)],
    },
  },
};
