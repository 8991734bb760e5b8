// A line chart as an SVG text: a few named lines, optionally with a band, on linear or logarithmic x. No library, no fonts.

export interface Line {
  readonly name: string;
  readonly points: readonly { readonly x: number; readonly y: number; readonly low?: number; readonly high?: number }[];
}

export interface ChartOptions {
  readonly title: string;
  readonly xTitle: string;
  readonly yTitle: string;
  /** default false */
  readonly isLogX?: boolean;
  /** default: the values' own range */
  readonly yRange?: readonly [number, number];
}

const [WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM] = [760, 400, 64, 190, 36, 48];
const COLOURS = "#1b6ca8 #d1495b #2e933c #8e5ea2 #e0a100 #3aaed8 #7a4f2a #5c5c5c #e377c2 #17becf #9a9a00 #000000".split(
  " ",
);

export function lineChart(lines: readonly Line[], options: ChartOptions): string {
  const points = lines.flatMap((line) => line.points);
  const scaleX = (x: number) => (options.isLogX ? Math.log(x) : x);
  const xs = points.map(({ x }) => scaleX(x));
  const ys = options.yRange ?? points.flatMap(({ y, low = y, high = y }) => [low, high]);
  const [xLow, xHigh, yLow, yHigh] = [Math.min(...xs), Math.max(...xs), Math.min(...ys), Math.max(...ys)];
  const px = (x: number) => LEFT + ((scaleX(x) - xLow) / (xHigh - xLow || 1)) * (WIDTH - LEFT - RIGHT);
  const py = (y: number) =>
    HEIGHT - BOTTOM - ((Math.min(yHigh, Math.max(yLow, y)) - yLow) / (yHigh - yLow || 1)) * (HEIGHT - TOP - BOTTOM);
  const at = (x: number, y: number) => `${px(x).toFixed(1)},${py(y).toFixed(1)}`;
  const xTicks = options.isLogX
    ? [...new Set(points.map(({ x }) => x))].filter((x) => /^[13]0*$/.test(String(x)))
    : [0, 0.25, 0.5, 0.75, 1].map((share) => xLow + share * (xHigh - xLow));
  const yTicks = [0, 0.25, 0.5, 0.75, 1].map((share) => yLow + share * (yHigh - yLow));
  const drawn = lines.map((line, i) => {
    const colour = COLOURS[i % COLOURS.length]!;
    const dash = i >= COLOURS.length ? ' stroke-dasharray="5 3"' : "";
    const band = line.points.filter((point) => point.low !== undefined && point.high !== undefined);
    const outline = [...band.map((p) => at(p.x, p.high!)), ...[...band].reverse().map((p) => at(p.x, p.low!))];
    const y = TOP + 8 + 17 * i;
    return [
      band.length > 1 ? `<polygon points="${outline.join(" ")}" fill="${colour}" opacity="0.12"/>` : "",
      `<polyline points="${line.points.map((p) => at(p.x, p.y)).join(" ")}" fill="none" stroke="${colour}" stroke-width="2"${dash}/>`,
      `<line x1="${WIDTH - RIGHT + 14}" x2="${WIDTH - RIGHT + 34}" y1="${y}" y2="${y}" stroke="${colour}" stroke-width="2"${dash}/>`,
      text(WIDTH - RIGHT + 40, y + 4, line.name),
    ].join("\n");
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" font-family="sans-serif" font-size="12">
<title>${escaped(options.title)}</title>
<rect width="${WIDTH}" height="${HEIGHT}" fill="#fff"/>
${text(LEFT, 20, options.title, "start", 14)}
${yTicks.map((y) => `<line x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${py(y)}" y2="${py(y)}" stroke="#ddd"/>${text(LEFT - 6, py(y) + 4, short(y), "end")}`).join("\n")}
${xTicks.map((x) => text(px(x), HEIGHT - BOTTOM + 16, short(x), "middle")).join("\n")}
${text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 10, options.xTitle, "middle")}
<text transform="translate(14 ${(TOP + HEIGHT - BOTTOM) / 2}) rotate(-90)" text-anchor="middle">${escaped(options.yTitle)}</text>
${drawn.join("\n")}
</svg>
`;
}

function text(x: number, y: number, content: string, anchor = "start", size = 12): string {
  return `<text x="${x.toFixed(1)}" y="${y.toFixed(1)}" text-anchor="${anchor}" font-size="${size}">${escaped(content)}</text>`;
}

const short = (value: number): string => String(Number(value.toPrecision(3)));
const escaped = (content: string): string =>
  content.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
