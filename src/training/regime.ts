/** Small batch and large batch. */
export const REGIMES = ['SB', 'LB'] as const;
export type Regime = (typeof REGIMES)[number];
