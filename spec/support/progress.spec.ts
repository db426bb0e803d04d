import { PassThrough } from 'node:stream';
import { describe, expect, test } from '@jest/globals';
import { duration, stderrProgress } from '../../src/support/progress';

function shown(isTTY: boolean): { stream: NodeJS.WriteStream; text: () => string } {
  let text = '';
  const stream = Object.assign(new PassThrough(), { isTTY, columns: 120, rows: 40 });
  stream.on('data', (chunk: Buffer) => (text += chunk.toString()));
  return { stream: stream as unknown as NodeJS.WriteStream, text: () => text };
}

describe('progress', () => {
  test('where there is no terminal is plain lines with the share that is done and the time left', () => {
    const { stream, text } = shown(false);
    const progress = stderrProgress(stream);
    const task = progress.begin('comparison', 0);
    task.milestone('begun');
    task.extend(40);
    task.extend(60);
    task.advance(50);
    task.note('not worth a line');
    task.milestone('epoch 1/2, loss 1.5');
    task.advance(70);
    task.milestone('more than was expected');
    task.end();
    progress.detail('a detail');
    progress.say('a line');
    expect(text().split('\n')).toEqual([
      'comparison: 0%, ? left; begun',
      expect.stringMatching(/^comparison: 50%, \d+ s left; epoch 1\/2, loss 1\.5$/),
      'comparison: 100%, 0 s left; more than was expected',
      'a detail',
      'a line',
      '',
    ]);
  });

  test('on a terminal is a bar with the share of all work that is known, the note and the time left', () => {
    const { stream, text } = shown(true);
    const progress = stderrProgress(stream);
    const task = progress.begin('comparison', 0);
    task.extend(100);
    task.note('epoch 1/2, loss 1.5');
    task.advance(80);
    task.extend(100);
    task.advance(0);
    progress.detail('a detail');
    task.end();
    const last = text().slice(text().lastIndexOf('comparison'));
    expect(last).toMatch(/^comparison .* 40% \| \d+ s left \| epoch 1\/2, loss 1\.5/);
    expect(text()).not.toContain('a detail');
  });

  test('on a terminal is a bar for each task under way, with lines that are said above them', async () => {
    const { stream, text } = shown(true);
    const progress = stderrProgress(stream);
    const [small, large] = ['SB training', 'LB training'].map((title) => progress.begin(title, 100));
    small.advance(25);
    large.advance(75);
    progress.say('the small one is done');
    small.end();
    await new Promise((resolve) => setTimeout(resolve, 250));
    large.end();
    // Once more, as what stays on the screen.
    const last = text().slice(text().lastIndexOf('SB training'));
    expect(last).toMatch(/^SB training .* 25% [^]*LB training .* 75% /);
    expect(text().indexOf('the small one is done\n')).toBeLessThan(text().lastIndexOf('SB training'));
  });

  test('ends no process late: nothing is shown any more once it is closed in the middle', async () => {
    const { stream, text } = shown(true);
    const progress = stderrProgress(stream);
    progress.begin('SB training', 100).advance(50);
    progress.say('interrupted');
    progress.close();
    const before = text();
    expect(before).toContain('interrupted\n');
    await new Promise((resolve) => setTimeout(resolve, 250));
    expect(text()).toBe(before);
  });

  test('says durations as people do', () => {
    expect([0.4, 48, 725, 7800].map(duration)).toEqual(['0 s', '48 s', '12 min 5 s', '2 h 10 min']);
  });
});
