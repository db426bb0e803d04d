// The functions of fixtures/make_lbfgsb_reference.py. Each writes its gradient and gives its value.

export type Objective = (x: Float64Array, gradient: Float64Array) => number;

/** ½ Σ d_i x_i² + coupling · Σ x_i x_{i+1} + b·x. */
export interface QuadraticParameters {
  readonly diagonal: readonly number[];
  readonly coupling: number;
  readonly linear: readonly number[];
}

export function quadratic({ diagonal, coupling, linear }: QuadraticParameters): Objective {
  return (x, gradient) => {
    let value = 0;
    for (let i = 0; i < x.length; i++) {
      const product = diagonal[i] * x[i] + coupling * ((x[i + 1] ?? 0) + (x[i - 1] ?? 0));
      value += x[i] * (0.5 * product + linear[i]);
      gradient[i] = product + linear[i];
    }
    return value;
  };
}

export const rosenbrock: Objective = (x, gradient) => {
  gradient.fill(0);
  let value = 0;
  for (let i = 0; i + 1 < x.length; i++) {
    const a = x[i];
    const rest = x[i + 1] - a * a;
    value += 100 * rest * rest + (1 - a) * (1 - a);
    gradient[i] += -400 * a * rest - 2 * (1 - a);
    gradient[i + 1] += 200 * rest;
  }
  return value;
};

const driver: Objective = (x, gradient) => {
  gradient.fill(0);
  gradient[0] = 2 * (x[0] - 1);
  let value = (x[0] - 1) * (x[0] - 1);
  for (let i = 0; i + 1 < x.length; i++) {
    const rest = x[i + 1] - x[i] * x[i];
    value += 4 * rest * rest;
    gradient[i] += -16 * x[i] * rest;
    gradient[i + 1] += 8 * rest;
  }
  return value;
};

const beale: Objective = ([a, b], gradient) => {
  gradient.fill(0);
  let value = 0;
  for (const [power, constant] of [1.5, 2.25, 2.625].entries()) {
    const rest = constant - a * (1 - b ** (power + 1));
    value += rest * rest;
    gradient[0] += 2 * rest * (b ** (power + 1) - 1);
    gradient[1] += 2 * rest * a * (power + 1) * b ** power;
  }
  return value;
};

const booth: Objective = ([a, b], gradient) => {
  const one = a + 2 * b - 7;
  const two = 2 * a + b - 5;
  gradient.set([2 * one + 4 * two, 4 * one + 2 * two]);
  return one * one + two * two;
};

const hockSchittkowski5: Objective = ([a, b], gradient) => {
  const slope = Math.cos(a + b);
  gradient.set([slope + 2 * (a - b) - 1.5, slope - 2 * (a - b) + 2.5]);
  return Math.sin(a + b) + (a - b) * (a - b) - 1.5 * a + 2.5 * b + 1;
};

const hockSchittkowski38: Objective = ([a, b, c, d], gradient) => {
  const ab = b - a * a;
  const cd = d - c * c;
  gradient.set([
    -400 * a * ab - 2 * (1 - a),
    200 * ab + 20.2 * (b - 1) + 19.8 * (d - 1),
    -360 * c * cd - 2 * (1 - c),
    180 * cd + 20.2 * (d - 1) + 19.8 * (b - 1),
  ]);
  const wells = 100 * ab * ab + (1 - a) ** 2 + 90 * cd * cd + (1 - c) ** 2;
  return wells + 10.1 * ((b - 1) ** 2 + (d - 1) ** 2) + 19.8 * (b - 1) * (d - 1);
};

const hockSchittkowski45: Objective = (x, gradient) => {
  for (let i = 0; i < x.length; i++)
    gradient[i] = -x.reduce((all, xj, j) => (j === i ? all : all * xj), 1) / 120;
  return 2 - x.reduce((all, xi) => all * xi, 1) / 120;
};

const hockSchittkowski110: Objective = (x, gradient) => {
  const root = x.reduce((all, xi) => all * xi, 1) ** 0.2;
  let value = -root;
  for (let i = 0; i < x.length; i++) {
    const low = Math.log(x[i] - 2);
    const high = Math.log(10 - x[i]);
    value += low * low + high * high;
    gradient[i] = (2 * low) / (x[i] - 2) - (2 * high) / (10 - x[i]) - (0.2 * root) / x[i];
  }
  return value;
};

/** By the names that the fixture has for them. */
export const OBJECTIVES: Readonly<Record<string, Objective>> = {
  rosenbrock,
  driver,
  beale,
  booth,
  hock_schittkowski_5: hockSchittkowski5,
  hock_schittkowski_38: hockSchittkowski38,
  hock_schittkowski_45: hockSchittkowski45,
  hock_schittkowski_110: hockSchittkowski110,
};

/** Functions of one variable with their slopes. */
export const CURVES: Readonly<Record<string, (t: number) => [number, number]>> = {
  quotient: (t) => [-t / (t * t + 2), (t * t - 2) / (t * t + 2) ** 2],
  powers: (t) => [(t + 0.004) ** 5 - 2 * (t + 0.004) ** 4, 5 * (t + 0.004) ** 4 - 8 * (t + 0.004) ** 3],
  ripples: (t) => [1 - 10 * t + 30 * t * t + Math.sin(40 * t) / 10, -10 + 60 * t + 4 * Math.cos(40 * t)],
  decay: (t) => [Math.exp(-t), -Math.exp(-t)],
  quartic: (t) => [t ** 4 - t, 4 * t ** 3 - 1],
  rounded_corner: (t) => {
    const root = Math.sqrt((t - 1) ** 2 + 1e-6);
    return [root, (t - 1) / root];
  },
  dropping: (t) => [-t - Math.atan(8 * (t - 1)), -1 - 8 / (1 + 64 * (t - 1) ** 2)],
  sagging: (t) => [-t / 2 - Math.atan(3 * (t - 1)), -0.5 - 3 / (1 + 9 * (t - 1) ** 2)],
};
