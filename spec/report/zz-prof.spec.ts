import { test } from '@jest/globals';
import { make, encodePNGToStream } from 'pureimage';
import { PassThrough } from 'node:stream';
import { loadFont, fill, rectangle, disc, write } from '../../src/report/chart-paint';
test('x', async () => {
  const log: string[] = [];
  let t = Date.now();
  const lap = (s: string) => { log.push(`${s} ${Date.now() - t}`); t = Date.now(); };
  const b = make(800, 400); lap('make');
  b.data.fill(255); lap('fill');
  const p = require.resolve('@expo-google-fonts/source-sans-3/400Regular/SourceSans3_400Regular.ttf');
  const f = loadFont(p); lap('font');
  loadFont(p); lap('font2');
  for (let i = 0; i < 50; i++) fill(b, [disc({ x: 100, y: 100 }, 5)], { colour: '#112233' }); lap('50 discs');
  fill(b, [rectangle(10.5, 10.5, 300, 200)], { colour: '#112233', opacity: .1 }); lap('band');
  write(b, 'thick line: mean of 5 directions; thin: each', { x: 10, y: 200 }, { font: f, size: 13, colour: '#000000' }); lap('text');
  const s = new PassThrough(); s.on('data', () => {}); await encodePNGToStream(b, s); lap('png');
  require('node:fs').writeFileSync('/tmp/prof.txt', log.join('\n'));
});
