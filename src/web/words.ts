// Numbers and names as people read them.

/** Three or four significant digits, with k, M, G above a thousand. */
export function shown(value: number | null | undefined, digits = 4): string {
  if (value === null || value === undefined || !Number.isFinite(value)) return "–";
  if (value === 0) return "0";
  const size = Math.abs(value);
  for (const [scale, suffix] of [
    [1e12, "T"],
    [1e9, "G"],
    [1e6, "M"],
    [1e4, "k"],
  ] as const) {
    if (size >= scale) return `${trimmed(suffix === "k" ? value / 1e3 : value / scale, digits)} ${suffix}`;
  }
  if (size < 1e-3) return value.toExponential(2);
  return trimmed(value, digits);
}

const trimmed = (value: number, digits: number): string => String(Number(value.toPrecision(digits)));

export const count = (value: number): string => value.toLocaleString("en-US");
export const percent = (share: number, digits = 1): string => `${(100 * share).toFixed(digits)} %`;

export function bytes(value: number): string {
  if (value >= 1 << 20) return `${trimmed(value / (1 << 20), 3)} MiB`;
  if (value >= 1024) return `${trimmed(value / 1024, 3)} KiB`;
  return `${value} B`;
}

const UNITS: readonly (readonly [RegExp, string])[] = [
  [/PerImageMs$/, "ms per image"],
  [/PerImageMillijoules$/, "mJ per image"],
  [/Ms$/, "ms"],
  [/Millijoules$/, "mJ"],
  [/Mm2$/, "mm²"],
  [/Bytes$/, "bytes"],
  [/Cycles$/, "cycles"],
  [/Fraction$/, ""],
];

/** `latencyPerImageMs` as `latency (ms per image)`. */
export function metricName(name: string): string {
  const found = UNITS.find(([ending]) => ending.test(name));
  const stem = found === undefined ? name : name.replace(found[0], "");
  const words = stem
    .replace(/.*\//, "")
    .replace(/_/g, " ")
    .replace(/([a-z])([A-Z])/g, "$1 $2")
    .toLowerCase();
  return found === undefined || found[1] === "" ? words : `${words} (${found[1]})`;
}

/** How long ago, in the largest unit that fits. */
export function ago(iso: string, nowMs: number): string {
  const seconds = (nowMs - Date.parse(iso)) / 1000;
  if (!Number.isFinite(seconds)) return "–";
  for (const [size, name] of [
    [86400, "d"],
    [3600, "h"],
    [60, "min"],
  ] as const) {
    if (seconds >= size) return `${Math.floor(seconds / size)} ${name}`;
  }
  return `${Math.max(0, Math.floor(seconds))} s`;
}

export const valueText = (value: string | number | boolean): string =>
  typeof value === "number" ? shown(value, 6) : String(value);

/** CSV with quotes where they are needed; a cell that a spreadsheet would run as a formula gets a quote before it. */
export function csvOf(
  header: readonly string[],
  rows: readonly (readonly (string | number | boolean | null)[])[],
): string {
  const cell = (value: string | number | boolean | null): string => {
    if (value === null) return "";
    const text = typeof value === "string" && /^[=+\-@\t\r]/.test(value) ? `'${value}` : String(value);
    return /[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  };
  return `${[header, ...rows].map((row) => row.map(cell).join(",")).join("\r\n")}\r\n`;
}

export function download(name: string, type: string, text: string): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], { type }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}
