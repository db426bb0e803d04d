import { registerFont, type Bitmap } from 'pureimage';

// pureimage holds the pixels, reads the font and writes the PNG. Its own fill smooths edges in x only, fills
// the holes of letters, leaves gaps where a stroke crosses itself and blends twice where two segments overlap.
// So shapes are filled here: by the non-zero winding rule, with coverage exact in x and finely sampled in y.

/** A place in pixels: x to the right, y downwards, (0, 0) the top left corner of the picture. */
export interface Point {
  readonly x: number;
  readonly y: number;
}

/** A closed polygon. In a shape of several, overlaps count once and a reversed one inside another cuts a hole. */
export type Contour = readonly Point[];

/** A colour `#rrggbb`, and how much of it covers what lies beneath: 0 to 1, 1 where left out. */
export interface Paint {
  readonly colour: string;
  readonly opacity?: number;
}

/** The part of a font that is drawn with; opentype.js, which pureimage reads fonts by, brings no types. */
export interface Font {
  readonly unitsPerEm: number;
  stringToGlyphs(text: string): readonly { readonly advanceWidth: number }[];
  getPath(
    text: string,
    x: number,
    y: number,
    size: number,
    options: { kerning: boolean },
  ): { commands: readonly PathCommand[] };
}

interface PathCommand {
  readonly type: 'M' | 'L' | 'Q' | 'Z';
  readonly x: number;
  readonly y: number;
  readonly x1: number;
  readonly y1: number;
}

/** How a line of text lies: its size in pixels, which part of it is at the point given, and its direction. */
export interface TextStyle extends Paint {
  readonly font: Font;
  readonly size: number;
  readonly align?: 'left' | 'middle' | 'right';
  readonly upwards?: boolean;
}

/** A side of a polygon that crosses scanlines; x is its place at `top`. */
interface Edge {
  readonly top: number;
  readonly bottom: number;
  readonly x: number;
  readonly slope: number;
  readonly winding: 1 | -1;
}

const SCANLINES_PER_PIXEL = 16;
const CURVE_STEPS = 6;

/**
 * Reads a TrueType font.
 *
 * @param path of a .ttf file.
 * @throws where the file is missing or no font.
 */
export function loadFont(path: string): Font {
  return registerFont(path, path).loadSync().font as Font;
}

/**
 * Fills a shape. What lies outside the picture is left out.
 *
 * @throws RangeError where the colour is not `#rrggbb`.
 */
export function fill(bitmap: Bitmap, shape: readonly Contour[], { colour, opacity = 1 }: Paint): void {
  const rgb = channels(colour);
  const edges = shape.flatMap(edgesOf);
  const points = shape.flat();
  const left = Math.max(0, Math.floor(least(points.map((p) => p.x))));
  const right = Math.min(bitmap.width, Math.ceil(most(points.map((p) => p.x))));
  const top = Math.max(0, Math.floor(least(points.map((p) => p.y))));
  const bottom = Math.min(bitmap.height, Math.ceil(most(points.map((p) => p.y))));
  if (right <= left) return;
  const coverage = new Float32Array(right - left);
  for (let row = top; row < bottom; row++) {
    coverRow(coverage.fill(0), left, row, edges);
    coverage.forEach((share, i) =>
      blend(bitmap.data, (row * bitmap.width + left + i) * 4, rgb, share * opacity),
    );
  }
}

/** Draws a line through the points, with round joins and ends; a single point gives a dot. */
export function stroke(bitmap: Bitmap, points: readonly Point[], width: number, paint: Paint): void {
  const joins = points.map((point) => disc(point, width / 2));
  const segments = points.slice(1).map((end, i) => segment(points[i], end, width / 2));
  fill(bitmap, [...joins, ...segments], paint);
}

/**
 * Cuts a line into dashes, counted along it from its first point on, corners or not.
 *
 * @param on length of a dash.
 * @param off length of the gap behind it; both in pixels, more than 0.
 * @returns a line for each dash; a single point is a dash of its own.
 */
export function dashes(points: readonly Point[], on: number, off: number): Point[][] {
  if (points.length < 2) return points.length === 0 ? [] : [[...points]];
  const cut: Point[][] = [[points[0]]];
  let left = on;
  let drawing = true;
  points.slice(1).forEach((end, i) => {
    let at = points[i];
    let length = Math.hypot(end.x - at.x, end.y - at.y);
    while (length > left) {
      const share = left / length;
      at = { x: at.x + share * (end.x - at.x), y: at.y + share * (end.y - at.y) };
      length -= left;
      if (drawing) cut[cut.length - 1].push(at);
      else cut.push([at]);
      drawing = !drawing;
      left = drawing ? on : off;
    }
    left -= length;
    if (drawing && length > 0) cut[cut.length - 1].push(end);
  });
  return cut;
}

/** A circle as a polygon. */
export function disc(centre: Point, radius: number): Contour {
  const sides = 8 + 2 * Math.ceil(radius);
  return Array.from({ length: sides }, (_, i) => {
    const angle = (2 * Math.PI * i) / sides;
    return { x: centre.x + radius * Math.cos(angle), y: centre.y + radius * Math.sin(angle) };
  });
}

/** An upright rectangle as a polygon. On whole pixels its edges are sharp. */
export function rectangle(x: number, y: number, width: number, height: number): Contour {
  return [
    { x, y },
    { x: x + width, y },
    { x: x + width, y: y + height },
    { x, y: y + height },
  ];
}

/** How wide a line of text is, in pixels. */
export function widthOf(text: string, font: Font, size: number): number {
  const advance = font.stringToGlyphs(text).reduce((sum, glyph) => sum + glyph.advanceWidth, 0);
  return (advance / font.unitsPerEm) * size;
}

/** Writes one line of text with its baseline through `at`. */
export function write(bitmap: Bitmap, text: string, at: Point, style: TextStyle): void {
  const width = widthOf(text, style.font, style.size);
  const start = { left: 0, middle: -width / 2, right: -width }[style.align ?? 'left'];
  const place = style.upwards
    ? (p: Point): Point => ({ x: at.x + p.y, y: at.y - p.x })
    : (p: Point): Point => ({ x: at.x + p.x, y: at.y + p.y });
  const outlines = flatten(style.font.getPath(text, start, 0, style.size, { kerning: false }).commands);
  fill(
    bitmap,
    outlines.map((outline) => outline.map(place)),
    style,
  );
}

function channels(colour: string): readonly number[] {
  if (!/^#[0-9a-f]{6}$/i.test(colour)) throw new RangeError(`a colour is written #rrggbb, not ${colour}`);
  return [1, 3, 5].map((i) => parseInt(colour.slice(i, i + 2), 16));
}

function edgesOf(contour: Contour): Edge[] {
  return contour.flatMap((start, i) => {
    const end = contour[(i + 1) % contour.length];
    if (start.y === end.y) return [];
    const [high, low] = start.y < end.y ? [start, end] : [end, start];
    const slope = (low.x - high.x) / (low.y - high.y);
    return [
      { top: high.y, bottom: low.y, x: high.x, slope, winding: high === start ? 1 : -1 } satisfies Edge,
    ];
  });
}

/** Adds to each pixel of a row the share of it that the shape covers. */
function coverRow(coverage: Float32Array, left: number, row: number, edges: readonly Edge[]): void {
  const near = edges.filter((edge) => edge.top < row + 1 && edge.bottom > row);
  for (let i = 0; i < SCANLINES_PER_PIXEL; i++) {
    const y = row + (i + 0.5) / SCANLINES_PER_PIXEL;
    const crossings = near
      .filter((edge) => edge.top <= y && y < edge.bottom)
      .map((edge) => ({ x: edge.x + (y - edge.top) * edge.slope - left, winding: edge.winding }))
      .sort((a, b) => a.x - b.x);
    let winding = 0;
    crossings.forEach((crossing, j) => {
      winding += crossing.winding;
      if (winding !== 0) coverSpan(coverage, crossing.x, crossings[j + 1].x);
    });
  }
}

function coverSpan(coverage: Float32Array, from: number, to: number): void {
  const start = Math.max(0, from);
  const end = Math.min(coverage.length, to);
  if (end <= start) return;
  const first = Math.floor(start);
  const last = Math.ceil(end) - 1;
  const whole = 1 / SCANLINES_PER_PIXEL;
  for (let pixel = first; pixel <= last; pixel++) coverage[pixel] += whole;
  coverage[first] -= (start - first) * whole;
  coverage[last] -= (last + 1 - end) * whole;
}

function blend(data: Uint8Array, at: number, rgb: readonly number[], share: number): void {
  if (share <= 0) return;
  for (let channel = 0; channel < 3; channel++) {
    const beneath = data[at + channel];
    // The array cuts off what follows the point: a half more makes that rounding.
    data[at + channel] = beneath + (rgb[channel] - beneath) * share + 0.5;
  }
}

/** Turns the same way round as `disc`, so that the two add up and cut no hole. */
function segment(start: Point, end: Point, radius: number): Contour {
  const length = Math.hypot(end.x - start.x, end.y - start.y);
  if (length === 0) return [];
  const x = (radius * (end.y - start.y)) / length;
  const y = (radius * (end.x - start.x)) / length;
  return [
    { x: start.x + x, y: start.y - y },
    { x: end.x + x, y: end.y - y },
    { x: end.x - x, y: end.y + y },
    { x: start.x - x, y: start.y + y },
  ];
}

/** Glyph outlines as polygons. TrueType has no cubic curves. */
function flatten(commands: readonly PathCommand[]): Point[][] {
  const contours: Point[][] = [];
  for (const command of commands) {
    if (command.type === 'M') contours.push([command]);
    if (command.type === 'L') contours[contours.length - 1].push(command);
    if (command.type === 'Q')
      contours[contours.length - 1].push(...quadratic(contours[contours.length - 1].at(-1)!, command));
  }
  return contours;
}

function quadratic(start: Point, { x1, y1, x, y }: PathCommand): Point[] {
  return Array.from({ length: CURVE_STEPS }, (_, i) => {
    const t = (i + 1) / CURVE_STEPS;
    const [a, b, c] = [(1 - t) ** 2, 2 * t * (1 - t), t ** 2];
    return { x: a * start.x + b * x1 + c * x, y: a * start.y + b * y1 + c * y };
  });
}

function least(values: readonly number[]): number {
  return values.reduce((a, b) => Math.min(a, b), Infinity);
}

function most(values: readonly number[]): number {
  return values.reduce((a, b) => Math.max(a, b), -Infinity);
}
