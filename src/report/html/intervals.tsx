import type { Verdict } from '../../verdict/claim';
import { hasInterval, inUnit, NO_DIFFERENCE, number, rangeInUnit, type Unit } from '../text';
import { linearAxis } from '../ticks';
import { ratioTicks } from './ratio-ticks';
import { VerdictBadge } from './text-view';

/** One line of an interval plot. */
export interface IntervalRow {
  /** What the rows from here on are about, until another says otherwise. */
  readonly group?: string;
  readonly label: string;
  readonly verdict?: Verdict;
  readonly estimate: number;
  readonly interval: readonly [number, number];
  readonly unit: Unit;
  /** Where the estimate must lie, where that and not the interval decides. */
  readonly band?: readonly [number, number];
}

const HEADINGS: Readonly<Record<Unit, string>> = {
  ratio: 'Ratios, on a logarithmic axis; 1 is no difference',
  nats: 'Losses in nats; 0 is no difference',
  share: 'Shares of the test images, in percentage points; 0 is no difference',
};

/** A scale from an estimate to its place, in per cent of the width. */
interface Scale {
  readonly place: (value: number) => number;
  readonly ticks: readonly { readonly value: number; readonly label: string }[];
}

/** Estimates with their intervals, drawn without a script: one plot for each unit, with its line of no difference. */
export function IntervalPlots({ rows }: { readonly rows: readonly IntervalRow[] }) {
  const units = (['ratio', 'nats', 'share'] as const).filter((unit) => rows.some((row) => row.unit === unit));
  return (
    <>
      {units.map((unit) => (
        <UnitPlot key={unit} unit={unit} rows={rows.filter((row) => row.unit === unit)} />
      ))}
    </>
  );
}

function UnitPlot({ unit, rows }: { readonly unit: Unit; readonly rows: readonly IntervalRow[] }) {
  const scale = scaleOf(unit, rows);
  const none = at(scale.place(NO_DIFFERENCE[unit]));
  return (
    <div class="intervals">
      <p class="intervals-unit">
        {HEADINGS[unit]}
        {rows.some(({ band }) => band) && '; an estimate must lie within the shaded band, where there is one'}
      </p>
      {rows.map((row, i) => (
        <div class="interval" key={i}>
          {row.group && row.group !== rows[i - 1]?.group && <div class="interval-group">{row.group}</div>}
          <div class="interval-label">
            {row.verdict && (
              <>
                <VerdictBadge verdict={row.verdict} />{' '}
              </>
            )}
            {row.label}
          </div>
          <div class="strip" aria-hidden="true">
            {row.band && <Band ends={row.band} scale={scale} />}
            <span class="strip-none" style={{ left: none }} />
            <Mark row={row} scale={scale} />
          </div>
          <div class="interval-value">
            {inUnit(row.estimate, unit)}
            {hasInterval(row.interval) && ` (${rangeInUnit(row.interval, unit)})`}
          </div>
        </div>
      ))}
      <div class="interval interval-axis" aria-hidden="true">
        <div class="strip">
          {scale.ticks.map(({ value, label }) => (
            <span class="strip-tick" key={value} style={{ left: at(scale.place(value)) }}>
              {label}
            </span>
          ))}
        </div>
      </div>
    </div>
  );
}

function Band({ ends, scale }: { readonly ends: readonly [number, number]; readonly scale: Scale }) {
  const [low, high] = ends.map(scale.place);
  return <span class="strip-band" style={{ left: at(low), width: at(high - low) }} />;
}

function Mark({ row, scale }: { readonly row: IntervalRow; readonly scale: Scale }) {
  if (!Number.isFinite(row.estimate)) return null;
  const [low, high] = row.interval.map(scale.place);
  return (
    <>
      {hasInterval(row.interval) && (
        <span class="strip-interval" style={{ left: at(low), width: at(high - low) }} />
      )}
      <span class="strip-estimate" style={{ left: at(scale.place(row.estimate)) }} />
    </>
  );
}

function scaleOf(unit: Unit, rows: readonly IntervalRow[]): Scale {
  const ends = rows.flatMap(({ estimate, interval, band = [] }) => [estimate, ...interval, ...band]);
  const usable = ends.filter((value) => Number.isFinite(value) && (unit !== 'ratio' || value > 0));
  const values = [NO_DIFFERENCE[unit], ...usable];
  const [least, greatest] = [Math.min(...values), Math.max(...values)];
  if (unit === 'ratio') {
    const pad = Math.max((greatest / least) ** 0.06, 1.05);
    const [low, high] = [least / pad, greatest * pad];
    const width = Math.log(high / low);
    return {
      place: (value) => (100 * Math.log(value / low)) / width,
      ticks: ratioTicks(low, high).map((value) => ({ value, label: number(value) })),
    };
  }
  const pad = 0.06 * (greatest - least) || 1;
  const [low, high] = [least - pad, greatest + pad];
  const perUnit = unit === 'share' ? 100 : 1;
  const { ticks } = linearAxis(low * perUnit, high * perUnit, 4);
  return {
    place: (value) => (100 * (value - low)) / (high - low),
    ticks: ticks
      .map(({ value, label }) => ({ value: value / perUnit, label }))
      .filter(({ value }) => value >= low && value <= high),
  };
}

function at(percent: number): string {
  return `${Number(percent.toFixed(2))}%`;
}
