import { describe, expect, test } from '@jest/globals';
import { startSide, type Side } from '../../bench/side';

const TASK = { task: 'sgemm', steps: 1 } as const;

/** A side whose program is ready at once, and does this with each line it is sent. */
async function sideThat(does: string, said: string[] = []): Promise<Side> {
  const program = `
    const send = (message) => console.log(JSON.stringify(message));
    console.log('a line of a library');
    send({ say: 'nearly there' });
    send({ version: 'one' });
    process.stdin.on('data', () => { ${does} });`;
  return startSide([process.execPath, '-e', program], (line) => said.push(line));
}

describe('a side of the benchmark', () => {
  test('introduces itself and answers, whatever else its libraries write', async () => {
    const said: string[] = [];
    const side = await sideThat("console.log('noise'); send({ seconds: [1], cores: 2, peakMiB: 3 })", said);
    expect(side.version).toBe('one');
    expect(said).toEqual(['nearly there']);
    expect(await side.ask(TASK, 60)).toEqual({ seconds: [1], cores: 2, peakMiB: 3 });
    await side.end();
  });

  test('that fails gives its reason in one line, and answers the next task', async () => {
    const side = await sideThat("send({ error: 'no memory\\nsecond line' })");
    await expect(side.ask(TASK)).rejects.toThrow(/^no memory$/);
    await expect(side.ask(TASK)).rejects.toThrow(/^no memory$/);
    await side.end();
  });

  test('that is ended from outside or ends by itself gives that as the reason', async () => {
    const killed = await sideThat("process.kill(process.pid, 'SIGKILL')");
    await expect(killed.ask(TASK)).rejects.toThrow('its process was ended by SIGKILL');
    const ended = await sideThat("console.error('first'); console.error('last words'); process.exit(3)");
    await expect(ended.ask(TASK)).rejects.toThrow('its process ended with exit code 3 (last words)');
    await expect(ended.ask(TASK)).rejects.toThrow('its process ended with exit code 3');
    await ended.end();
  });

  test('that takes too long is ended', async () => {
    const side = await sideThat('');
    await expect(side.ask(TASK, 0.2)).rejects.toThrow(
      expect.objectContaining({ name: 'TooLong', message: 'takes over 0.2 seconds' }),
    );
    await side.end();
  });

  test('that cannot be started gives the reason', async () => {
    await expect(startSide(['/no/such/program'], () => {})).rejects.toThrow(/ENOENT/);
    const program = "console.log(JSON.stringify({ error: 'there is no GPU' }))";
    await expect(startSide([process.execPath, '-e', program], () => {})).rejects.toThrow(/^there is no GPU$/);
  });
});
