import { z } from 'zod';
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
