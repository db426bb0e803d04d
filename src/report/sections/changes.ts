import { ownVerdict } from '../../verdict/claim';
import type { Section } from '../section';
import { claimOf, curvatureClaimOf, headlineOf } from '../headline';
import { curvePairs, distinct, seedsOf } from '../pairs';
import type { Report } from '../report';
import { count, hasInterval, listed, number, percent, range, type Text } from '../text';
import { tally } from './sensitivity';

/** What the verdict hangs on, in the report's own figures. */
export function changeSections(report: Report): Section[] {
  const list = [
    interval(report),
    directions(report),
    seeds(report),
    comparable(report),
    control(report),
    curvature(report),
    errorRate(report),
    drawing(report),
    training(report),
  ].filter((item) => item !== null);
  return list.length ? [{ title: 'What would change the verdict', level: 2, blocks: [{ list }] }] : [];
}

function interval(report: Report): Text | null {
  const headline = headlineOf(report);
  if (!headline) return null;
  if (!hasInterval(headline.interval)) return `The headline has no interval: ${headline.reason}.`;
  const [low, high] = headline.interval;
  const is = `The interval of the headline's ratio is ${range(headline.interval)}.`;
  if (low > 1) {
    return `${is} Its lower end is a factor of ${number(low)} above 1: were every ratio that much less, the interval would hold 1.`;
  }
  if (high < 1) {
    return `${is} Its upper end is a factor of ${number(1 / high)} below 1: were every ratio that much more, the interval would hold 1.`;
  }
  return `${is} It holds 1: a factor of more than ${number(1 / low)} up, or of more than ${number(high)} down, on every ratio would decide it.`;
}

function directions({ curves }: Report): Text | null {
  const pairs = curvePairs(curves).filter(({ split }) => split === 'train');
  if (pairs.length === 0) return null;
  const more = pairs.filter(({ one, other }) => other.rise > one.rise).length;
  return `LB's training loss rises more than SB's along ${more} of ${count(pairs.length, 'direction')}.`;
}

function seeds(report: Report): Text | null {
  const all = seedsOf(report);
  if (all.length === 1) {
    return (
      'Another seed may give another verdict: one seed says nothing of how much seeds differ. The minimizers of two ' +
      'equal methods differ by luck too, and pass more often than in 2.5% of the cases.'
    );
  }
  const bySeed = headlineOf(report)?.bySeed ?? [];
  if (bySeed.length === 0) return null;
  const side = (above: boolean) =>
    bySeed.filter(({ estimate }) => estimate > 1 === above).map(({ seed }) => seed);
  const [above, below] = [side(true), side(false)];
  if (below.length === 0) return "Every seed's own ratio is above 1.";
  if (above.length === 0) return "No seed's own ratio is above 1.";
  return `The seeds disagree: the ratio is above 1 for ${listed(above)} and not for ${listed(below)}.`;
}

function comparable(report: Report): Text | null {
  const claim = claimOf(report, 'comparable-training-loss');
  if (!claim || report.runs.length === 0) return null;
  const gaps = [claim.estimate, ...claim.bySeed.map(({ estimate }) => estimate)].map(Math.abs);
  const accuracy = Math.min(...report.runs.map(({ train }) => train.accuracy));
  const found = `the largest difference is ${number(Math.max(...gaps))} nats, the least training accuracy ${percent(accuracy)}`;
  return claim.verdict === 'PASS'
    ? `Comparable ends: “${claim.statement}” holds (${found}). Were it not so, the ratio could come from how far each run was trained.`
    : `Comparable ends: “${claim.statement}” does not hold (${found}). The ratio may come from how far each run was trained.`;
}

function control(report: Report): Text | null {
  const headline = headlineOf(report);
  const ratio = headline?.estimate ?? NaN;
  // Seeds hold in their own interval how much two runs of one method differ.
  if (headline?.over === 'seeds' || !Number.isFinite(ratio) || ratio <= 0) return null;
  const factor = Math.max(ratio, 1 / ratio);
  if (!report.control) {
    return `No control was run: if SB with another batch order differs from SB by a factor of ${number(factor)} or more, the ratio found here tells nothing of the batch size.`;
  }
  const { largestFactor } = report.control;
  if (!Number.isFinite(largestFactor)) {
    return 'The control has no ratio, so that nothing is known of how much two runs of SB differ.';
  }
  return largestFactor < factor
    ? `SB differs from SB with another batch order by a factor of up to ${number(largestFactor)}; ${number(factor)} or more would put the ratio in doubt.`
    : `SB differs from SB with another batch order by a factor of up to ${number(largestFactor)}, no less than the ${number(factor)} found between LB and SB.`;
}

function curvature(report: Report): Text | null {
  const [near, headline] = [curvatureClaimOf(report), headlineOf(report)];
  if (!near || !headline) return null;
  const agrees = ownVerdict(near) === ownVerdict(headline);
  return [
    agrees ? 'Near the minimizer the picture is the same: ' : 'Near the minimizer the picture is another: ',
    { verdict: near.verdict },
    ` (${near.reason}).`,
  ];
}

function errorRate({ curves }: Report): Text | null {
  const pairs = curvePairs(curves).filter(({ split }) => split === 'train');
  if (pairs.length === 0) return null;
  const more = pairs.filter(({ one, other }) => other.errorRise > one.errorRise).length;
  return `The error rate, which does not depend on the scale of the logits, rises more for LB along ${more} of ${count(pairs.length, 'direction')}.`;
}

function drawing(report: Report): Text | null {
  const [{ sensitivity }, headline] = [report, headlineOf(report)];
  if (!headline || !sensitivity || sensitivity.rows.length === 0) return null;
  const { rows } = sensitivity;
  // A row is one seed's interval, held against no control: so is what it is compared with.
  const verdict = ownVerdict(headline);
  const others = rows.filter((row) => row.verdict !== verdict);
  if (others.length === 0)
    return `All ${count(rows.length, 'way')} to draw and measure the curves give ${verdict}, as the headline's interval does.`;
  const named = distinct(others.map(({ normalization }) => normalization));
  return (
    `Drawn and measured in ${count(rows.length, 'way')}, the curves give ${tally(rows)}; those that differ from the ` +
    `headline's own ${verdict} are with the normalization${named.length === 1 ? '' : 's'} ${listed(named)}.`
  );
}

function training({ trainingSensitivity }: Report): Text | null {
  if (!trainingSensitivity || trainingSensitivity.rows.length === 0) return null;
  const each = trainingSensitivity.rows.map(
    ({ learningRate, verdict, diverged, comparable }) =>
      `${verdict} at ${number(learningRate)}${diverged ? ' (diverged)' : comparable ? '' : ' (not comparable)'}`,
  );
  return `With other learning rates of LB: ${listed(each)}.`;
}
