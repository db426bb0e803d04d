import { beforeAll, describe, expect, jest, test } from '@jest/globals';
import fc from 'fast-check';
import { inThisThread, type Compute } from '../../src/compute/compute';
import { firstImages } from '../../src/data/dataset';
import { formulaWeights } from '../../src/model/formula';
import { simpleVgg } from '../../src/model/networks';
import { randomStream } from '../../src/support/random';
import { symmetricEigen } from '../../src/sharpness/eigen';
import {
  hessianOperator,
  hessianTrace,
  topEigenvalue,
  type HessianOperator,
} from '../../src/sharpness/hessian';
import { evenly, seeds } from '../helpers/arbitraries';
import { describeEngines } from '../helpers/describe-engines';
import { sampleImages, sharpnessReference, softmaxRegression } from '../helpers/fixtures';

jest.setTimeout(300_000);

type Matrix = readonly (readonly number[])[];

/** What a symmetric matrix does, counting its products. */
function operatorOf(matrix: Matrix): HessianOperator & { products(): number } {
  let products = 0;
  return {
    size: matrix.length,
    async product(v, out) {
      products++;
      matrix.forEach((row, i) => (out[i] = row.reduce((sum, value, j) => sum + value * v[j], 0)));
    },
    products: () => products,
  };
}

/** Q diag(eigenvalues) Qᵀ with a random orthogonal Q, made of reflections. */
function turned(eigenvalues: readonly number[], seed: number): Matrix {
  const random = randomStream(seed, 'reflections');
  const size = eigenvalues.length;
  const matrix = eigenvalues.map((value, i) => eigenvalues.map((_, j) => (i === j ? value : 0)));
  for (let reflection = 0; reflection < 4; reflection++) {
    const u = eigenvalues.map(() => random.normal());
    const square = u.reduce((sum, value) => sum + value * value, 0);
    const reflect = (row: number[]) => {
      const part = (2 * row.reduce((sum, value, j) => sum + value * u[j], 0)) / square;
      u.forEach((value, j) => (row[j] -= part * value));
    };
    matrix.forEach(reflect);
    for (let j = 0; j < size; j++) {
      const column = matrix.map((row) => row[j]);
      reflect(column);
      column.forEach((value, i) => (matrix[i][j] = value));
    }
  }
  return matrix;
}

const spectra = fc.record({
  eigenvalues: fc.array(evenly(-10, 10), { minLength: 1, maxLength: 40 }),
  seed: seeds,
});
const magnitude = (eigenvalues: readonly number[]) => Math.max(...eigenvalues.map(Math.abs));
const nearest = (eigenvalues: readonly number[], value: number) =>
  Math.min(...eigenvalues.map((eigenvalue) => Math.abs(eigenvalue - value)));

/** Of the magnitude: the vectors are kept as float32. */
const ROUNDING = 2e-6;

describe('eigenvalues of a small symmetric matrix', () => {
  test('are those that it was made of, and its vectors are orthonormal and only stretched', () => {
    fc.assert(
      fc.property(spectra, ({ eigenvalues, seed }) => {
        const matrix = turned(eigenvalues, seed);
        const { values, vectors } = symmetricEigen(matrix);
        const tolerance = 1e-12 * (1 + magnitude(eigenvalues));
        const sorted = (list: readonly number[]) => [...list].sort((a, b) => a - b);
        sorted(values).forEach((value, i) =>
          expect(Math.abs(value - sorted(eigenvalues)[i])).toBeLessThan(tolerance),
        );
        values.forEach((value, j) => {
          const vector = vectors.map((row) => row[j]);
          matrix.forEach((row, i) => {
            const image = row.reduce((sum, entry, k) => sum + entry * vector[k], 0);
            expect(Math.abs(image - value * vector[i])).toBeLessThan(tolerance);
          });
          expect(Math.abs(vector.reduce((sum, x) => sum + x * x, 0) - 1)).toBeLessThan(1e-12);
        });
      }),
    );
  });
});

describe('the ends of a spectrum', () => {
  test('lie within their residuals of eigenvalues, and never beyond the outermost ones', async () => {
    await fc.assert(
      fc.asyncProperty(spectra, fc.integer({ min: 1, max: 12 }), async ({ eigenvalues, seed }, steps) => {
        const operator = operatorOf(turned(eigenvalues, seed));
        const { largest, smallest, products } = await topEigenvalue(operator, randomStream(seed), {
          steps,
          tolerance: 0,
        });
        const rounding = ROUNDING * (magnitude(eigenvalues) + 1e-9);
        for (const { value, residual } of [largest, smallest]) {
          expect(nearest(eigenvalues, value)).toBeLessThanOrEqual(residual + rounding);
        }
        expect(largest.value).toBeLessThanOrEqual(Math.max(...eigenvalues) + rounding);
        expect(smallest.value).toBeGreaterThanOrEqual(Math.min(...eigenvalues) - rounding);
        expect(products).toBe(operator.products());
        expect(products).toBeLessThanOrEqual(Math.min(steps, eigenvalues.length));
      }),
    );
  });

  test('are exact, and say so, after as many products as there are rows', async () => {
    await fc.assert(
      fc.asyncProperty(spectra, async ({ eigenvalues, seed }) => {
        const { largest, smallest } = await topEigenvalue(
          operatorOf(turned(eigenvalues, seed)),
          randomStream(seed),
          { steps: eigenvalues.length, tolerance: 0 },
        );
        const rounding = ROUNDING * (magnitude(eigenvalues) + 1e-9);
        expect(Math.abs(largest.value - Math.max(...eigenvalues))).toBeLessThanOrEqual(rounding);
        expect(Math.abs(smallest.value - Math.min(...eigenvalues))).toBeLessThanOrEqual(rounding);
        expect(largest.residual).toBeLessThanOrEqual(rounding);
      }),
    );
  });

  test('have residuals as large as what the vectors are away from being only stretched', async () => {
    // Of two rows the first step is by hand: the start q, the value q·Hq, and the residual |Hq − (q·Hq) q|.
    const starts: number[][] = [];
    const operator: HessianOperator = {
      size: 2,
      async product(v, out) {
        starts.push([...v]);
        out.set([3 * v[0], -v[1]]);
      },
    };
    const { largest } = await topEigenvalue(operator, randomStream(3), { steps: 1 });
    const [[x, y]] = starts;
    const value = 3 * x * x - y * y;
    expect(largest.value).toBeCloseTo(value, 6);
    expect(largest.residual).toBeCloseTo(Math.hypot(3 * x - value * x, -y - value * y), 6);
    expect(largest.residual).toBeGreaterThan(0.1);
  });

  test('take no more products than the tolerance asks for', async () => {
    const eigenvalues = Array.from({ length: 60 }, (_, i) => (i === 0 ? 50 : i / 60));
    const operator = operatorOf(turned(eigenvalues, 1));
    const { largest, products } = await topEigenvalue(operator, randomStream(1), { tolerance: 1e-3 });
    expect(products).toBeLessThan(8);
    expect(largest.residual).toBeLessThanOrEqual(0.05);
    expect(Math.abs(largest.value - 50)).toBeLessThanOrEqual(largest.residual);
  });

  test('of a matrix of zeros are 0', async () => {
    const zeros = operatorOf([
      [0, 0],
      [0, 0],
    ]);
    expect(await topEigenvalue(zeros, randomStream(1))).toEqual({
      largest: { value: 0, residual: 0 },
      smallest: { value: 0, residual: 0 },
      products: 1,
    });
  });
});

describe('the trace by vectors of signs', () => {
  test('of a diagonal matrix is exact, without any spread', async () => {
    await fc.assert(
      fc.asyncProperty(spectra, async ({ eigenvalues, seed }) => {
        const matrix = eigenvalues.map((value, i) => eigenvalues.map((_, j) => (i === j ? value : 0)));
        const exact = eigenvalues.reduce((sum, value) => sum + value, 0);
        const { trace, standardError } = await hessianTrace(operatorOf(matrix), randomStream(seed), 3);
        expect(Math.abs(trace - exact)).toBeLessThan(1e-10);
        expect(standardError).toBeLessThan(1e-10);
      }),
    );
  });

  test('lies within two standard errors for about 95 of 100 seeds, and its error is what it spreads by', async () => {
    const eigenvalues = Array.from({ length: 12 }, (_, i) => (i % 3 === 0 ? -1 : i));
    const matrix = turned(eigenvalues, 1);
    const exact = eigenvalues.reduce((sum, value) => sum + value, 0);
    const samples = 40;
    // Of one sample, by the entries beside the diagonal (Hutchinson 1990).
    const variance =
      2 *
      matrix
        .flatMap((row, i) => row.filter((_, j) => i !== j))
        .reduce((sum, value) => sum + value * value, 0);
    let covered = 0;
    let squares = 0;
    const seedCount = 400;
    for (let seed = 0; seed < seedCount; seed++) {
      const result = await hessianTrace(operatorOf(matrix), randomStream(seed), samples);
      if (Math.abs(result.trace - exact) <= 2 * result.standardError) covered++;
      squares += result.standardError ** 2;
      expect(result.samples).toBe(samples);
    }
    expect(Math.abs(covered / seedCount - 0.945)).toBeLessThan(0.045);
    expect(Math.abs((squares / seedCount / variance) * samples - 1)).toBeLessThan(0.05);
  });
});

describeEngines("a network's Hessian", (opened, engineName) => {
  const reference = sharpnessReference();
  const { hessian } = reference.fixed;
  const tiny = simpleVgg('tiny', reference.network.widths, reference.network.hidden);
  const images = firstImages(sampleImages(), reference.images);
  // Where webgpu is tried on a CPU a pass takes a second.
  const there = engineName === 'webgpu' ? test.skip : test;
  let compute: Compute;
  let operator: HessianOperator;
  beforeAll(() => {
    compute = inThisThread(opened());
    operator = hessianOperator(compute, tiny, formulaWeights(tiny), images, { batchSize: images.count });
  });

  there('has the outermost eigenvalues that PyTorch finds of the whole matrix', async () => {
    const { largest, smallest } = await topEigenvalue(operator, randomStream(1), {
      steps: 30,
      tolerance: 1e-3,
    });
    const [top, bottom] = [Math.max(...hessian.topEigenvalues), Math.min(...hessian.topEigenvalues)];
    expect(Math.abs(largest.value - top)).toBeLessThanOrEqual(largest.residual + 1e-5);
    expect(largest.residual).toBeLessThan(1e-2);
    // A simple eigenvalue's error goes by the square of the residual.
    expect(Math.abs(largest.value / top - 1)).toBeLessThan(1e-4);
    expect(Math.abs(smallest.value - bottom)).toBeLessThanOrEqual(smallest.residual + 1e-5);
  });

  there("has PyTorch's trace within the error that sampling leaves", async () => {
    const samples = 60;
    const { trace, standardError } = await hessianTrace(operator, randomStream(1), samples);
    const error = Math.sqrt(hessian.signsVariance / samples);
    expect(Math.abs(trace - hessian.trace)).toBeLessThan(3 * error);
    expect(standardError / error).toBeGreaterThan(0.7);
    expect(standardError / error).toBeLessThan(1.4);
  });

  there('is that of the closed form for softmax regression', async () => {
    const architecture = softmaxRegression();
    const { topEigenvalue: top, trace: exact } = reference.softmaxRegression;
    const regression = hessianOperator(compute, architecture, formulaWeights(architecture), images, {
      batchSize: images.count,
    });
    const { largest, smallest } = await topEigenvalue(regression, randomStream(1), { tolerance: 1e-4 });
    expect(Math.abs(largest.value - top)).toBeLessThanOrEqual(largest.residual + 1e-6 * top);
    expect(Math.abs(largest.value / top - 1)).toBeLessThan(1e-5);
    // The loss is convex.
    expect(smallest.value).toBeGreaterThan(-1e-3);
    const { trace, standardError } = await hessianTrace(regression, randomStream(1), 30);
    expect(Math.abs(trace - exact)).toBeLessThan(3 * standardError);
    expect(standardError / exact).toBeLessThan(0.05);
  });
});
