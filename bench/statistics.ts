/** The middle value, or the mean of the two in the middle. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** A table in columns: words from the left, figures from the right. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = head.map((title, i) => Math.max(title.length, ...rows.map((row) => row[i].length)));
  const isFigure = (i: number) => rows.every((row) => /^[\d.]+$|^–$/.test(row[i]));
  const line = (row: readonly string[]) =>
    row.map((cell, i) => (isFigure(i) ? cell.padStart(widths[i]) : cell.padEnd(widths[i]))).join('  ');
  return [head, ...rows].map((row) => `${line(row).trimEnd()}\n`).join('');
}
