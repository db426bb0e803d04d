declare module 'jstat' {
  export const jStat: {
    studentt: {
      /** Quantile of Student's t at probability p with `dof` degrees of freedom. */
      inv(p: number, dof: number): number;
    };
  };
}
