import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';

/** Where browsers keep the Vulkan driver that computes on the CPU. */
const SOFTWARE_DRIVERS = ['/usr/lib/chromium', '/usr/lib/chromium-browser', '/opt/google/chrome'].map(
  (folder) => join(folder, 'vk_swiftshader_icd.json'),
);

/** Environment variables under which webgpu computes on the CPU. */
export function softwareEnvironment(): Record<string, string> {
  const driver = process.env.VK_ICD_FILENAMES ?? SOFTWARE_DRIVERS.find((path) => existsSync(path));
  return { SHARP_MINIMA_WEBGPU_SOFTWARE: '1', ...(driver && { VK_ICD_FILENAMES: driver }) };
}

/** How a scenario ended. */
export interface ScenarioOutcome {
  /** Null where a signal ended it. */
  readonly code: number | null;
  /** The lines that it printed; the last one of one that failed is "UserError: …". */
  readonly lines: string[];
}

/** Plays a scenario of webgpu-program.ts in a process of its own. */
export function playWebgpu(
  scenario: string,
  environment: Readonly<Record<string, string>> = {},
): Promise<ScenarioOutcome> {
  const program = [
    '--require',
    'ts-node/register/transpile-only',
    join(__dirname, 'webgpu-program.ts'),
    scenario,
  ];
  const env = { ...process.env, ...environment };
  return new Promise((resolve) => {
    const child = execFile(process.execPath, program, { env }, (_, stdout) =>
      resolve({ code: child.exitCode, lines: stdout.trim().split('\n') }),
    );
  });
}
