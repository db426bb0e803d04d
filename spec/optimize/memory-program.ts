import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { minimizeInBox, type BoxProblem } from '../../src/optimize/lbfgsb';
import { rosenbrock } from './functions';

/**
 * A program: minimizes a function of `n` variables with a memory of so many pairs, and writes, as JSON, how
 * many bytes of arrays a variable were taken at each iteration. In a process of its own nothing but the
 * optimizer takes or leaves arrays meanwhile.
 */
async function measure(n: number, memory: number): Promise<number[]> {
  const filled = (value: number) => new Float64Array(n).fill(value);
  const start = filled(0);
  const problem: BoxProblem = {
    lower: filled(-1),
    upper: filled(0.9),
    evaluate: (x, gradient) => Promise.resolve(rosenbrock(x, gradient)),
  };
  // What loading and compiling left behind would else be taken away meanwhile.
  setFlagsFromString('--expose-gc');
  runInNewContext('gc')();
  const taken: number[] = [];
  const before = process.memoryUsage().arrayBuffers;
  await minimizeInBox(problem, start, {
    iterations: 12,
    memory,
    onIterate: () => taken.push((process.memoryUsage().arrayBuffers - before) / n),
  });
  return taken;
}

void measure(Number(process.argv[2]), Number(process.argv[3])).then((taken) =>
  process.stdout.write(JSON.stringify(taken)),
);
