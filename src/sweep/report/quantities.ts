import type { Row } from '../collect';
import { measureId } from '../job';
import { measureLabel, type Measure } from '../measure';

/** What a quantity is there for. */
export type Role =
  | 'accuracy'
  | 'sharpness'
  /** The training loss: where it follows the batch size, sharpness may follow the loss. */
  | 'control';

/** Something that runs of all batch sizes have a figure of. */
export interface Quantity {
  /** As the exported table names it. */
  readonly label: string;
  /** As short as it can be told from the plan's others, with its unit. */
  readonly name: string;
  readonly role: Role;
  /** Of a run; undefined where it has none. */
  readonly of: (row: Row) => number | undefined;
}

/** Test accuracy, each of the plan's measures, and the training loss. */
export function quantitiesOf(measures: readonly Measure[]): Quantity[] {
  const names = measures.map(shortName);
  return [
    {
      label: 'test accuracy',
      name: 'test accuracy (%)',
      role: 'accuracy',
      of: ({ trained }) => trained && 100 * trained.test.accuracy,
    },
    ...measures.map((measure, index): Quantity => {
      const label = measureLabel(measure);
      const isUnique = names.filter((name) => name === names[index]).length === 1;
      const id = measureId(measure);
      return {
        label,
        name: isUnique ? names[index] : label,
        role: 'sharpness',
        of: (row) => row.measures.find((own) => measureId(own.measure) === id)?.figures?.value,
      };
    }),
    {
      label: 'training loss',
      name: 'training loss (nats)',
      role: 'control',
      of: ({ trained }) => trained?.train.loss,
    },
  ];
}

function shortName(measure: Measure): string {
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
