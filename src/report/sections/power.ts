import { counted } from '../../verdict/claim';
import type { Section } from '../section';
import { headlineOf } from '../headline';
import type { Report } from '../report';
import { hasInterval, number, probability, type Text } from '../text';

/** How small a difference this experiment could have found, and what would have decided an open one. */
export function powerSections(report: Report): Section[] {
  const blocks = [power(report.power), ...deciding(report)].map((paragraph) => ({ paragraph }));
  return [{ title: 'What could have been found', level: 2, blocks }];
}

function power({ ratio, n, over, spread, power }: Report['power']): Text {
  const observations = counted(n, over);
  if (!Number.isFinite(power)) {
    return (
      `With ${observations} the spread is not known, and with it not the probability that a true ratio of ` +
      `${number(ratio)} would have been found.`
    );
  }
  return (
    `With ${observations} at the observed spread (standard deviation ${number(spread)} of the log ratios), a true ` +
    `ratio of ${number(ratio)} would have been found with probability ${probability(power)}.`
  );
}

function deciding(report: Report): Text[] {
  const headline = headlineOf(report);
  const { over, deciding } = report.power;
  if (!headline || !hasInterval(headline.interval)) return [];
  const [low, high] = headline.interval;
  if (low > 1 || high < 1) return [];
  const others: Text[] =
    over === 'directions'
      ? ['More directions tell more of these two minimizers only; for the two methods, run several seeds.']
      : [];
  if (!Number.isFinite(deciding)) {
    return [
      `The interval holds 1. At the ratio and spread found, no practicable number of ${over} would have decided it.`,
      ...others,
    ];
  }
  const goesOn =
    over === 'directions'
      ? ' goes on in the same folder, without training again.'
      : ' goes on in the same folder, and trains only the seeds that it lacks.';
  return [
    [
      `The interval holds 1. At the ratio and spread found, ${counted(deciding, over)} would have decided it: `,
      { code: `--${over} ${deciding}` },
      goesOn,
    ],
    ...others,
  ];
}
