import type { Block, Section, Table } from '../section';
import type { Report, RunReport } from '../report';
import { number, percent } from '../text';

/** The trainings and where they ended, and how they got there. */
export function runSections({ runs }: Report): Section[] {
  return [
    {
      title: 'The runs',
      level: 2,
      blocks: [
        {
          paragraph:
            'Loss and accuracy over the whole training and test sets of the run, in evaluation mode. The distance ' +
            'is that of the final from the initial weights, Euclidean over all trainable parameters; the seconds ' +
            "are of training; the weights are named by the beginning of their file's SHA-256.",
        },
        { table: runTable('The runs', runs) },
      ],
    },
    ...histories(runs),
  ];
}

export function runTable(name: string, runs: readonly RunReport[]): Table {
  return {
    name,
    head: [
      'run',
      'batch size',
      'epochs',
      'learning rate',
      'train loss',
      'train accuracy',
      'test loss',
      'test accuracy',
      'distance from start',
      'seconds',
      'weights',
    ],
    rows: runs.map((run) => [
      `${run.regime}, seed ${run.seed}`,
      String(run.batchSize),
      String(run.epochs),
      number(run.learningRate),
      number(run.train.loss),
      percent(run.train.accuracy),
      number(run.test.loss),
      percent(run.test.accuracy),
      number(run.distanceFromStart),
      run.seconds.toFixed(0),
      { code: run.weightsSha256.slice(0, 12) },
    ]),
  };
}

function histories(runs: readonly RunReport[]): Section[] {
  const rows = runs.flatMap(({ regime, seed, history }) =>
    history.flatMap(({ epoch, learningRate, trainingModeLoss, test }) =>
      test
        ? [
            [
              `${regime}, seed ${seed}`,
              String(epoch),
              number(learningRate),
              number(trainingModeLoss),
              number(test.loss),
              percent(test.accuracy),
            ],
          ]
        : [],
    ),
  );
  if (runs.every(({ history }) => history.length === 0)) return [];
  const table: Block[] = rows.length
    ? [
        {
          table: {
            name: 'Training histories',
            detail: true,
            head: ['run', 'epoch', 'learning rate', 'training loss', 'test loss', 'test accuracy'],
            rows,
          },
        },
      ]
    : [];
  return [
    {
      title: 'Training histories',
      level: 3,
      blocks: [
        { figure: 'histories', caption: 'Loss and test accuracy against epochs.' },
        {
          paragraph: [
            'The training loss is the mean over an epoch of the loss before each step, in training mode. The table ' +
              'has the epochs after which the test set was evaluated; ',
            { code: 'report.json' },
            ' has every one.',
          ],
        },
        ...table,
      ],
    },
  ];
}
