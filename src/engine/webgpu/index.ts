import * as tf from '@tensorflow/tfjs';
import { webgpu_util } from '@tensorflow/tfjs-backend-webgpu';
import { version as backendVersion } from '@tensorflow/tfjs-backend-webgpu/package.json';
import { version as dawnVersion } from 'webgpu/package.json';
import type { Engine } from '../engine';
import { findAdapter, isSoftware, loadDawn, nameOf, type Dawn } from './adapter';
import { CheckedBackend } from './backend';
import { webgpuKernels } from './kernels';

/** What tfjs looks up in the global scope while it works. */
const GLOBALS = ['GPUBuffer', 'GPUBufferUsage', 'GPUMapMode', 'GPUTexture', 'GPUTextureUsage'];

/**
 * The webgpu engine: tfjs's WebGPU backend on Dawn, for GPUs by Vulkan, Metal and Direct3D 12.
 *
 * @throws UserError if there is no GPU that WebGPU finds, or none but software and SHARP_MINIMA_WEBGPU_SOFTWARE
 * is not 1.
 */
export async function openWebgpu(): Promise<Engine> {
  const backend = (tf.findBackend('webgpu') as CheckedBackend | null) ?? (await registerBackend());
  await tf.setBackend('webgpu');
  // Of tfjs's products of matrices, one adds in whatever order its threads come; this one always in the same.
  tf.env().set('WEBGPU_MATMUL_PROGRAM_TYPE', webgpu_util.MatMulProgramType.MatMulPackedProgram);
  // A convolution's input gradient as a product of matrices in tiles.
  tf.env().set('WEBGPU_USE_NAIVE_CONV2D_TRANSPOSE', false);
  const software = isSoftware(backend.info);
  return {
    info: {
      name: 'webgpu',
      version: `tfjs-backend-webgpu ${backendVersion}, webgpu ${dawnVersion}`,
      device: `${software ? 'software GPU' : 'GPU'} (${nameOf(backend.info)})`,
      gpu: !software,
      threads: 1,
      workers: 1,
    },
    kernels: webgpuKernels(backend),
  };
}

async function registerBackend(): Promise<CheckedBackend> {
  const dawn = loadDawn();
  const adapter = await findAdapter(dawn.gpu);
  const device = await adapter.requestDevice({ requiredLimits: largest(adapter.limits) });
  const backend = surrounded(dawn, () => new CheckedBackend(dawn.gpu, device, adapter.info));
  tf.registerBackend('webgpu', () => backend);
  return backend;
}

/** What a device does not allow unless it is asked to: large buffers, and tfjs's larger groups of threads. */
const LIMITS = [
  'maxBufferSize',
  'maxStorageBufferBindingSize',
  'maxComputeWorkgroupStorageSize',
  'maxComputeWorkgroupsPerDimension',
  'maxComputeWorkgroupSizeX',
  'maxComputeInvocationsPerWorkgroup',
] as const;

function largest(limits: GPUSupportedLimits): Record<string, number> {
  return Object.fromEntries(LIMITS.map((name) => [name, limits[name]]));
}

/**
 * Makes a backend amid the globals that a browser has: some for good, but navigator.gpu, which tfjs only looks
 * for, for as long as that takes. Left there it keeps Node.js from ending.
 */
function surrounded<T>({ gpu, globals }: Dawn, make: () => T): T {
  for (const name of GLOBALS) Reflect.set(globalThis, name, Reflect.get(globals, name));
  const before = Object.getOwnPropertyDescriptor(globalThis, 'navigator');
  Object.defineProperty(globalThis, 'navigator', { value: { gpu }, configurable: true });
  try {
    return make();
  } finally {
    Reflect.deleteProperty(globalThis, 'navigator');
    if (before) Object.defineProperty(globalThis, 'navigator', before);
  }
}
