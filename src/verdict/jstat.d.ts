declare module 'jstat' {
  export const jStat: {
    studentt: {
      /** Quantile of Student's t at probability p with `dof` degrees of freedom. */
      inv(p: number, dof: number): number;
    };
    centralF: {
      /** P(F ≤ x) of Fisher's F with `df1` and `df2` degrees of freedom. */
      cdf(x: number, df1: number, df2: number): number;
    };
    noncentralt: {
      /** P(T ≤ x) of Student's t with `dof` degrees of freedom and noncentrality `ncp`. */
      cdf(x: number, dof: number, ncp: number): number;
    };
    beta: {
      /** Quantile of the beta law at probability p. */
      inv(p: number, alpha: number, beta: number): number;
    };
    binomial: {
      /** P(X ≤ k) of n trials with probability p each. */
      cdf(k: number, n: number, p: number): number;
    };
  };
}
