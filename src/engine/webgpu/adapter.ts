import { messageOf, UserError } from '../../support/errors';

/** Set to 1, an adapter that is no hardware is taken too. */
const SOFTWARE_VARIABLE = 'SHARP_MINIMA_WEBGPU_SOFTWARE';

/** Names of drivers that compute on the CPU, as their adapters give them. */
const SOFTWARE_NAMES = /swiftshader|llvmpipe|lavapipe|\bwarp\b|microsoft basic render/i;

/** Dawn: what browsers have as navigator.gpu, and the classes and constants that belong to it. */
export interface Dawn {
  readonly gpu: GPU;
  readonly globals: object;
}

/**
 * Loads Dawn. The package's own index.js is an ES module around the same file, which sandboxes of CommonJS modules
 * cannot load; all that it adds is for devices that are destroyed.
 *
 * @throws UserError if the package `webgpu` is missing, or holds nothing for this platform.
 */
export function loadDawn(): Dawn {
  const { platform, arch } = process;
  const build = platform === 'darwin' ? 'darwin-universal' : `${platform}-${arch}`;
  try {
    const { create, globals } = require(`webgpu/dist/${build}/dawn.node`) as typeof import('webgpu');
    return { gpu: create([]), globals };
  } catch (error) {
    throw new UserError(
      `The package webgpu does not load on ${platform} ${arch}: ${messageOf(error).split('\n')[0]}. ` +
        'Run npm ci, or take another --engine.',
    );
  }
}

/**
 * The fastest adapter that there is.
 *
 * @throws UserError if there is none, or one that computes on the CPU where that was not asked for.
 */
export async function findAdapter(gpu: GPU): Promise<GPUAdapter> {
  const adapter = await gpu.requestAdapter({ powerPreference: 'high-performance' });
  if (!adapter) {
    throw new UserError(
      'WebGPU finds no GPU here: install its driver with Vulkan (Linux: also libvulkan1), Metal or Direct3D 12, ' +
        'or take another --engine.',
    );
  }
  if (isSoftware(adapter.info) && process.env[SOFTWARE_VARIABLE] !== '1') {
    throw new UserError(
      `WebGPU finds no GPU here but ${nameOf(adapter.info)}, which computes on the CPU and is slower than any other ` +
        `engine: install the GPU's driver, take another --engine, or set ${SOFTWARE_VARIABLE}=1.`,
    );
  }
  return adapter;
}

/** Whether an adapter computes on the CPU. */
export function isSoftware(info: GPUAdapterInfo): boolean {
  return info.isFallbackAdapter || SOFTWARE_NAMES.test(nameOf(info));
}

/** All that an adapter says of itself. */
export function nameOf({ vendor, architecture, device, description }: GPUAdapterInfo): string {
  return [vendor, architecture, device, description].filter((part) => part !== '').join(', ');
}
