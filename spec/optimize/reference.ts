import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { BoxProblem } from '../../src/optimize/lbfgsb';
import { OBJECTIVES, quadratic, type Objective, type QuadraticParameters } from './functions';

/** A problem with the way that SciPy went. */
export interface ReferenceProblem {
  readonly name: string;
  readonly function: string;
  readonly parameters: QuadraticParameters | null;
  readonly start: number[];
  /** null where there is none. */
  readonly lower: (number | null)[];
  readonly upper: (number | null)[];
  readonly memory: number;
  readonly iterates: { x: number[]; value: number }[];
  readonly iterations: number;
  readonly evaluations: number;
  readonly message: string;
  readonly x: number[];
  readonly value: number;
  /** −1 at the lower bound, 1 at the upper one. */
  readonly active: number[];
}

/** The steps that SciPy's dcsrch tries, the first of them given; the last is what it takes. */
export interface ReferenceSearch {
  readonly function: string;
  readonly longest: number;
  readonly ended: boolean;
  readonly steps: number[];
}

export interface LbfgsbReference {
  readonly problems: ReferenceProblem[];
  readonly searches: ReferenceSearch[];
}

/** What fixtures/make_lbfgsb_reference.py got from SciPy. */
export function lbfgsbReference(): LbfgsbReference {
  return JSON.parse(readFileSync(join(__dirname, '../../fixtures/lbfgsb-reference.json'), 'utf8'));
}

/** The reference's problem, ready to be solved. */
export function problemOf({ function: name, parameters, lower, upper }: ReferenceProblem): BoxProblem {
  const objective = parameters ? quadratic(parameters) : OBJECTIVES[name];
  return inBox(
    objective,
    lower.map((bound) => bound ?? -Infinity),
    upper.map((bound) => bound ?? Infinity),
  );
}

export function inBox(objective: Objective, lower: readonly number[], upper: readonly number[]): BoxProblem {
  return {
    lower: Float64Array.from(lower),
    upper: Float64Array.from(upper),
    evaluate: (x, gradient) => Promise.resolve(objective(x, gradient)),
  };
}
