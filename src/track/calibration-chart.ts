// Estimate against measurement as one SVG file: a dot per network, the line where both are equal. It stands alone, so its
// colours are its own.
import { ScatterChart } from "echarts/charts";
import { GridComponent, MarkLineComponent, TitleComponent } from "echarts/components";
import { init, use } from "echarts/core";
import { SVGRenderer } from "echarts/renderers";

use([ScatterChart, GridComponent, MarkLineComponent, TitleComponent, SVGRenderer]);

export interface CalibrationChart {
  readonly title: string;
  readonly subtitle: string;
  /** what both axes show, e.g. `top-1 (%)` */
  readonly quantity: string;
  /** percent */
  readonly points: readonly { readonly measured: number; readonly estimate: number }[];
}

/** @returns the text of an SVG file, also without points */
export function calibrationChart({ title, subtitle, quantity, points }: CalibrationChart): string {
  const values = points.flatMap(({ measured, estimate }) => [measured, estimate]);
  const low = Math.floor(values.reduce((a, b) => Math.min(a, b), values[0] ?? 0));
  const high = Math.ceil(values.reduce((a, b) => Math.max(a, b), values[0] ?? 1));
  const axis = (name: string): object => ({
    type: "value",
    name,
    nameLocation: "middle",
    nameGap: 32,
    min: low,
    max: Math.max(high, low + 1),
    splitLine: { lineStyle: { color: "#e4e4e4" } },
  });
  const chart = init(null, null, { renderer: "svg", ssr: true, width: 640, height: 600 });
  try {
    chart.setOption({
      animation: false,
      backgroundColor: "#ffffff",
      title: { text: title, subtext: subtitle, left: "center", textStyle: { fontSize: 15 } },
      grid: { left: 60, right: 24, top: 64, bottom: 52 },
      xAxis: axis(`measured ${quantity}`),
      yAxis: axis(`estimated ${quantity}`),
      series: [
        {
          type: "scatter",
          data: points.map(({ measured, estimate }) => [measured, estimate]),
          symbolSize: points.length > 500 ? 3 : 6,
          itemStyle: { color: "#2563a8", opacity: 0.6 },
          silent: true,
          markLine: {
            silent: true,
            symbol: "none",
            label: { show: false },
            lineStyle: { color: "#888888", type: "dashed" },
            data: [[{ coord: [low, low] }, { coord: [Math.max(high, low + 1), Math.max(high, low + 1)] }]],
          },
        },
      ],
    });
    return chart.renderToSVGString();
  } finally {
    chart.dispose();
  }
}
