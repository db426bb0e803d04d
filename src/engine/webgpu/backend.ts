import { util, type BackendValues } from '@tensorflow/tfjs';
import { WebGPUBackend, webgpu_util } from '@tensorflow/tfjs-backend-webgpu';
import { messageOf, OutOfDeviceMemory, UserError } from '../../support/errors';

const MEND = 'Take smaller batches, or another --engine.';

/**
 * tfjs's backend with its errors heard. WebGPU reports most errors beside the call that made them: where nobody
 * listens, what failed reads as zeros.
 */
export class CheckedBackend extends WebGPUBackend {
  /** The first thing that went wrong; no figure counts from then on. */
  private failure?: UserError;

  /** @param gpu kept for as long as the device: Dawn crashes where it is collected before. */
  constructor(
    readonly gpu: GPU,
    device: GPUDevice,
    readonly info: GPUAdapterInfo,
  ) {
    super(device, info);
    device.addEventListener('uncapturederror', (event) => {
      // Else Dawn prints it as well.
      event.preventDefault();
      // Dawn's classes are no globals here.
      const full = event.error.constructor.name === 'GPUOutOfMemoryError';
      if (full) this.failure ??= memoryIsFull();
      else this.fail(`The GPU refused an operation: ${firstLine(event.error.message)}`);
    });
    void device.lost.then(({ message }) => this.fail(`The GPU was lost: ${firstLine(message)}`));
  }

  /** @throws UserError if anything has gone wrong since the device was made; OutOfDeviceMemory if it is full. */
  override async read(data: object): Promise<BackendValues> {
    this.demandHealth();
    try {
      return await super.read(data);
    } catch (error) {
      // A read that fails is a device that is lost, of which the news may come later.
      this.fail(`The GPU gave nothing back: ${firstLine(messageOf(error))}`);
      throw error;
    } finally {
      this.demandHealth();
    }
  }

  /**
   * @throws UserError if the device takes no buffer of a tensor's size; OutOfDeviceMemory if it has no memory left
   *   for it.
   */
  override uploadToGPU(data: object): void {
    const { shape, dtype } = this.tensorMap.get(data);
    const bytes = util.sizeFromShape(shape) * webgpu_util.GPUBytesPerElement(dtype);
    const { maxBufferSize, maxStorageBufferBindingSize } = this.device.limits;
    const limit = Math.min(maxBufferSize, maxStorageBufferBindingSize);
    if (bytes > limit) {
      throw new UserError(
        `This GPU takes at most ${inGiB(limit)} in one piece, not ${inGiB(bytes)} (a tensor of ${shape.join(' x ')}). ` +
          MEND,
      );
    }
    try {
      super.uploadToGPU(data);
    } catch (error) {
      // Memory that is to be filled from here fails at once, with a RangeError.
      throw error instanceof RangeError ? memoryIsFull() : error;
    }
  }

  private fail(message: string): void {
    this.failure ??= new UserError(`${message} (${MEND})`);
  }

  private demandHealth(): void {
    if (this.failure) throw this.failure;
  }
}

function memoryIsFull(): OutOfDeviceMemory {
  return new OutOfDeviceMemory(`The GPU's memory is full. ${MEND}`);
}

function inGiB(bytes: number): string {
  return `${(bytes / 2 ** 30).toFixed(2)} GiB`;
}

function firstLine(text: string): string {
  return text.split('\n')[0];
}
