import type { Report } from '../report';
import { anchorOf, type AnyFigureId, type Block, type Section, type Table } from '../section';
import { count, plainText, type Text } from '../text';
import type { Chart } from './figures';
import { IntervalPlots, type IntervalRow } from './intervals';
import { TextView } from './text-view';

/** What the figures of a page are drawn from, by the figure's id. */
export interface Drawings {
  readonly charts: Readonly<Partial<Record<AnyFigureId, readonly Chart[]>>>;
  readonly intervals: Readonly<Partial<Record<AnyFigureId, readonly IntervalRow[]>>>;
}

export function SectionView({
  section,
  drawings,
}: {
  readonly section: Section;
  readonly drawings: Drawings;
}) {
  const { title, level, blocks } = section;
  const captions = blocks.filter((block) => 'table' in block).length > 1;
  const Heading = level === 2 ? 'h2' : 'h3';
  return (
    <section aria-labelledby={anchorOf(title)}>
      <Heading id={anchorOf(title)}>{title}</Heading>
      {blocks.map((block, i) => (
        <BlockView key={i} block={block} captions={captions} drawings={drawings} />
      ))}
    </section>
  );
}

function BlockView({
  block,
  captions,
  drawings,
}: {
  readonly block: Block;
  /** Whether a table needs its name, having others beside it. */
  readonly captions: boolean;
  readonly drawings: Drawings;
}) {
  if ('paragraph' in block) return <Paragraph text={block.paragraph} />;
  if ('list' in block) {
    return (
      <ul>
        {block.list.map((item, i) => (
          <li key={i}>
            <TextView text={item} />
          </li>
        ))}
      </ul>
    );
  }
  if ('table' in block) return <TableView table={block.table} caption={captions} />;
  if ('code' in block) {
    return (
      <pre tabIndex={0}>
        <code>{block.code}</code>
      </pre>
    );
  }
  return <FigureView id={block.figure} caption={block.caption} drawings={drawings} />;
}

export function Paragraph({ text }: { readonly text: Text }) {
  return (
    <p>
      <TextView text={text} />
    </p>
  );
}

/** Beyond this many rows a table is folded away. */
const MOST_ROWS = 24;

/** A table that scrolls within itself; a long one, or one that only repeats a chart, is folded away. */
function TableView({ table, caption }: { readonly table: Table; readonly caption: boolean }) {
  const { name, detail, head, rows } = table;
  const numeric = head.map((_, column) => rows.every((row) => isNumeric(plainText(row[column]))));
  const folded = detail || rows.length > MOST_ROWS;
  const scrolling = (
    <div class="table" role="region" aria-label={name} tabIndex={0}>
      <table>
        {caption && !folded && <caption>{name}</caption>}
        <thead>
          <tr>
            {head.map((words, column) => (
              <th key={column} scope="col" class={numeric[column] ? 'number' : undefined}>
                {words}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row, i) => (
            <tr key={i}>
              {row.map((cell, column) => (
                <td key={column} class={cellClass(plainText(cell), numeric[column])}>
                  <TextView text={cell} />
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
  if (!folded) return scrolling;
  return (
    <details>
      <summary>{`${name}: table of ${count(rows.length, 'row')}`}</summary>
      {scrolling}
    </details>
  );
}

const LONG = 28;

function cellClass(words: string, numeric: boolean): string | undefined {
  if (numeric) return 'number';
  return words.length > LONG ? 'long' : undefined;
}

function isNumeric(words: string): boolean {
  return /^(-?[\d.]+(e[+-]?\d+)?%?|n\/a|–)$/.test(words);
}

function FigureView({
  id,
  caption,
  drawings,
}: {
  readonly id: AnyFigureId;
  readonly caption: string;
  readonly drawings: Drawings;
}) {
  const rows = drawings.intervals[id];
  return (
    <figure>
      {rows && <IntervalPlots rows={rows} />}
      <div class="charts">
        {drawings.charts[id]?.map((chart) => (
          <ChartView key={chart.id} chart={chart} />
        ))}
      </div>
      <figcaption>{caption}</figcaption>
    </figure>
  );
}

/** The place of a chart, and what may be chosen of it; the client draws it. */
function ChartView({ chart }: { readonly chart: Chart }) {
  return (
    <div class="chart">
      <div class="choices">
        {chart.choices.map(({ name, label, options }) => (
          <fieldset key={name}>
            <legend>{label}</legend>
            {options.map(({ value, label: words }, i) => (
              <label key={value}>
                <input
                  type="radio"
                  name={`${chart.id}-${name}`}
                  value={value}
                  checked={i === 0}
                  autocomplete="off"
                />
                <span>{words}</span>
              </label>
            ))}
          </fieldset>
        ))}
      </div>
      <div class="plot" id={`chart-${chart.id}`} role="group" aria-label={chart.label} />
    </div>
  );
}

/** The interval plot of all claims. */
export function claimRows({ claims }: Report): IntervalRow[] {
  return claims.map(({ statement, verdict, estimate, interval, unit, band }) => ({
    label: statement,
    verdict,
    estimate,
    interval,
    unit,
    band,
  }));
}

/** The interval plot of each seed's estimates, claim by claim. */
export function seedRows({ claims }: Report): IntervalRow[] {
  return claims.flatMap(({ statement, unit, bySeed }) =>
    bySeed.map(({ seed, estimate, interval }) => ({
      group: statement,
      label: `Seed ${seed}`,
      estimate,
      interval,
      unit,
    })),
  );
}
