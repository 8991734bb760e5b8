// One chart of curves over a shared x axis (uPlot). Zoom by dragging over it; zoom and pan by keyboard are buttons of the view.
import { useEffect, useRef } from "preact/hooks";
import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import { shown } from "./words.js";

export interface Series {
  readonly label: string;
  readonly values: readonly (number | null)[];
  /** name of a colour variable of the style sheet */
  readonly colour: string;
  readonly kind?: "line" | "points" | "step";
  readonly dash?: boolean;
  readonly faint?: boolean;
}

export interface ChartProps {
  readonly title: string;
  readonly x: readonly number[];
  readonly xName: string;
  readonly series: readonly Series[];
  /** pairs of series positions whose space between is filled */
  readonly bands?: readonly (readonly [number, number])[];
  readonly log?: boolean;
  readonly height?: number;
  /** what the vertical axis shows, whatever the values are: shares go from 0 to 1 */
  readonly range?: readonly [number, number];
  readonly onZoom?: (from: number, to: number) => void;
}

export function Chart(props: ChartProps) {
  const box = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | undefined>(undefined);
  const zoom = useRef(props.onZoom);
  zoom.current = props.onZoom;
  const named = props.series.filter(({ faint }) => !faint); // faint lines are the edges of a band
  // logarithms exist above zero only
  const usable = props.series.map(({ values }) =>
    props.log ? values.map((value) => (value !== null && value > 0 ? value : null)) : values,
  );
  const data = [props.x, ...usable] as unknown as uPlot.AlignedData;
  const shape = `${props.log}|${props.height}|${props.xName}|${props.series.map(({ label, kind }) => label + kind).join()}`;
  // made again when its shape changes; data goes in below
  useEffect(() => {
    const element = box.current;
    if (element === null) return;
    const make = (): void => {
      plot.current?.destroy();
      plot.current = new uPlot(
        optionsOf(props, element, (from, to) => zoom.current?.(from, to)),
        data,
        element,
      );
    };
    make();
    const sizes = new ResizeObserver(() => {
      plot.current?.setSize({ width: element.clientWidth, height: props.height ?? 200 });
    });
    sizes.observe(element);
    const scheme = matchMedia("(prefers-color-scheme: dark)");
    scheme.addEventListener("change", make);
    return () => {
      scheme.removeEventListener("change", make);
      sizes.disconnect();
      plot.current?.destroy();
      plot.current = undefined;
    };
  }, [shape]);
  useEffect(() => {
    plot.current?.setData(data);
  }, [data]);
  return (
    <figure class="chart">
      <figcaption>{props.title}</figcaption>
      <div ref={box} role="img" aria-label={summaryOf(props)} />
      {props.series.length > 1 && (
        <ul class="legend">
          {named.map(({ label, colour, kind }) => (
            <li key={label}>
              <svg width="18" height="10" aria-hidden="true">
                {kind === "points" ? (
                  <circle cx="9" cy="5" r="3" fill={`var(${colour})`} />
                ) : (
                  <line x1="0" y1="5" x2="18" y2="5" stroke={`var(${colour})`} stroke-width="2.5" />
                )}
              </svg>
              {label}
            </li>
          ))}
        </ul>
      )}
    </figure>
  );
}

/** What a reader who does not see the chart is told. */
function summaryOf({ title, series, x, xName }: ChartProps): string {
  const ends = series.map(({ label, values }) => {
    const known = values.filter((value): value is number => value !== null);
    return known.length === 0 ? `${label}: no values` : `${label}: from ${shown(known[0])} to ${shown(known.at(-1))}`;
  });
  return `${title} over ${xName}, ${x.length} points. ${ends.join("; ")}.`;
}

function optionsOf(props: ChartProps, element: HTMLElement, onZoom: (from: number, to: number) => void): uPlot.Options {
  const style = getComputedStyle(document.documentElement);
  const colour = (name: string): string => style.getPropertyValue(name).trim();
  const axis = { stroke: colour("--muted"), grid: { stroke: colour("--line"), width: 1 }, ticks: { show: false } };
  const font = `11px ${getComputedStyle(document.body).fontFamily}`;
  return {
    width: Math.max(100, element.clientWidth),
    height: props.height ?? 200,
    legend: { show: false },
    cursor: { drag: { x: true, y: false, setScale: false }, points: { size: 6 } },
    scales: {
      x: { time: false },
      y: props.log ? { distr: 3 } : props.range === undefined ? {} : { range: [...props.range] },
    },
    axes: [
      { ...axis, font, size: 28, values: (_, splits) => splits.map((value) => shown(value)) },
      { ...axis, font, size: 54, values: (_, splits) => splits.map((value) => (value === null ? "" : shown(value))) },
    ],
    series: [
      {},
      ...props.series.map((series): uPlot.Series => {
        const stroke = colour(series.colour);
        if (series.kind === "points") {
          return {
            label: series.label,
            stroke: "transparent",
            points: { show: true, size: 4, fill: `${stroke}66`, stroke: "transparent", width: 0 },
          };
        }
        const step = series.kind === "step" ? uPlot.paths.stepped?.({ align: 1 }) : undefined;
        return {
          label: series.label,
          stroke: series.faint ? `${stroke}55` : stroke,
          width: series.faint ? 1 : 2,
          points: { show: series.values.length < 3 },
          spanGaps: true,
          ...(series.dash && { dash: [6, 4] }),
          ...(step && { paths: step }),
        };
      }),
    ],
    bands: (props.bands ?? []).map(([high, low]) => ({
      series: [high + 1, low + 1],
      fill: `${colour(props.series[high]?.colour ?? "--c1")}22`,
    })),
    hooks: {
      setSelect: [
        (plot) => {
          const { left, width } = plot.select;
          if (width > 4) onZoom(plot.posToVal(left, "x"), plot.posToVal(left + width, "x"));
          plot.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
        },
      ],
    },
  };
}
