import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { UserError } from '../../src/support/errors';
import { initialWeights, tensorSpecs } from '../../src/model/architecture';
import { readDirection, readWeights } from '../../src/executors/weights-file';
import { decodeSafetensors, encodeSafetensors } from '../../src/model/safetensors';
import type { Weights } from '../../src/model/weights';
import { randomStream } from '../../src/support/random';
import { TINY_VGG } from '../helpers/arbitraries';

const folder = mkdtempSync(join(tmpdir(), 'sharp minima '));
afterAll(() => rmSync(folder, { recursive: true }));
const file = join(folder, 'weights.safetensors');
/** Writes weights, and gives the bytes. */
const writeWeights = (path: string, content: Weights) => {
  const bytes = encodeSafetensors(content);
  writeFileSync(path, bytes);
  return bytes;
};
const weights = initialWeights(TINY_VGG, randomStream(1, 'weights'));

const tensors = fc.dictionary(
  fc
    .string({ minLength: 1 })
    .filter(
      (name) => name !== '__metadata__' && name !== '__proto__' && !name.endsWith('num_batches_tracked'),
    ),
  fc.array(fc.integer({ min: 0, max: 4 }), { maxLength: 3 }).chain((shape) =>
    fc
      .float32Array({
        minLength: shape.reduce((a, b) => a * b, 1),
        maxLength: shape.reduce((a, b) => a * b, 1),
      })
      .map((data) => ({ shape, data })),
  ),
);

describe('safetensors', () => {
  test('bring back what was written, bit for bit', () => {
    fc.assert(
      fc.property(tensors, (content) => {
        const map: Weights = new Map(Object.entries(content));
        const back = decodeSafetensors(encodeSafetensors(map)).tensors;
        expect([...back.keys()].sort()).toEqual([...map.keys()].sort());
        for (const [name, { shape, data }] of map) {
          expect(back.get(name)!.shape).toEqual(shape);
          expect(Buffer.from(back.get(name)!.data.buffer)).toEqual(
            Buffer.from(data.buffer, data.byteOffset, data.byteLength),
          );
        }
      }),
    );
  });

  test('keep strings beside the tensors', () => {
    const metadata = { training: '{"a":1}' };
    expect(decodeSafetensors(encodeSafetensors(weights, metadata)).metadata).toEqual(metadata);
  });

  test('cut off anywhere are refused', () => {
    const bytes = encodeSafetensors(weights);
    fc.assert(
      fc.property(fc.nat(bytes.length - 1), (length) => {
        expect(() => decodeSafetensors(bytes.subarray(0, length))).toThrow();
      }),
    );
  });

  test('of arbitrary bytes are refused and never crash otherwise', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        writeFileSync(file, bytes);
        expect(() => readWeights(file, TINY_VGG)).toThrow(UserError);
      }),
    );
  });
});

describe('weights files', () => {
  test('come back the same, and twice the same bytes', () => {
    const first = writeWeights(file, weights);
    expect(readWeights(file, TINY_VGG)).toEqual(weights);
    expect(writeWeights(file, weights)).toEqual(first);
  });

  test('may hold the counters of PyTorch, which are ignored', () => {
    const name = 'features.1.num_batches_tracked';
    const header: Record<string, unknown> = { [name]: { dtype: 'I64', shape: [], data_offsets: [0, 8] } };
    const bytes = encodeSafetensors(weights);
    const length = Number(bytes.readBigUInt64LE(0));
    const own = JSON.parse(bytes.subarray(8, 8 + length).toString()) as Record<
      string,
      { data_offsets: number[] }
    >;
    for (const [key, value] of Object.entries(own)) {
      header[key] = { ...value, data_offsets: value.data_offsets.map((offset) => offset + 8) };
    }
    const json = Buffer.from(JSON.stringify(header));
    const prefix = Buffer.alloc(8);
    prefix.writeBigUInt64LE(BigInt(json.length));
    writeFileSync(file, Buffer.concat([prefix, json, Buffer.alloc(8), bytes.subarray(8 + length)]));
    expect(readWeights(file, TINY_VGG)).toEqual(weights);
  });

  test('that lack a tensor, have one too many or of another shape are of another network', () => {
    const specs = tensorSpecs(TINY_VGG);
    fc.assert(
      fc.property(fc.nat(specs.length - 1), (index) => {
        const { name } = specs[index];
        const without = new Map(weights);
        without.delete(name);
        writeWeights(file, without);
        expect(() => readWeights(file, TINY_VGG)).toThrow(`is not of TinyVGG: it lacks ${name}`);
        writeWeights(file, new Map(weights).set('head.weight', { shape: [1], data: new Float32Array(1) }));
        expect(() => readWeights(file, TINY_VGG)).toThrow('has no head.weight');
        writeWeights(file, new Map(weights).set(name, { shape: [2, 1], data: new Float32Array(2) }));
        expect(() => readWeights(file, TINY_VGG)).toThrow(`${name} is [2,1]`);
      }),
      { numRuns: 10 },
    );
  });

  test('that are missing are named', () => {
    expect(() => readWeights(join(folder, 'nowhere.safetensors'), TINY_VGG)).toThrow(
      /nowhere\.safetensors.*ENOENT/,
    );
  });

  test('of a direction may leave tensors out, but hold no strangers', () => {
    const part: Weights = new Map([...weights].slice(0, 2));
    writeWeights(file, part);
    expect(readDirection(file, TINY_VGG)).toEqual(part);
    writeWeights(file, new Map(part).set('head.weight', { shape: [1], data: new Float32Array(1) }));
    expect(() => readDirection(file, TINY_VGG)).toThrow('has no head.weight');
  });

  test('appear whole: a failed write leaves the good file', () => {
    writeWeights(file, weights);
    const good = readFileSync(file);
    const broken = new Map(weights).set('x', { shape: [1], data: null as unknown as Float32Array });
    expect(() => writeWeights(file, broken)).toThrow();
    expect(readFileSync(file)).toEqual(good);
  });
});
