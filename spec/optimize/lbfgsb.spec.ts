import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { minimizeInBox, type BoxProblem, type LbfgsbOptions } from '../../src/optimize/lbfgsb';
import { evenly } from '../helpers/arbitraries';
import { quadratic, rosenbrock, type Objective } from './functions';
import { inBox, lbfgsbReference, problemOf } from './reference';

const root = join(__dirname, '../..');
const { problems } = lbfgsbReference();

const STOPPED_BY: Record<string, string> = {
  'CONVERGENCE: NORM OF PROJECTED GRADIENT <= PGTOL': 'gradient tolerance',
  'CONVERGENCE: RELATIVE REDUCTION OF F <= FACTR*EPSMCH': 'function tolerance',
};

interface Kept {
  readonly x: number[];
  readonly value: number;
  readonly iteration: number;
  readonly evaluations: number;
}

/** Minimizes, and keeps the iterates. */
async function trace(problem: BoxProblem, start: readonly number[], options: Partial<LbfgsbOptions> = {}) {
  const iterates: Kept[] = [];
  const minimum = await minimizeInBox(problem, Float64Array.from(start), {
    iterations: 1000,
    ...options,
    onIterate: (iterate) => iterates.push({ ...iterate, x: [...iterate.x] }),
  });
  return { ...minimum, iterates };
}

/** How far two points lie apart at most, relative to the larger of the second's entries and 1. */
function difference(x: ArrayLike<number>, expected: readonly number[]): number {
  const size = Math.max(1, ...expected.map(Math.abs));
  return Math.max(...expected.map((value, i) => Math.abs(x[i] - value))) / size;
}

describe('L-BFGS-B', () => {
  describe.each(problems)('on $name', (reference) => {
    const solved = () => trace(problemOf(reference), reference.start, { memory: reference.memory });

    test('goes the way of SciPy', async () => {
      const { iterates } = await solved();
      for (const [i, { x, value }] of reference.iterates.entries()) {
        expect(difference(iterates[i].x, x)).toBeLessThan(1e-9);
        expect(Math.abs(iterates[i].value - value)).toBeLessThan(1e-9 * Math.max(1, Math.abs(value)));
      }
    });

    test('ends where SciPy does, after as many steps and evaluations', async () => {
      const minimum = await solved();
      expect(minimum.iterations).toBe(reference.iterations);
      expect(minimum.evaluations).toBe(reference.evaluations);
      expect(minimum.stoppedBy).toBe(STOPPED_BY[reference.message]);
      expect(difference(minimum.x, reference.x)).toBeLessThan(1e-7);
      const { lower, upper } = problemOf(reference);
      const sides = minimum.x.map((x, i) => (x === lower[i] ? -1 : x === upper[i] ? 1 : 0));
      expect([...sides]).toEqual(reference.active);
      expect(Math.abs(minimum.value - reference.value)).toBeLessThan(
        1e-9 * Math.max(1, Math.abs(minimum.value)),
      );
    });

    test('tells of every iterate, the last of which it gives', async () => {
      const { iterates, x, value, gradient, iterations, evaluations } = await solved();
      expect(iterates.map(({ iteration }) => iteration)).toEqual(iterates.map((_, i) => i + 1));
      expect(iterates[iterates.length - 1]).toEqual({ x: [...x], value, iteration: iterations, evaluations });
      const again = new Float64Array(x.length);
      expect(await problemOf(reference).evaluate(x, again)).toBe(value);
      expect(again).toEqual(gradient);
    });
  });
});

/** A random problem; `linear` is b. */
interface Random {
  readonly diagonal: number[];
  readonly linear: number[];
  readonly lower: number[];
  readonly upper: number[];
  readonly start: number[];
}

/** Boxes of up to 8 variables, some of them without one bound or both, some without room. */
const randomProblems = (low: number, high: number) =>
  fc
    .array(
      fc.record({
        diagonal: evenly(low, high),
        linear: evenly(-3, 3),
        middle: evenly(-1, 1),
        below: fc.constantFrom(0, 0.1, 0.5, 2, low > 0 ? Infinity : 3),
        above: fc.constantFrom(0, 0.1, 0.5, 2, low > 0 ? Infinity : 3),
        start: evenly(-3, 3),
      }),
      { minLength: 1, maxLength: 8 },
    )
    .map((variables): Random => ({
      diagonal: variables.map(({ diagonal }) => diagonal),
      linear: variables.map(({ linear }) => linear),
      lower: variables.map(({ middle, below }) => middle - below),
      upper: variables.map(({ middle, above }) => middle + above),
      start: variables.map(({ start }) => start),
    }));

/** With neighbours coupled; strictly convex where the diagonal is above 2 in all. */
const coupled = ({ diagonal, linear }: Random) => quadratic({ diagonal, linear, coupling: 1 });

const TIGHT = { functionTolerance: 0, gradientTolerance: 1e-9 };

describe('in any box', () => {
  const wild = fc.oneof(
    randomProblems(-4, 4).map((random) => ({ random, objective: coupled(random) })),
    randomProblems(0.5, 4).map((random) => ({ random, objective: rosenbrock })),
  );
  const memories = fc.integer({ min: 1, max: 5 });

  test('every point that is tried lies in the box, and no iterate above the one before', async () => {
    await fc.assert(
      fc.asyncProperty(wild, memories, async ({ random, objective }, memory) => {
        const { lower, upper, start } = random;
        const tried: number[][] = [];
        const values: number[] = [];
        const watched: Objective = (x, gradient) => {
          tried.push([...x]);
          values.push(objective(x, gradient));
          return values[values.length - 1];
        };
        const { iterates, value, evaluations } = await trace(inBox(watched, lower, upper), start, { memory });
        expect(tried.every((x) => x.every((xi, i) => xi >= lower[i] && xi <= upper[i]))).toBe(true);
        expect(tried[0]).toEqual(start.map((xi, i) => Math.min(Math.max(xi, lower[i]), upper[i])));
        const course = [values[0], ...iterates.map((iterate) => iterate.value)];
        expect(course).toEqual([...course].sort((a, b) => b - a));
        expect(value).toBe(course[course.length - 1]);
        expect(evaluations).toBe(tried.length);
      }),
    );
  });

  test('a linear function is followed to the corner where it is least, and not beyond', async () => {
    await fc.assert(
      fc.asyncProperty(randomProblems(-4, -1), async ({ diagonal, linear, lower, upper, start }) => {
        const objective: Objective = (x, gradient) => {
          expect([...x].every((xi, i) => xi >= lower[i] && xi <= upper[i])).toBe(true);
          gradient.set(linear);
          return x.reduce((sum, xi, i) => sum + linear[i] * xi, diagonal[0]);
        };
        const { x } = await trace(inBox(objective, lower, upper), start, { functionTolerance: 0 });
        linear.forEach((slope, i) => {
          if (Math.abs(slope) > 1e-3)
            expect(Math.abs(x[i] - (slope > 0 ? lower : upper)[i])).toBeLessThan(2e-5);
        });
      }),
      { numRuns: 500 },
    );
  });

  test('a step along which the slope changes by rounding alone says nothing of the curvature', async () => {
    const tried: number[] = [];
    const objective: Objective = (x, gradient) => {
      tried.push(x[0]);
      gradient[0] = tried.length === 1 ? -1 : -1 + Number.EPSILON / 2;
      return -x[0];
    };
    await trace(inBox(objective, [0], [1000]), [0], { iterations: 2 });
    // With a curvature of half an epsilon the third would be 1000.
    expect(tried.slice(0, 3)).toEqual([0, 1, 2]);
  });

  test('a variable without room never moves', async () => {
    await fc.assert(
      fc.asyncProperty(wild, fc.nat(), evenly(-1, 1), async ({ random, objective }, at, place) => {
        const fixed = at % random.start.length;
        const put = (values: number[]) => values.map((value, i) => (i === fixed ? place : value));
        const problem = inBox(
          (x, gradient) => {
            expect(x[fixed]).toBe(place);
            return objective(x, gradient);
          },
          put(random.lower),
          put(random.upper),
        );
        expect((await trace(problem, random.start)).x[fixed]).toBe(place);
      }),
    );
  });

  test('the start and the bounds are left as they were', async () => {
    await fc.assert(
      fc.asyncProperty(wild, async ({ random, objective }) => {
        const problem = inBox(objective, random.lower, random.upper);
        const start = Float64Array.from(random.start);
        await minimizeInBox(problem, start, { iterations: 50 });
        expect([...start]).toEqual(random.start);
        expect([...problem.lower]).toEqual(random.lower);
        expect([...problem.upper]).toEqual(random.upper);
      }),
      { numRuns: 20 },
    );
  });
});

describe('the minimum of a strictly convex quadratic', () => {
  const convex = randomProblems(2.2, 6);

  test('has no way downhill that the box allows', async () => {
    await fc.assert(
      fc.asyncProperty(convex, fc.integer({ min: 1, max: 5 }), async (random, memory) => {
        const { lower, upper, start, diagonal, linear } = random;
        const { x } = await trace(inBox(coupled(random), lower, upper), start, { ...TIGHT, memory });
        for (let i = 0; i < x.length; i++) {
          const slope = diagonal[i] * x[i] + (x[i - 1] ?? 0) + (x[i + 1] ?? 0) + linear[i];
          if (x[i] > lower[i]) expect(slope).toBeLessThan(1e-6);
          if (x[i] < upper[i]) expect(slope).toBeGreaterThan(-1e-6);
        }
      }),
    );
  });

  test('is that of each variable where these are not coupled', async () => {
    await fc.assert(
      fc.asyncProperty(convex, async ({ diagonal, linear, lower, upper, start }) => {
        const objective = quadratic({ diagonal, linear, coupling: 0 });
        const { x } = await trace(inBox(objective, lower, upper), start, TIGHT);
        const closed = diagonal.map((d, i) => Math.min(Math.max(-linear[i] / d, lower[i]), upper[i]));
        expect(difference(x, closed)).toBeLessThan(1e-7);
        // A bound is met to the last bit, unless the start lies so near to it that there is nothing to do.
        diagonal.forEach((d, i) => {
          const beyond = Math.abs(linear[i] / d + closed[i]) > 1e-6;
          const away = Math.abs(start[i] - closed[i]) > TIGHT.gradientTolerance;
          if (beyond && away) expect(x[i]).toBe(closed[i]);
        });
      }),
      { numRuns: 500 },
    );
  });

  test('does not depend on the order of the variables', async () => {
    await fc.assert(
      fc.asyncProperty(convex, fc.array(fc.nat(), { minLength: 8, maxLength: 8 }), async (random, keys) => {
        const { lower, upper, start } = random;
        const order = start.map((_, i) => i).sort((a, b) => keys[a] - keys[b]);
        const permute = (values: ArrayLike<number>) => order.map((i) => values[i]);
        const objective = coupled(random);
        const permuted: Objective = (x, gradient) => {
          const plain = new Float64Array(x.length);
          const plainGradient = new Float64Array(x.length);
          order.forEach((i, at) => (plain[i] = x[at]));
          const value = objective(plain, plainGradient);
          gradient.set(permute(plainGradient));
          return value;
        };
        const straight = await trace(inBox(objective, lower, upper), start, TIGHT);
        const crossed = await trace(inBox(permuted, permute(lower), permute(upper)), permute(start), TIGHT);
        expect(difference(crossed.x, permute(straight.x))).toBeLessThan(1e-7);
      }),
    );
  });

  test('does not depend on the unit of the function', async () => {
    await fc.assert(
      fc.asyncProperty(convex, fc.constantFrom(1e-4, 0.1, 7, 1e4), async (random, unit) => {
        const { lower, upper, start } = random;
        const objective = coupled(random);
        const scaled: Objective = (x, gradient) => {
          const value = objective(x, gradient);
          for (let i = 0; i < x.length; i++) gradient[i] *= unit;
          return unit * value;
        };
        const plain = await trace(inBox(objective, lower, upper), start, TIGHT);
        const other = await trace(inBox(scaled, lower, upper), start, {
          functionTolerance: 0,
          gradientTolerance: 1e-9 * unit,
        });
        expect(difference(other.x, [...plain.x])).toBeLessThan(1e-6);
      }),
    );
  });
});

describe('where a function cannot be computed', () => {
  // x − c log x in each variable, with its minimum at c; not a number below 0.
  const barrier =
    (centers: readonly number[], broken: number): Objective =>
    (x, gradient) => {
      let value = 0;
      for (let i = 0; i < x.length; i++) {
        value += x[i] > 0 ? x[i] - centers[i] * Math.log(x[i]) : broken;
        gradient[i] = x[i] > 0 ? 1 - centers[i] / x[i] : broken;
      }
      return value;
    };
  const numbers = fc.constantFrom(NaN, Infinity);

  test('the minimum is found all the same', async () => {
    const centers = fc.array(fc.record({ center: evenly(0.05, 3), start: evenly(0.01, 20) }), {
      minLength: 1,
      maxLength: 5,
    });
    let met = 0;
    await fc.assert(
      fc.asyncProperty(centers, numbers, async (variables, broken) => {
        const objective = barrier(
          variables.map(({ center }) => center),
          broken,
        );
        const watched: Objective = (x, gradient) => {
          const value = objective(x, gradient);
          if (!Number.isFinite(value)) met++;
          return value;
        };
        const nowhere = variables.map(() => -Infinity);
        const { x, value } = await trace(
          inBox(
            watched,
            nowhere,
            nowhere.map(() => Infinity),
          ),
          variables.map(({ start }) => start),
          TIGHT,
        );
        expect(Number.isFinite(value)).toBe(true);
        variables.forEach(({ center }, i) => expect(Math.abs(x[i] - center)).toBeLessThan(1e-4));
      }),
    );
    expect(met).toBeGreaterThan(0);
  });

  test.each([NaN, Infinity, -Infinity])('a start where it is %d is given back', async (broken) => {
    const objective: Objective = (x, gradient) => {
      gradient.fill(0);
      return broken;
    };
    const { stoppedBy, x, iterations, evaluations } = await trace(inBox(objective, [0, 0], [1, 1]), [0.5, 7]);
    expect({ stoppedBy, x: [...x], iterations, evaluations }).toEqual({
      stoppedBy: 'line search',
      x: [0.5, 1],
      iterations: 0,
      evaluations: 1,
    });
  });

  test('a start with a gradient that is not a number is given back', async () => {
    const objective: Objective = (x, gradient) => {
      gradient.set([1, NaN]);
      return 1;
    };
    const { stoppedBy, x } = await trace(inBox(objective, [-1, -1], [1, 1]), [0.5, 0.5]);
    expect({ stoppedBy, x: [...x] }).toEqual({ stoppedBy: 'line search', x: [0.5, 0.5] });
  });

  test('after twenty steps that fail the best point is given, if nothing was learned before', async () => {
    let calls = 0;
    const objective: Objective = (x, gradient) => {
      gradient.fill(++calls);
      return calls === 1 ? 5 : NaN;
    };
    const { stoppedBy, x, value, gradient, evaluations } = await trace(inBox(objective, [-1], [1]), [0]);
    expect({ stoppedBy, x: [...x], value, gradient: [...gradient], evaluations }).toEqual({
      stoppedBy: 'line search',
      x: [0],
      value: 5,
      gradient: [1],
      evaluations: 21,
    });
  });

  test('what was learned is dropped, and it goes on from the best point', async () => {
    const everywhere = [Infinity, Infinity];
    const nowhere = [-Infinity, -Infinity];
    const whole = await trace(inBox(rosenbrock, nowhere, everywhere), [-1.2, 1], TIGHT);
    const at = 5;
    const { evaluations } = whole.iterates[at - 1];
    const tried: number[][] = [];
    const objective: Objective = (x, gradient) => {
      const calls = tried.push([...x]);
      return calls > evaluations && calls <= evaluations + 20 ? NaN : rosenbrock(x, gradient);
    };
    const { x, iterates } = await trace(inBox(objective, nowhere, everywhere), [-1.2, 1], TIGHT);
    expect(iterates.slice(0, at)).toEqual(whole.iterates.slice(0, at));
    expect(difference(x, [1, 1])).toBeLessThan(1e-6);
    // Nothing is left of what was known of the curvature: the gradient is the next step.
    const gradient = new Float64Array(2);
    const last = iterates[at - 1].x;
    rosenbrock(Float64Array.from(last), gradient);
    const next = last.map((xi, i) => xi - gradient[i]);
    expect(difference(tried[evaluations + 20], next)).toBeLessThan(1e-12);
  });
});

describe('a function that does not hold what it promises', () => {
  test('with a gradient of the wrong sign ends at its start', async () => {
    const objective: Objective = (x, gradient) => {
      gradient[0] = -2 * x[0];
      return x[0] * x[0];
    };
    const { stoppedBy, x, value } = await trace(inBox(objective, [-5], [5]), [3]);
    expect({ stoppedBy, x: [...x], value }).toEqual({ stoppedBy: 'line search', x: [3], value: 9 });
  });

  test('that is not the same twice never ends above its start', async () => {
    await fc.assert(
      fc.asyncProperty(
        randomProblems(0.5, 4),
        fc.array(evenly(-1, 1), { minLength: 30, maxLength: 30 }),
        async (random, noise) => {
          const objective = coupled(random);
          let calls = 0;
          let first = NaN;
          const noisy: Objective = (x, gradient) => {
            const value = objective(x, gradient) + noise[calls++ % noise.length];
            if (calls === 1) first = value;
            return value;
          };
          const { lower, upper, start } = random;
          const { value, iterates } = await trace(inBox(noisy, lower, upper), start, { iterations: 40 });
          const course = [first, ...iterates.map((iterate) => iterate.value)];
          expect(course).toEqual([...course].sort((a, b) => b - a));
          expect(value).toBe(course[course.length - 1]);
        },
      ),
    );
  });

  test('with gradients from anywhere ends in its box, and not above its start', async () => {
    const gradients = fc.array(
      fc
        .tuple(evenly(-1, 1), fc.constantFrom(1e-160, 1e-8, 1, 1e8, 1e160))
        .map(([value, unit]) => value * unit),
      { minLength: 40, maxLength: 40 },
    );
    await fc.assert(
      fc.asyncProperty(
        randomProblems(0.5, 4),
        gradients,
        fc.integer({ min: 1, max: 4 }),
        async (random, all, memory) => {
          const { lower, upper, start } = random;
          let calls = 0;
          let given = 0;
          const values: number[] = [];
          const objective: Objective = (x, gradient) => {
            for (let i = 0; i < x.length; i++) gradient[i] = all[given++ % all.length];
            // Falls at every call, so that every step seems a good one.
            values.push(-Math.min(++calls, 25));
            return values[values.length - 1];
          };
          const problem = inBox(objective, lower, upper);
          const { x, value } = await trace(problem, start, { memory, iterations: 40, functionTolerance: -1 });
          expect([...x].every((xi, i) => xi >= lower[i] && xi <= upper[i])).toBe(true);
          expect(value).toBeLessThanOrEqual(values[0]);
        },
      ),
      { numRuns: 500 },
    );
  });

  test('that throws passes its error on', async () => {
    const problem = {
      ...inBox(rosenbrock, [0, 0], [1, 1]),
      evaluate: () => Promise.reject(new Error('Gone.')),
    };
    await expect(minimizeInBox(problem, new Float64Array(2), { iterations: 3 })).rejects.toThrow('Gone.');
  });
});

describe('limits', () => {
  const [problem] = problems;
  const limited = (options: Partial<LbfgsbOptions>) => trace(problemOf(problem), problem.start, options);

  test.each([1, 2, 3, 7])('%d iterations are the first ones of more', async (iterations) => {
    // The pairs that are never needed are not kept; that must not show.
    const { stoppedBy, x, iterates } = await limited({ iterations });
    expect(stoppedBy).toBe('iterations');
    expect(iterates).toHaveLength(iterations);
    expect(iterates).toEqual((await limited({})).iterates.slice(0, iterations));
    expect([...x]).toEqual(iterates[iterations - 1].x);
  });

  test('no iteration is only a look at the start', async () => {
    const { stoppedBy, x, evaluations } = await limited({ iterations: 0 });
    expect({ stoppedBy, x: [...x], evaluations }).toEqual({
      stoppedBy: 'iterations',
      x: problem.start,
      evaluations: 1,
    });
  });

  test('the iteration that passes the limit of evaluations is the last', async () => {
    const { stoppedBy, iterates, evaluations } = await limited({ evaluations: 12 });
    expect(stoppedBy).toBe('evaluations');
    expect(evaluations).toBeGreaterThan(12);
    expect(iterates[iterates.length - 2].evaluations).toBeLessThanOrEqual(12);
  });

  test('a start that is a minimum is left at once', async () => {
    const minimum = await trace(inBox(rosenbrock, [-2, -2], [0.5, 2]), [0.5, 0.25]);
    expect(minimum).toMatchObject({
      stoppedBy: 'gradient tolerance',
      iterations: 0,
      evaluations: 1,
      value: 0.25,
    });
    expect(minimum.projectedGradient).toBe(0);
  });

  test('tolerances end it as soon as they are met', async () => {
    const { iterates, stoppedBy } = await limited({ functionTolerance: 0.05, gradientTolerance: 0 });
    expect(stoppedBy).toBe('function tolerance');
    const gain = (i: number) =>
      (iterates[i - 1].value - iterates[i].value) / Math.max(Math.abs(iterates[i - 1].value), 1);
    const last = iterates.length - 1;
    expect(gain(last)).toBeLessThanOrEqual(0.05);
    for (let i = 1; i < last; i++) expect(gain(i)).toBeGreaterThan(0.05);
    const rough = await limited({ functionTolerance: 0, gradientTolerance: 1 });
    expect(rough.stoppedBy).toBe('gradient tolerance');
    expect(rough.projectedGradient).toBeLessThanOrEqual(1);
    expect(rough.iterations).toBeLessThan(problem.iterations);
  });
});

describe('wrong input is refused:', () => {
  test.each<[string, number[], number[], number[], Partial<LbfgsbOptions>, RegExp]>([
    ['too few lower bounds', [0], [1, 1], [0, 0], {}, /^2 variables have 1 lower and 2 upper bounds/],
    ['too many upper bounds', [0, 0], [1, 1, 1], [0, 0], {}, /^2 variables have 2 lower and 3 upper bounds/],
    ['a lower bound above the upper', [0, 2], [1, 1], [0, 0], {}, /^Variable 1 has no room between/],
    ['a bound that is not a number', [NaN, 0], [1, 1], [0, 0], {}, /^Variable 0 has no room between/],
    [
      'a lower bound of infinity',
      [0, Infinity],
      [1, Infinity],
      [0, 0],
      {},
      /^Variable 1 has no room between/,
    ],
    ['an upper bound of -infinity', [-Infinity, 0], [-Infinity, 1], [0, 0], {}, /^Variable 0 has no room/],
    ['iterations below 0', [0, 0], [1, 1], [0, 0], { iterations: -1 }, /whole number, not -1/],
    ['half an iteration', [0, 0], [1, 1], [0, 0], { iterations: 2.5 }, /whole number, not 2\.5/],
    ['a memory of nothing', [0, 0], [1, 1], [0, 0], { memory: 0 }, /at least 1, not 0/],
    ['a broken memory', [0, 0], [1, 1], [0, 0], { memory: 2.5 }, /at least 1, not 2\.5/],
  ])('%s', async (_, lower, upper, start, options, message) => {
    await expect(trace(inBox(rosenbrock, lower, upper), start, options)).rejects.toThrow(message);
  });
});

test('memory for all iterations is taken at once, as much as is said', async () => {
  const n = 400_000;
  const memory = 4;
  const program = [
    join(root, 'node_modules/ts-node/dist/bin.js'),
    join(__dirname, 'memory-program.ts'),
    String(n),
    String(memory),
  ];
  const { stdout } = await promisify(execFile)(process.execPath, program, { cwd: root });
  const taken = JSON.parse(stdout) as number[];
  expect(taken).toHaveLength(12); // Iterations, for each of which the bound below must hold.
  const said = (2 * memory + 6) * 8 + 6;
  // Half of what one more number for each variable would take is left to whatever else goes on.
  for (const bytes of taken) expect(Math.abs(bytes - said)).toBeLessThan(4);
});
