import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { evenAlphas } from '../../src/landscape/curve';
import { fitQuadratic, growthExponent, minimumOf, within } from '../../src/landscape/shape';
import { evenly } from '../helpers/arbitraries';
import { scipyStatistics } from '../helpers/fixtures';

describe('the quadratic through a curve', () => {
  test.each(scipyStatistics().quadratics)('over $alphas is that of NumPy', (given) => {
    const fit = fitQuadratic(given.alphas, given.losses);
    expect(fit.constant).toBeCloseTo(given.constant, 10);
    expect(fit.slope).toBeCloseTo(given.slope, 10);
    expect(fit.curvature).toBeCloseTo(given.curvature, 10);
  });

  test('is the parabola itself where the curve is one, with its minimum', () => {
    fc.assert(
      fc.property(evenly(-2, 2), evenly(0.1, 3), evenly(-1, 1), (height, curvature, place) => {
        const alphas = evenAlphas(5).map((alpha) => alpha / 4);
        const fit = fitQuadratic(
          alphas,
          alphas.map((alpha) => height + curvature * (alpha - place) ** 2),
        );
        expect(fit.curvature).toBeCloseTo(curvature, 8);
        expect(minimumOf(fit)).toBeCloseTo(place, 8);
      }),
    );
  });

  test('has no minimum where it does not open upwards', () => {
    expect(minimumOf({ constant: 0, slope: 1, curvature: 0 })).toBeNaN();
    expect(minimumOf({ constant: 0, slope: 1, curvature: -1 })).toBeNaN();
  });

  test('of losses that are no numbers is none', () => {
    expect(fitQuadratic([-1, 0, 1], [1, NaN, 1]).curvature).toBeNaN();
  });
});

describe('the exponent of growth', () => {
  test('is p where the loss rises as |α|^p, whatever its size and level', () => {
    fc.assert(
      fc.property(evenly(0.5, 4), evenly(-2, 2).map(Math.exp), evenly(0, 3), (p, size, level) => {
        const alphas = evenAlphas(11);
        const losses = alphas.map((alpha) => level + size * Math.abs(alpha) ** p);
        expect(growthExponent(alphas, losses)).toBeCloseTo(p, 6);
      }),
    );
  });

  test('is none where the loss does not rise everywhere', () => {
    expect(growthExponent([-1, -0.5, 0, 0.5, 1], [2, 1, 1, 1.5, 2])).toBeNaN();
  });
});

test('the part of a curve within a distance keeps its losses beside their alphas', () => {
  expect(within(0.5, [-1, -0.5, 0, 0.5, 1], [1, 2, 3, 4, 5])).toEqual({
    alphas: [-0.5, 0, 0.5],
    losses: [2, 3, 4],
  });
});
