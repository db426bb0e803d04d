import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse, type Message } from 'protobufjs';
import { z } from 'zod';
import { tensorboardFiles } from '../../src/report/tensorboard';
import type { Report, RunReport } from '../../src/report/report';
import { epochRecordSchema } from '../../src/training/checkpoint';
import { evenly } from '../helpers/arbitraries';
import { exampleReport, reportShapes } from '../helpers/reports';

const FIXTURES = join(__dirname, '../../fixtures');

/** The part of TensorFlow's event.proto and summary.proto that is read here, in their own words. */
const Event = parse(`
  syntax = "proto3";
  message Event {
    double wall_time = 1;
    int64 step = 2;
    oneof what { string file_version = 3; Summary summary = 5; }
  }
  message Summary {
    message Value {
      string tag = 1;
      oneof value { float simple_value = 2; }
    }
    repeated Value value = 1;
  }
`).root.lookupType('Event');

interface LoggedEvent {
  readonly wallTime: number;
  readonly step: number;
  readonly fileVersion?: string;
  readonly summary?: { value: { tag: string; simpleValue: number }[] };
}

/** The events of a file; their checksums are not looked at. */
function eventsOf(content: Uint8Array): LoggedEvent[] {
  const bytes = Buffer.from(content);
  const events: LoggedEvent[] = [];
  for (let at = 0; at < bytes.length;) {
    const end = at + 12 + Number(bytes.readBigUInt64LE(at));
    const message: Message = Event.decode(bytes.subarray(at + 12, end));
    events.push({ wallTime: 0, step: 0, ...Event.toObject(message, { longs: Number }) });
    at = end + 4;
  }
  return events;
}

type Points = Record<string, (readonly [step: number, value: number])[]>;

/** Every point of a file, by tag. */
function pointsOf(content: Uint8Array): Points {
  const points: Points = {};
  for (const { step, summary } of eventsOf(content)) {
    for (const { tag, simpleValue } of summary?.value ?? []) (points[tag] ??= []).push([step, simpleValue]);
  }
  return points;
}

/** What TensorBoard ought to show of a training. */
function expectedPoints({ history }: RunReport): Points {
  const tested = history.flatMap(({ epoch, test }) => (test ? [{ epoch, ...test }] : []));
  const every: Points = {
    'train/loss': history.map((record) => [record.epoch, Math.fround(record.trainingModeLoss)]),
    'train/learning_rate': history.map((record) => [record.epoch, Math.fround(record.learningRate)]),
    'test/loss': tested.map(({ epoch, loss }) => [epoch, Math.fround(loss)]),
    'test/accuracy': tested.map(({ epoch, accuracy }) => [epoch, Math.fround(accuracy)]),
  };
  return Object.fromEntries(Object.entries(every).filter(([, points]) => points.length > 0));
}

const evaluation = fc.record({
  loss: fc.oneof(evenly(0, 5), fc.constant(NaN)),
  accuracy: evenly(0, 1),
  lossStandardError: fc.constant(0.01),
});

/** Histories with a test after some epochs. */
const histories = fc
  .array(
    fc.record({
      learningRate: evenly(0, 0.1),
      trainingModeLoss: evenly(0, 5),
      test: fc.option(evaluation),
    }),
    { maxLength: 150 },
  )
  .map((records) => records.map((record, i) => ({ epoch: i + 1, ...record })));

const reportWith = (run: Partial<RunReport>): Report => {
  const report = exampleReport();
  return { ...report, runs: [{ ...report.runs[0], ...run }] };
};

describe("a training's TensorBoard log", () => {
  test("is to the byte what TensorBoard's own code writes", () => {
    const text = readFileSync(join(FIXTURES, 'tensorboard-reference.json'), 'utf8');
    const training = z
      .object({ seconds: z.number(), epochs: z.number(), history: z.array(epochRecordSchema) })
      .parse(JSON.parse(text));
    const [{ content }] = tensorboardFiles(reportWith(training));
    const reference = readFileSync(join(FIXTURES, 'tensorboard-reference.tfevents'));
    expect(Buffer.from(content).toString('hex')).toBe(reference.toString('hex'));
  });

  test('has loss and learning rate of every epoch, test loss and accuracy of those that were tested', () => {
    fc.assert(
      fc.property(histories, (history) => {
        const report = reportWith({ history, epochs: history.length });
        expect(pointsOf(tensorboardFiles(report)[0].content)).toEqual(expectedPoints(report.runs[0]));
      }),
    );
  });

  test("begins with the version of the file's format, and says it once", () => {
    fc.assert(
      fc.property(reportShapes, (shape) => {
        for (const { content } of tensorboardFiles(exampleReport(shape))) {
          const versions = eventsOf(content).map(({ fileVersion }) => fileVersion);
          expect(versions[0]).toBe('brain.Event:2');
          expect(new Set(versions.slice(1))).toEqual(new Set([undefined]));
        }
      }),
    );
  });

  test('counts time from the start of the training, every epoch an equal share', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 200 }), evenly(1, 5000), (epochs, seconds) => {
        const [record] = exampleReport().runs[0].history;
        const history = Array.from({ length: epochs }, (_, i) => ({ ...record, epoch: i + 1 }));
        const [{ content }] = tensorboardFiles(reportWith({ epochs, seconds, history }));
        const times = eventsOf(content).map(({ wallTime }) => wallTime);
        expect(times[0]).toBe(0);
        expect(times.at(-1)).toBeCloseTo(seconds, 8);
        for (let i = 1; i < times.length; i++) {
          expect(times[i] - times[i - 1]).toBeCloseTo(seconds / epochs, 8);
        }
      }),
    );
  });
});

describe("a report's TensorBoard logs", () => {
  test('lie in a folder for each training, the control with its own', () => {
    const paths = tensorboardFiles(exampleReport({ seeds: 2, control: true })).map(({ path }) => path);
    const name = 'events.out.tfevents.0000000000.sharp-minima';
    expect([...paths].sort()).toEqual([
      `LB-seed42/${name}`,
      `LB-seed43/${name}`,
      `SB-control-seed42/${name}`,
      `SB-control-seed43/${name}`,
      `SB-seed42/${name}`,
      `SB-seed43/${name}`,
    ]);
  });

  test('each hold the history of the training that their folder names', () => {
    fc.assert(
      fc.property(reportShapes, (shape) => {
        const report = exampleReport(shape);
        const files = tensorboardFiles(report);
        expect(files).toHaveLength(report.runs.length + (report.control?.runs.length ?? 0));
        for (const { path, content } of files) {
          const { regime, control, seed } = /^(?<regime>SB|LB)(?<control>-control)?-seed(?<seed>\d+)\//.exec(
            path,
          )!.groups!;
          const runs = control ? report.control!.runs : report.runs;
          const run = runs.find((run) => run.regime === regime && run.seed === Number(seed))!;
          expect(pointsOf(content)).toEqual(expectedPoints(run));
        }
      }),
    );
  });

  test('are the same of the same report', () => {
    fc.assert(
      fc.property(reportShapes, (shape) => {
        const hexes = () =>
          tensorboardFiles(exampleReport(shape)).map(({ content }) => Buffer.from(content).toString('hex'));
        expect(hexes()).toEqual(hexes());
      }),
    );
  });
});
