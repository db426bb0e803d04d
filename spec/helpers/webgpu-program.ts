import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import * as tf from '@tensorflow/tfjs';
import type { WebGPUBackend } from '@tensorflow/tfjs-backend-webgpu';
import { openWebgpu } from '../../src/engine/webgpu';

// A program that plays one scenario on webgpu and ends by itself.

const say = (text: string) => void process.stdout.write(`${text}\n`);
const device = () => (tf.backend() as WebGPUBackend).device;
const sum = async () => String((await tf.ones([2000]).sum().data())[0]);

const scenarios: Record<string, () => Promise<void>> = {
  async open() {},

  async work() {
    say(await sum());
  },

  async garbage() {
    setFlagsFromString('--expose-gc');
    // Each needs a program that is still to be compiled.
    const x = tf.ones([2000]);
    for (const operation of [tf.sin, tf.cos, tf.tan, tf.exp, tf.sqrt, tf.square, tf.abs, tf.neg, tf.floor]) {
      runInNewContext('gc')();
      await operation(x).data();
    }
    say(await sum());
  },

  async globals() {
    say(String('gpu' in (globalThis.navigator ?? {})));
  },

  async 'a tensor too large'() {
    const { maxBufferSize, maxStorageBufferBindingSize } = device().limits;
    tf.fill([Math.min(maxBufferSize, maxStorageBufferBindingSize) / 4 + 1], 1);
  },

  async 'a refused operation'() {
    device().createBuffer({ size: device().limits.maxBufferSize + 4, usage: GPUBufferUsage.STORAGE });
    say(await sum());
  },

  async 'full memory'() {
    const size = Math.min(device().limits.maxBufferSize, 2 ** 30);
    for (let gigabytes = 0; gigabytes < 1000; gigabytes++) {
      device().createBuffer({ size, usage: GPUBufferUsage.STORAGE });
    }
    say(await sum());
  },

  async 'a lost device'() {
    say(await sum());
    device().destroy();
    say(await sum());
  },
};

async function play(name: string): Promise<void> {
  const { info } = await openWebgpu();
  say(JSON.stringify(info));
  await scenarios[name]();
}

play(process.argv[2]).catch((error: Error) => {
  say(`${error.name}: ${error.message}`);
  process.exitCode = 2;
});
