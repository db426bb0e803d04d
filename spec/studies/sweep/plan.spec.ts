import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { UserError } from '../../../src/support/errors';
import { parsePlan } from '../../../src/studies/sweep/plan';

const GOOD = `name: small
networks: [SimpleVGG, C1]
batchSizes:
  - 16
  - 64
  - 256
seeds: [1, 2]
trainSize: 5000
protocols:
  - name: sgd
    optimizer: { kind: sgd }
    learningRate: .01
    epochs: 3
  - name: adam
    optimizer: { kind: adam }
    learningRate: .001
    schedule: cosine
    until: { patience: 3 }
measures:
  - { kind: rise, directions: 2 }
  - { kind: keskar, images: 2000 }
`;

/** The plan with one text in place of another. */
function changed(from: string, to: string): string {
  if (!GOOD.includes(from)) throw new Error(from);
  return GOOD.replace(from, to);
}

const refusal = (text: string) => {
  try {
    parsePlan(text, 'SWEEP.yaml');
  } catch (error) {
    if (error instanceof UserError) return error.message;
    throw error;
  }
  return 'no refusal';
};

describe('a plan', () => {
  test('is filled in with the documented defaults', () => {
    const plan = parsePlan(GOOD, 'SWEEP.yaml');
    expect(plan.testSize).toBe(10_000);
    expect(plan.protocols[0]).toEqual({
      name: 'sgd',
      optimizer: { kind: 'sgd', momentum: 0.9, weightDecay: 0 },
      learningRate: 0.01,
      schedule: 'constant',
      augment: false,
      epochs: 3,
    });
    expect(plan.protocols[1].until).toEqual({ patience: 3, epochs: 200 });
    expect(plan.measures).toEqual([
      {
        kind: 'rise',
        directions: 2,
        alphas: [-1, -0.8, -0.6, -0.4, -0.2, 0, 0.2, 0.4, 0.6, 0.8, 1],
        normalization: 'filter',
      },
      { kind: 'keskar', space: 'full', epsilon: 0.001, images: 2000 },
    ]);
  });

  test('that the project comes with is read', () => {
    const file = join(__dirname, '../../../sweeps/batch-size.yaml');
    const plan = parsePlan(readFileSync(file, 'utf8'), file);
    expect(plan.batchSizes).toEqual([16, 32, 64, 128, 256, 512, 1024]);
    expect(plan.measures.map(({ kind }) => kind)).toEqual(['rise', 'keskar', 'sam', 'eigenvalue']);
  });

  test.each([
    ['batchSizes:\n  - 16', 'batchSizes:\n  - many', 'SWEEP.yaml:4: batchSizes[0]: '],
    ['  - 256', '  - 2.5', 'SWEEP.yaml:6: batchSizes[2]: '],
    ['  - 256', '  - 64', 'SWEEP.yaml:6: batchSizes[2]: 64 is there twice.'],
    ['  - 256', '  - 5001', 'SWEEP.yaml:6: batchSizes[2]: 5001 is more than the 5000 training images.'],
    ['  - 64', '  - 4999', 'SWEEP.yaml:5: batchSizes[1]: batches of 4999 leave one of 5000 images'],
    ['  - 64', '  - 1', 'SWEEP.yaml:5: batchSizes[1]: batches of 1 leave one of 5000 images'],
    ['[1, 2]', '[1, 2, 1]', 'SWEEP.yaml:7: seeds[2]: 1 is there twice.'],
    ['[SimpleVGG, C1]', '[SimpleVGG, C9]', 'SWEEP.yaml:2: networks[1]: '],
    ['trainSize: 5000', 'trainSize: 50002', "SWEEP.yaml:8: trainSize: SimpleVGG's data set has 50000"],
    ['trainSize: 5000', 'trainsize: 5000', 'SWEEP.yaml:8: Unrecognized key: "trainsize".'],
    ['trainSize: 5000\n', '', 'SWEEP.yaml:1: trainSize: '],
    ['name: small', 'name: ../small', 'SWEEP.yaml:1: name: it must be made of a to z'],
    ['    epochs: 3\n', '', 'SWEEP.yaml:10: protocols[0]: it needs either epochs or until.'],
    ['    epochs: 3', '    epochs: 3\n    until: {}', 'SWEEP.yaml:10: protocols[0]: it needs either epochs'],
    ['{ patience: 3 }', '{ loss: 0 }', 'SWEEP.yaml:18: protocols[1].until.loss: '],
    [
      '{ patience: 3 }',
      '{ loss: .01, patience: 3 }',
      'SWEEP.yaml:18: protocols[1].until: a loss to end at needs no patience and no improvement.',
    ],
    ['{ kind: sgd }', '{ kind: sgd, nesterov: true }', 'SWEEP.yaml:11: protocols[0].optimizer: '],
    ['{ kind: sgd }', '{ kind: lion }', 'SWEEP.yaml:11: protocols[0].optimizer.kind: '],
    ['learningRate: .01', 'learningRate: 0', 'SWEEP.yaml:12: protocols[0].learningRate: '],
    ['learningRate: .01', 'learningRate: .inf', 'SWEEP.yaml:12: protocols[0].learningRate: '],
    [
      'learningRate: .01',
      'learningRate: 999\n    scaling: { rule: linear, from: 64 }',
      'SWEEP.yaml:12: protocols[0].learningRate: scaled, it is 3996',
    ],
    ['  - name: adam', '  - name: sgd', 'SWEEP.yaml:14: protocols[1].name: sgd is there twice.'],
    [
      'kind: rise, directions: 2',
      'kind: rise, alphas: [-1, 1]',
      'SWEEP.yaml:20: measures[0].alphas: they must include 0',
    ],
    [
      'kind: rise, directions: 2',
      'kind: rise, alphas: [0, 0]',
      'SWEEP.yaml:20: measures[0].alphas: they must include others',
    ],
    ['kind: keskar, images: 2000', 'kind: keskar, images: 5001', 'SWEEP.yaml:21: measures[1]: it takes 5001'],
    [
      'kind: keskar, images: 2000',
      'kind: keskar, images: 2001',
      'SWEEP.yaml:21: measures[1]: batches of 500',
    ],
    [
      'kind: keskar, images: 2000',
      'kind: rise, directions: 2',
      'SWEEP.yaml:21: measures[1]: it is there twice.',
    ],
    [
      'kind: keskar, images: 2000',
      'kind: keskar, dimension: 3',
      'SWEEP.yaml:21: measures[1]: the full space',
    ],
    ['seeds: [1, 2]', 'seeds: [1, 2', 'SWEEP.yaml:8: '],
    ['seeds: [1, 2]', 'seeds: [1]\nseeds: [2]', 'SWEEP.yaml:8: Map keys must be unique.'],
    ['name: small', 'name: !!python/object small', 'SWEEP.yaml:1: Unresolved tag'],
  ])('with %j changed to %j is refused at its line', (from, to, message) => {
    const told = refusal(changed(from, to));
    expect(told.startsWith(message) ? message : told).toBe(message);
    expect(told).not.toContain('\n');
  });

  test('that is no map, or has two protocols of one content, or a flipped digit, is refused', () => {
    expect(refusal('')).toMatch(/^SWEEP.yaml:1: /);
    expect(refusal('- 1')).toMatch(/^SWEEP.yaml:1: /);
    const twin = GOOD.replace(
      / {2}- name: adam[^]*?(?=measures)/,
      (adam) => adam + adam.replace('adam', 'other'),
    );
    expect(refusal(twin)).toBe('SWEEP.yaml:19: protocols[2]: it is adam by another name.');
    const digits = changed('[SimpleVGG, C1]', '[F1]').replace('epochs: 3', 'epochs: 3\n    augment: true');
    expect(refusal(digits)).toMatch(/^SWEEP.yaml:14: protocols\[0\].augment: it flips images/);
  });

  test('of too many runs is refused', () => {
    const seeds = Array.from({ length: 1000 }, (_, seed) => seed).join(', ');
    expect(refusal(changed('[1, 2]', `[${seeds}]`))).toBe(
      'SWEEP.yaml:1: it has 12000 runs, and the maximum is 10000.',
    );
  });

  test('of any text is read or refused in one line, and never fails otherwise', () => {
    const piece = fc.constantFrom(
      ...GOOD.split(/(?=[\s:[\]{},])/),
      '&a ',
      '*a',
      '!x ',
      '\t',
      '"',
      '? ',
      '<<: ',
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 40 }), fc.nat(GOOD.length), (pieces, cut) => {
        for (const text of [pieces.join(''), GOOD.slice(0, cut) + pieces.join('')]) {
          const told = refusal(text);
          if (told !== 'no refusal') expect(told).toMatch(/^SWEEP.yaml(:\d+)?: .+\.$/);
        }
      }),
    );
  });
});
