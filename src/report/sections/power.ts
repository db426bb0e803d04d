import { counted } from '../../verdict/claim';
import type { Section } from '../section';
import { headlineOf } from '../headline';
import type { Report } from '../report';
import { number, probability, type Text } from '../text';
import { MOST_OBSERVATIONS } from '../../verdict/power';

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

/** By what leaves the verdict open: more of the same decides only where nothing but the interval does. */
function deciding(report: Report): Text[] {
  const { over, open } = report.power;
  const noNumber = `No number of ${over} would have decided it`;
  switch (open) {
    case null:
      return [];
    case 'smoke':
      return ['A smoke run only checks the machine: no number of directions or seeds decides it.'];
    case 'not comparable':
      return [
        [
          `${noNumber}: the runs did not end at comparable minimizers, and must be trained longer (`,
          { code: '--small-epochs' },
          ', ',
          { code: '--large-epochs' },
          ').',
        ],
      ];
    case 'no ratio':
      return [`${noNumber}, since none is dropped: ${headlineOf(report)?.reason}.`];
    case 'control':
      return [
        [
          `${noNumber}: two runs of SB differ as much, and only several seeds tell how much runs differ: `,
          { code: '--seeds 3' },
          '.',
        ],
      ];
    case 'one direction':
      return [
        [
          'One direction has no interval; it takes at least two: ',
          { code: '--directions 2' },
          ' goes on in the same folder, without training again.',
        ],
      ];
    case 'interval':
      return moreOfTheSame(report.power);
  }
}

function moreOfTheSame({ over, n, deciding }: Report['power']): Text[] {
  const assumed = `if their mean and spread stayed as found; from ${counted(n, over)} the spread is only roughly known`;
  const goesOn =
    over === 'directions'
      ? ' goes on in the same folder, without training again.'
      : ' goes on in the same folder, and trains only the seeds that it lacks.';
  const needed: Text = Number.isFinite(deciding)
    ? [
        `The interval holds 1. ${counted(deciding, over)} would have decided it, ${assumed}: `,
        { code: `--${over} ${deciding}` },
        goesOn,
      ]
    : `The interval holds 1. More than ${MOST_OBSERVATIONS} ${over} would have been needed to decide it, ${assumed}.`;
  return over === 'seeds'
    ? [needed]
    : [
        needed,
        'More directions tell more of these two minimizers only; for the two methods, run several seeds.',
      ];
}
