// A curve in one line of text.

const BARS = "▁▂▃▄▅▆▇█";

/** The values from lowest to highest bar, at most `columns` wide; NaN is a blank. Empty without a finite value. */
export function sparkline(values: readonly number[], columns: number): string {
  const width = Math.min(columns, values.length);
  const shown = Array.from({ length: width }, (_, i) => values[Math.floor(((i + 1) * values.length) / width) - 1]!);
  const finite = shown.filter(Number.isFinite);
  if (finite.length === 0) return "";
  const [low, high] = [Math.min(...finite), Math.max(...finite)];
  return shown
    .map((value) => {
      if (!Number.isFinite(value)) return " ";
      const height = high === low ? 0 : (value - low) / (high - low);
      return BARS[Math.round(height * (BARS.length - 1))];
    })
    .join("");
}
