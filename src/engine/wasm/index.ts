import { availableParallelism, cpus } from 'node:os';
import * as tf from '@tensorflow/tfjs';
import { version_wasm as version } from '@tensorflow/tfjs-backend-wasm';
import { UserError } from '../../support/errors';
import type { Engine } from '../engine';
import { wasmHeap } from './heap';
import { wasmKernels } from './kernels';

/**
 * The wasm engine: tfjs's WebAssembly backend, which needs nothing but Node.js.
 *
 * @throws UserError if this Node.js has no SIMD instructions for it.
 */
export async function openWasm(): Promise<Engine> {
  if (!(await tf.env().getAsync('WASM_HAS_SIMD_SUPPORT'))) {
    throw new UserError('WebAssembly has no SIMD instructions here: use a processor and a Node.js that do.');
  }
  if (!(await tf.setBackend('wasm'))) throw new UserError("tfjs's WebAssembly backend does not start.");
  return {
    info: {
      name: 'wasm',
      version: `tfjs-backend-wasm ${version}`,
      device: `CPU (${cpus()[0]?.model.trim() ?? 'unknown'})`,
      gpu: false,
      threads: 1,
      workers: availableParallelism(),
    },
    kernels: wasmKernels(wasmHeap()),
  };
}
