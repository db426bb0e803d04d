import { describe, expect, jest, test } from '@jest/globals';
import type { EngineInfo } from '../../src/engine/engine';
import { availability } from '../helpers/availability';
import { playWebgpu } from '../helpers/webgpu';

// Each starts a process.
jest.setTimeout(120_000);

const [, missing] = availability().find(([name]) => name === 'webgpu')!;
const there = missing === null;
// Set where the specs found no GPU.
const onSoftware = there && process.env.SHARP_MINIMA_WEBGPU_SOFTWARE === '1';

describe('webgpu', () => {
  (process.platform === 'linux' ? test : test.skip)(
    'without a driver says in one line what to install',
    async () => {
      const { code, lines } = await playWebgpu('open', { VK_ICD_FILENAMES: '/nowhere/driver.json' });
      expect(code).toBe(2);
      expect(lines).toEqual([
        expect.stringMatching(/^UserError: WebGPU finds no GPU here: install .* Vulkan/),
      ]);
    },
  );

  (onSoftware ? test : test.skip)(
    'refuses a GPU that is software, by its name, unless it is told to take it',
    async () => {
      const refused = await playWebgpu('open', { SHARP_MINIMA_WEBGPU_SOFTWARE: '' });
      expect(refused.code).toBe(2);
      expect(refused.lines).toEqual([
        expect.stringMatching(/^UserError: .* but .*swiftshader.*, .* SHARP_MINIMA_WEBGPU_SOFTWARE=1/i),
      ]);
      const { code, lines } = await playWebgpu('open');
      expect(code).toBe(0);
      const { device, gpu } = JSON.parse(lines[0]) as EngineInfo;
      expect(device).toMatch(/^software GPU \(.*swiftshader/i);
      expect(gpu).toBe(false);
    },
  );

  (there ? test : test.skip)('computes, and lets the process end by itself', async () => {
    const { code, lines } = await playWebgpu('work');
    expect(code).toBe(0);
    expect(lines.at(-1)).toBe('2000');
  });

  (there ? test : test.skip)('computes on when all garbage has been collected', async () => {
    const { code, lines } = await playWebgpu('garbage');
    expect(code).toBe(0);
    expect(lines.at(-1)).toBe('2000');
  });

  (there ? test : test.skip)('leaves no navigator.gpu behind', async () => {
    expect((await playWebgpu('globals')).lines.at(-1)).toBe('false');
  });

  (there ? test : test.skip)('names a tensor that is too large for the device, and the mend', async () => {
    const { code, lines } = await playWebgpu('a tensor too large');
    expect(code).toBe(2);
    expect(lines.at(-1)).toMatch(
      /^UserError: This GPU takes at most .* GiB in one piece, .* smaller batches/,
    );
  });

  (there ? test : test.skip)(
    'throws what the GPU refused at the next read, instead of giving zeros',
    async () => {
      const { code, lines } = await playWebgpu('a refused operation');
      expect(code).toBe(2);
      expect(lines).toHaveLength(2);
      expect(lines[1]).toMatch(/^UserError: The GPU refused an operation: Buffer size .* exceeds/);
    },
  );

  (there ? test : test.skip)('tells memory that is full from other errors', async () => {
    const { code, lines } = await playWebgpu('full memory');
    expect(code).toBe(2);
    expect(lines.slice(1)).toEqual([
      "OutOfDeviceMemory: The GPU's memory is full. Take smaller batches, or another --engine.",
    ]);
  });

  (there ? test : test.skip)('says that the GPU was lost', async () => {
    const { code, lines } = await playWebgpu('a lost device');
    expect(code).toBe(2);
    expect(lines.slice(1)).toEqual(['2000', expect.stringMatching(/^UserError: The GPU was lost: /)]);
  });
});
