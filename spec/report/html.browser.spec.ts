import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, afterEach, beforeAll, describe as always, expect, test } from '@jest/globals';
import {
  chromium,
  type Browser,
  type BrowserContext,
  type BrowserContextOptions,
  type Page,
} from 'playwright-core';
import { reportHtml } from '../../src/report/html/report-html';
import { sweepHtml } from '../../src/studies/sweep/report/files';
import { exampleReport } from '../helpers/reports';
import { exampleSweep } from '../helpers/sweep-rows';

const CHROMIUM = process.env.CHROMIUM ?? '/usr/bin/chromium';
const ARGUMENTS = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];
const DESKTOP = { width: 1280, height: 900 };
/** A line that is not the rim of a band. */
const MEAN_LINE = '#chart-curves .trace:has(.points path) .js-line';
/** A sheet less its margins, in CSS pixels. */
const A4 = { width: 718, height: 1000 };
const PHONE = { width: 360, height: 740 };

const found = existsSync(CHROMIUM);
const describe = found ? always : always.skip;
if (!found)
  process.stderr.write(`No Chromium at ${CHROMIUM}: report.html is not opened. CHROMIUM names another.\n`);

describe('report.html in a browser', () => {
  let folder: string;
  let browser: Browser;
  let context: BrowserContext;
  /** What went wrong or left the page, of the page that is open. */
  let complaints: string[];

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'report-html-'));
    const everything = {
      testCurves: true,
      control: true,
      sensitivity: true,
      trainingSensitivity: true,
    } as const;
    writeFileSync(join(folder, 'full.html'), reportHtml(exampleReport({ ...everything, seeds: 3 })));
    const plain = exampleReport({ verdict: 'FAIL', unknown: true, reason: '</script><b>"&' });
    writeFileSync(join(folder, 'plain.html'), reportHtml(plain));
    writeFileSync(join(folder, 'sweep.html'), sweepHtml(exampleSweep()));
    browser = await chromium.launch({ executablePath: CHROMIUM, args: ARGUMENTS });
  });

  afterEach(async () => {
    await context.close();
    expect(complaints).toEqual([]);
  });

  afterAll(async () => {
    await browser?.close();
    rmSync(folder, { recursive: true });
  });

  async function open(name: 'full' | 'plain' | 'sweep', options: BrowserContextOptions = {}): Promise<Page> {
    complaints = [];
    context = await browser.newContext({ viewport: DESKTOP, offline: true, ...options });
    const page = await context.newPage();
    page.on('console', (message) => complaints.push(`${message.type()}: ${message.text()}`));
    page.on('pageerror', (error) => complaints.push(error.message));
    page.on('request', (request) => {
      if (!/^(file|data|blob):/.test(request.url())) complaints.push(`asked for ${request.url()}`);
    });
    await page.goto(pathToFileURL(join(folder, `${name}.html`)).href);
    return page;
  }

  /** The lines of a chart as they are drawn. */
  const linesOf = (page: Page, chart: string) =>
    page
      .locator(`#chart-${chart} .scatterlayer .js-line`)
      .evaluateAll((lines) => lines.map((line) => line.getAttribute('d')));

  const choose = (page: Page, chart: string, choice: string, value: string) =>
    page.locator(`input[name="${chart}-${choice}"][value="${value}"]`).check();

  test('draws every chart', async () => {
    for (const name of ['full', 'plain'] as const) {
      const page = await open(name);
      for (const chart of ['curves', 'near', 'history-loss', 'history-accuracy']) {
        expect((await linesOf(page, chart)).length).toBeGreaterThanOrEqual(2);
      }
      expect(await page.locator('#chart-ratios .points path').count()).toBeGreaterThan(3);
      if (name === 'full') await context.close();
    }
  });

  test('draws a panel for each quantity of a sweep, with every run, the stick, and where it may bend', async () => {
    const page = await open('sweep');
    for (let panel = 0; panel < 3; panel++) {
      const chart = page.locator(`#chart-sweep-C1-sgd-${panel}`);
      // The runs that count, the one that does not, and the means.
      expect(await chart.locator('.points path').count()).toBe(17 + 1 + 6);
      expect(await chart.locator('.yerror').count()).toBe(6);
    }
    const eigenvalue = page.locator('#chart-sweep-C1-sgd-1');
    expect(await eigenvalue.locator('.scatterlayer .js-line').count()).toBe(2);
    const box = async (selector: string) => (await eigenvalue.locator(selector).first().boundingBox())!;
    const [bend, plot] = [await box('.shapelayer path'), await box('.gridlayer')];
    // Plotly takes the ends of a shape on a logarithmic axis for what they are.
    expect(bend.x).toBeGreaterThanOrEqual(plot.x);
    expect(bend.width).toBeGreaterThan(0);
    expect(bend.width).toBeLessThan(plot.width / 2);
    expect(await page.locator('body').innerText()).toContain('Caution');
  });

  test('bears a click on everything that can be clicked', async () => {
    const page = await open('full');
    const everything = page.locator('summary, label, a, .modebar-btn, .legendtoggle');
    expect(await everything.count()).toBeGreaterThan(60);
    // With the pointer, so that what is hidden or covered by something else fails. A choice may change what there is.
    for (let i = 0; i < (await everything.count()); i++) await everything.nth(i).click({ timeout: 10_000 });
    expect(await page.locator('details:not([open])').count()).toBe(0);
    const targets = await page
      .locator('a')
      .evaluateAll((links) => links.map((link) => link.getAttribute('href')!.slice(1)));
    for (const id of new Set(targets)) expect(await page.locator(`[id="${id}"]`).count()).toBe(1);
  }, 180_000);

  test('shows other curves as its reader chooses: axis, images, seed, mean or each direction', async () => {
    const page = await open('full');
    const seen = [await linesOf(page, 'curves')];
    const next = async (choice: string, value: string) => {
      await choose(page, 'curves', choice, value);
      const lines = await linesOf(page, 'curves');
      for (const earlier of seen) expect(lines).not.toEqual(earlier);
      seen.push(lines);
      return lines;
    };
    await next('axis', 'log');
    await next('split', 'test');
    await next('seed', '43');
    expect(await next('view', 'directions')).toHaveLength(2 * 5);
    expect(await next('seed', 'all')).toHaveLength(2 * 5 * 3);
    await choose(page, 'curves', 'view', 'mean');
    await choose(page, 'curves', 'axis', 'linear');
    await choose(page, 'curves', 'split', 'train');
    // An axis may end some pixels elsewhere than at first.
    const numbers = (lines: (string | null)[]) =>
      lines
        .join()
        .match(/[\d.]+/g)!
        .map(Number);
    const [first, last] = [numbers(seen[0]), numbers(await linesOf(page, 'curves'))];
    expect(last).toHaveLength(first.length);
    last.forEach((number, i) => expect(Math.abs(number - first[i])).toBeLessThan(3));
  });

  test('has a choice of test curves only where there are some', async () => {
    const page = await open('plain');
    expect(await page.locator('input[name="curves-split"], input[name="curves-seed"]').count()).toBe(0);
  });

  test('is chosen from with the keyboard', async () => {
    const page = await open('full');
    const before = await linesOf(page, 'curves');
    await page.locator('input[name="curves-axis"][value="linear"]').focus();
    await page.keyboard.press('ArrowRight');
    expect(await page.locator('input[name="curves-axis"][value="log"]').isChecked()).toBe(true);
    expect(await linesOf(page, 'curves')).not.toEqual(before);
  });

  test('says the figures of the point under the pointer', async () => {
    const page = await open('full');
    await choose(page, 'curves', 'view', 'directions');
    const point = page.locator('#chart-curves .scatterlayer .points path').first();
    await point.scrollIntoViewIfNeeded();
    const { x, y, width, height } = (await point.boundingBox())!;
    await page.mouse.move(x + width / 2, y + height / 2);
    const label = page.locator('#chart-curves .hoverlayer .hovertext');
    await label.first().waitFor();
    const said = (await label.allTextContents()).join(' ');
    expect(said).toMatch(/(SB|LB), seed 4\d, direction \d.*α = −1.*loss [\d.]+ nats.*accuracy [\d.]+%/);
  });

  test('never scrolls sideways on a phone, though tables do within themselves', async () => {
    for (const name of ['full', 'plain'] as const) {
      const page = await open(name, { viewport: PHONE });
      await page
        .locator('details')
        .evaluateAll((all) => all.forEach((details) => details.setAttribute('open', '')));
      expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(
        PHONE.width,
      );
      const wide = await page
        .locator('.table')
        .evaluateAll((all) => all.filter((one) => one.scrollWidth > one.clientWidth).length);
      expect(wide).toBeGreaterThan(0);
      const plots = await page
        .locator('.plot .main-svg')
        .evaluateAll((all) => all.map((svg) => svg.getBoundingClientRect().right));
      expect(Math.max(...plots)).toBeLessThanOrEqual(PHONE.width);
      if (name === 'full') await context.close();
    }
  });

  test('draws its charts anew when the window changes its width', async () => {
    const page = await open('full');
    const width = async () => (await page.locator('#chart-curves .main-svg').first().boundingBox())!.width;
    const before = await width();
    await page.setViewportSize({ width: 700, height: 900 });
    await page.waitForFunction(
      (old) => document.querySelector('#chart-curves .main-svg')!.getBoundingClientRect().width < old - 100,
      before,
    );
    expect(await width()).toBeLessThan(700);
  });

  test('is dark or light as its reader prefers, at once and with readable contrast', async () => {
    const page = await open('full', { colorScheme: 'light' });
    const light = await looksOf(page);
    await page.emulateMedia({ colorScheme: 'dark' });
    await page.waitForFunction(
      ([selector, old]) => getComputedStyle(document.querySelector(selector)!).stroke !== old,
      [MEAN_LINE, light.line] as const,
      { timeout: 10_000 },
    );
    const dark = await looksOf(page);
    expect(luminance(light.page)).toBeGreaterThan(0.8);
    expect(luminance(dark.page)).toBeLessThan(0.05);
    for (const looks of [light, dark]) {
      for (const { text, ground, what } of looks.texts) {
        expect({ what, readable: contrast(text, ground) >= 4.5 }).toEqual({ what, readable: true });
      }
      for (const stroke of looks.strokes) expect(contrast(stroke, looks.page)).toBeGreaterThanOrEqual(3);
    }
  });

  test('is printed on white, within the width of A4, with everything unfolded', async () => {
    const page = await open('full', { colorScheme: 'dark', viewport: A4 });
    await page.emulateMedia({ media: 'print' });
    await page.evaluate(() => window.dispatchEvent(new Event('beforeprint')));
    expect(luminance((await looksOf(page)).page)).toBe(1);
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(A4.width);
    expect(await page.locator('details:not([open])').count()).toBe(0);
  });

  test('without JavaScript says so, and has its tables and intervals still', async () => {
    const page = await open('full', { javaScriptEnabled: false });
    expect(await page.locator('noscript').innerText()).toContain('The tables hold all figures');
    expect(await page.locator('.choices').first().isVisible()).toBe(false);
    expect(await page.locator('.strip-interval').first().isVisible()).toBe(true);
    expect(await page.locator('table').first().isVisible()).toBe(true);
  });

  test('shades the band that a claim is judged by from its one end to its other', async () => {
    const page = await open('full');
    const [band, ticks] = await page
      .locator('.intervals')
      .nth(1)
      .evaluate((node) => {
        const { left, right } = node.querySelector('.strip-band')!.getBoundingClientRect();
        const marks = [...node.querySelectorAll('.strip-tick')].map((tick) => {
          const place = tick.getBoundingClientRect();
          return [Number(tick.textContent.replace('−', '-')), place.left + place.width / 2];
        });
        return [[left, right], marks];
      });
    const [[firstTick, firstPlace], [lastTick, lastPlace]] = [ticks[0], ticks.at(-1)!];
    const at = (value: number) =>
      firstPlace + ((lastPlace - firstPlace) * (value - firstTick)) / (lastTick - firstTick);
    [-0.05, 0.05].forEach((end, i) => expect(Math.abs(band[i] - at(end))).toBeLessThan(2));
  });

  test('places an interval on its strip as its figures say, beside the line of no difference', async () => {
    const page = await open('full');
    const plot = page.locator('.intervals').first();
    const places = await plot.evaluate((node) => {
      const middle = (element: Element) => {
        const { left, width } = element.getBoundingClientRect();
        return left + width / 2;
      };
      return {
        none: middle(node.querySelector('.strip-none')!),
        marks: [...node.querySelectorAll('.strip-estimate')].map(middle),
        ticks: [...node.querySelectorAll('.strip-tick')].map((tick) => [
          Number(tick.textContent),
          middle(tick),
        ]),
      };
    });
    // Where a ratio stands on a logarithmic axis, from two of the axis' own marks.
    const [[firstTick, firstPlace], [lastTick, lastPlace]] = [places.ticks[0], places.ticks.at(-1)!];
    const at = (ratio: number) =>
      firstPlace + ((lastPlace - firstPlace) * Math.log(ratio / firstTick)) / Math.log(lastTick / firstTick);
    expect(Math.abs(places.none - at(1))).toBeLessThan(2);
    [1.6, 1.31, 0.93, 1.37].forEach((ratio, i) =>
      expect(Math.abs(places.marks[i] - at(ratio))).toBeLessThan(2),
    );
  });
});

interface Looks {
  readonly page: string;
  readonly line: string;
  readonly texts: readonly { readonly what: string; readonly text: string; readonly ground: string }[];
  readonly strokes: readonly string[];
}

/** The colours of words with what is behind them, and of the lines of SB and LB. */
function looksOf(page: Page): Promise<Looks> {
  return page.evaluate((meanLine) => {
    const isClear = (colour: string) => /rgba\(.*, 0\)|transparent/.test(colour);
    const groundOf = (element: Element): string => {
      const { backgroundColor } = getComputedStyle(element);
      return isClear(backgroundColor) && element.parentElement
        ? groundOf(element.parentElement)
        : backgroundColor;
    };
    const kinds = [
      'p',
      'a',
      'figcaption',
      'td',
      'th',
      'caption',
      'legend',
      'summary',
      'pre',
      'label span',
      '.strip-tick',
    ];
    const others = ['input:checked + span', '.verdict.pass', '.verdict.fail', '.verdict.inconclusive'];
    const words = [...kinds, ...others].map((what) => {
      const element = document.querySelector(what)!;
      return { what, text: getComputedStyle(element).color, ground: groundOf(element) };
    });
    const ground = groundOf(document.body);
    const drawn = ['.xtick text', '.legendtext', '.ytitle', '.xtitle'].map((what) => ({
      what,
      text: getComputedStyle(document.querySelector(`#chart-curves ${what}`)!).fill,
      ground,
    }));
    const strokes = [...document.querySelectorAll('#chart-curves .js-line')]
      .map((line) => getComputedStyle(line))
      .filter(({ strokeWidth }) => parseFloat(strokeWidth) > 0)
      .map(({ stroke }) => stroke);
    return {
      page: ground,
      line: getComputedStyle(document.querySelector(meanLine)!).stroke,
      texts: [...words, ...drawn],
      strokes,
    };
  }, MEAN_LINE);
}

/** WCAG's contrast of two colours, from 1 to 21. */
function contrast(one: string, other: string): number {
  const [dim, bright] = [luminance(one), luminance(other)].sort((a, b) => a - b);
  return (bright + 0.05) / (dim + 0.05);
}

/** WCAG's relative luminance of a colour, from 0 to 1. */
function luminance(colour: string): number {
  const [r, g, b] = colour.match(/[\d.]+/g)!.map((channel) => {
    const value = Number(channel) / 255;
    return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}
