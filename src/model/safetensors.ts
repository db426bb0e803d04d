import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { writeAtomically } from '../support/atomic-file';
import { messageOf, UserError } from '../support/errors';
import { sha256 } from '../support/sha256';
import { tensorSpecs, type Architecture } from './architecture';
import { sizeOf, type HostTensor, type Weights } from './weights';

// Our own reader and writer: the format is a length, a JSON header and raw bytes, and npm has no kept library.

const headerSchema = z.record(
  z.string(),
  z.object({
    dtype: z.string(),
    shape: z.array(z.number().int().nonnegative()),
    data_offsets: z.tuple([z.number().int().nonnegative(), z.number().int().nonnegative()]),
  }),
);

const metadataSchema = z.record(z.string(), z.string());

/** PyTorch's counter of batches, which nothing here needs. */
const IGNORED = /\.num_batches_tracked$/;

/**
 * The bytes of a safetensors file (float32, little-endian, tensors in the map's order).
 *
 * @param metadata strings to keep beside the tensors.
 */
export function encodeSafetensors(weights: Weights, metadata?: Readonly<Record<string, string>>): Buffer {
  const header: Record<string, unknown> = metadata ? { __metadata__: metadata } : {};
  let offset = 0;
  for (const [name, { shape, data }] of weights) {
    header[name] = { dtype: 'F32', shape, data_offsets: [offset, offset + data.byteLength] };
    offset += data.byteLength;
  }
  const text = JSON.stringify(header);
  const json = Buffer.from(text.padEnd(Math.ceil(text.length / 8) * 8));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(json.length));
  const tensors = [...weights.values()].map(({ data }) =>
    Buffer.from(data.buffer, data.byteOffset, data.byteLength),
  );
  return Buffer.concat([length, json, ...tensors]);
}

/** What a safetensors file holds. */
export interface SafetensorsContent {
  readonly tensors: Map<string, HostTensor>;
  readonly metadata: Readonly<Record<string, string>>;
}

/**
 * The float32 tensors of a safetensors file; `num_batches_tracked` is skipped.
 *
 * @throws Error saying what is wrong with the bytes.
 */
export function decodeSafetensors(bytes: Uint8Array): SafetensorsContent {
  if (bytes.length < 8) throw new Error('it is shorter than a safetensors header');
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const headerLength = Number(view.getBigUint64(0, true));
  if (headerLength > bytes.length - 8) throw new Error('its header is cut off');
  const start = 8 + headerLength;
  const tensors = new Map<string, HostTensor>();
  const { header, metadata } = parseHeader(bytes.subarray(8, start));
  for (const [name, { dtype, shape, data_offsets }] of Object.entries(header)) {
    if (IGNORED.test(name)) continue;
    if (dtype !== 'F32') throw new Error(`tensor ${name} is ${dtype}, not F32`);
    const [from, to] = data_offsets;
    if (to - from !== 4 * sizeOf(shape)) throw new Error(`tensor ${name} does not fill its shape [${shape}]`);
    if (start + to > bytes.length) throw new Error(`tensor ${name} is cut off`);
    // Copied, since the bytes need not lie on a multiple of four.
    const copy = new Uint8Array(bytes.subarray(start + from, start + to));
    tensors.set(name, { shape, data: new Float32Array(copy.buffer) });
  }
  return { tensors, metadata };
}

function parseHeader(bytes: Uint8Array) {
  try {
    const { __metadata__, ...header } = JSON.parse(Buffer.from(bytes).toString('utf8')) as Record<
      string,
      unknown
    >;
    return { header: headerSchema.parse(header), metadata: metadataSchema.parse(__metadata__ ?? {}) };
  } catch {
    throw new Error('its header is not that of a safetensors file');
  }
}

/**
 * Writes weights so that `model.load_state_dict` of PyTorch takes them (after `safetensors.torch.load_file`).
 * The file appears whole or not at all.
 *
 * @returns the file's SHA-256.
 */
export function writeWeights(file: string, weights: Weights): string {
  const bytes = encodeSafetensors(weights);
  writeAtomically(file, bytes);
  return sha256(bytes);
}

/**
 * Reads the weights of an architecture.
 *
 * @throws UserError if the file cannot be read, is damaged, or belongs to another network.
 */
export function readWeights(file: string, architecture: Architecture): Weights {
  const tensors = readTensors(file);
  const weights = new Map<string, HostTensor>();
  for (const { name, shape } of tensorSpecs(architecture)) {
    const tensor = tensors.get(name);
    if (!tensor) throw new UserError(`${file} is not of ${architecture.name}: it lacks ${name}.`);
    checkShape(file, name, tensor, shape, architecture);
    weights.set(name, tensor);
  }
  const stranger = [...tensors.keys()].find((name) => !weights.has(name));
  if (stranger) throw new UserError(`${file} is not of ${architecture.name}, which has no ${stranger}.`);
  return weights;
}

/**
 * Reads a direction of an architecture's parameters: tensors with the weights' names, of which any may be
 * missing, which means 0.
 *
 * @throws UserError as {@link readWeights} does.
 */
export function readDirection(file: string, architecture: Architecture): Weights {
  const shapes = new Map(tensorSpecs(architecture).map(({ name, shape }) => [name, shape]));
  const tensors = readTensors(file);
  for (const [name, tensor] of tensors) {
    const shape = shapes.get(name);
    if (!shape)
      throw new UserError(`${file} is not a direction of ${architecture.name}, which has no ${name}.`);
    checkShape(file, name, tensor, shape, architecture);
  }
  return tensors;
}

function checkShape(
  file: string,
  name: string,
  tensor: HostTensor,
  shape: readonly number[],
  { name: architecture }: Architecture,
): void {
  if (tensor.shape.join() !== shape.join()) {
    throw new UserError(`${file} is not of ${architecture}: ${name} is [${tensor.shape}], not [${shape}].`);
  }
}

function readTensors(file: string): Map<string, HostTensor> {
  try {
    return decodeSafetensors(readFileSync(file)).tensors;
  } catch (error) {
    throw new UserError(`${file} cannot be used as safetensors: ${messageOf(error)}.`);
  }
}
