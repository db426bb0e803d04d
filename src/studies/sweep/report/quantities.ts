import { plannedMeasureLabel, type SweepMeasure } from '../measures';
import type { Row } from '../rows';

/** What a quantity is there for. The control is the training loss: sharpness may follow it. */
export const ROLES = ['accuracy', 'sharpness', 'control'] as const;
export type Role = (typeof ROLES)[number];

/** Something that runs of all batch sizes have a value of. */
export interface Quantity {
  /** As in sweep.csv. */
  readonly label: string;
  /** The shortest that tells it from the plan's others, with its unit. */
  readonly name: string;
  readonly role: Role;
  /** Of a run; undefined where it has none. */
  readonly of: (row: Row) => number | undefined;
}

/** Test accuracy, each of the plan's measures, and the training loss. */
export function quantitiesOf(measures: readonly SweepMeasure[]): Quantity[] {
  const names = measures.map(shortName);
  return [
    {
      label: 'test accuracy',
      name: 'test accuracy (%)',
      role: 'accuracy',
      of: ({ test }) => test && 100 * test.figures.accuracy,
    },
    ...measures.map((measure, index): Quantity => {
      const label = plannedMeasureLabel(measure);
      const isUnique = names.filter((name) => name === names[index]).length === 1;
      return {
        label,
        name: isUnique ? names[index] : label,
        role: 'sharpness',
        of: (row) => row.measures[index].found?.figures.value,
      };
    }),
    {
      label: 'training loss',
      name: 'training loss (nats)',
      role: 'control',
      of: ({ train }) => train?.figures.loss,
    },
  ];
}

function shortName(measure: SweepMeasure): string {
  switch (measure.kind) {
    case 'rise':
      return 'rise of the loss around it (nats)';
    case 'keskar':
      return `φ, ${measure.space === 'full' ? 'full space' : 'subspace'}, ε = ${measure.epsilon}`;
    case 'sam':
      return measure.adaptive ? 'adaptive SAM rise (nats)' : 'SAM rise (nats)';
    case 'eigenvalue':
      return 'top Hessian eigenvalue';
    case 'trace':
      return 'Hessian trace';
    case 'noise':
      return 'gradient signal-to-noise';
  }
}
