// Parallel coordinates: one line a design, one axis a metric or knob. A range is drawn with the pointer on an axis, or typed
// in below; designs outside any range fade here and in the scatter.
import { useEffect, useRef, useState } from "preact/hooks";
import type { FrontPoint } from "../app/server/api.js";
import { Scroll } from "./parts.js";
import { shown } from "./words.js";

export interface Dimension {
  readonly name: string;
  readonly kind: "metric" | "knob";
  /** names of a knob's values, by position */
  readonly values?: readonly string[];
  /** null where it does not count */
  of(point: FrontPoint): number | null;
}

/** Dimension name -> lowest and highest value that is selected. */
export type Ranges = Readonly<Record<string, readonly [number, number]>>;

/** Whether a design lies within every range. */
export function inRanges(point: FrontPoint, dimensions: readonly Dimension[], ranges: Ranges): boolean {
  return dimensions.every((dimension) => {
    const range = ranges[dimension.name];
    if (range === undefined) return true;
    const value = dimension.of(point);
    return value !== null && value >= range[0] && value <= range[1];
  });
}

const [TOP, BOTTOM, HEIGHT, STEP] = [20, 20, 260, 104];

interface Props {
  readonly points: readonly FrontPoint[];
  readonly dimensions: readonly Dimension[];
  readonly ranges: Ranges;
  readonly setRanges: (ranges: Ranges) => void;
  readonly hovered: number | undefined;
  readonly setHovered: (trial: number | undefined) => void;
}

export function ParallelCoordinates({ points, dimensions, ranges, setRanges, hovered }: Props) {
  const [all, setAll] = useState(false);
  const shownDimensions = all ? dimensions : dimensions.slice(0, 12);
  const [drag, setDrag] = useState<{ name: string; from: number; to: number }>();
  const canvas = useRef<HTMLCanvasElement>(null);
  const width = shownDimensions.length * STEP;
  const extents = shownDimensions.map((dimension) => extentOf(points, dimension));
  const yOf = (d: number, value: number): number => {
    const [low, high] = extents[d] ?? [0, 1];
    return HEIGHT - BOTTOM - ((value - low) / (high - low || 1)) * (HEIGHT - TOP - BOTTOM);
  };
  const valueAt = (d: number, y: number): number => {
    const [low, high] = extents[d] ?? [0, 1];
    return low + ((HEIGHT - BOTTOM - y) / (HEIGHT - TOP - BOTTOM)) * (high - low);
  };
  useEffect(() => {
    const draw = (): void => {
      const context = canvas.current?.getContext("2d");
      if (!context) return;
      const style = getComputedStyle(document.documentElement);
      const ratio = devicePixelRatio;
      context.canvas.width = width * ratio;
      context.canvas.height = HEIGHT * ratio;
      context.scale(ratio, ratio);
      const line = (point: FrontPoint, colour: string, alpha: number, thick: number): void => {
        context.strokeStyle = style.getPropertyValue(colour);
        context.globalAlpha = alpha;
        context.lineWidth = thick;
        context.beginPath();
        let open = false;
        shownDimensions.forEach((dimension, d) => {
          const value = dimension.of(point);
          if (value === null) {
            open = false; // a knob that does not count leaves a gap
            return;
          }
          const [x, y] = [d * STEP + STEP / 2, yOf(d, value)];
          if (open) context.lineTo(x, y);
          else context.moveTo(x, y);
          open = true;
        });
        context.stroke();
      };
      const inside = (point: FrontPoint): boolean => inRanges(point, dimensions, ranges);
      const dominated = points.filter(({ onFront }) => !onFront);
      for (const point of dominated) line(point, "--muted", inside(point) ? 0.16 : 0.03, 1);
      for (const point of points) if (point.onFront) line(point, "--c1", inside(point) ? 0.9 : 0.08, 1.6);
      const marked = points.find(({ trial }) => trial === hovered);
      if (marked !== undefined) line(marked, "--c2", 1, 3);
    };
    draw();
    const scheme = matchMedia("(prefers-color-scheme: dark)");
    scheme.addEventListener("change", draw);
    return () => scheme.removeEventListener("change", draw);
  });
  const ended = (): void => {
    if (drag === undefined) return;
    setDrag(undefined);
    const d = shownDimensions.findIndex(({ name }) => name === drag.name);
    const { [drag.name]: _, ...rest } = ranges;
    if (Math.abs(drag.to - drag.from) < 4) {
      setRanges(rest);
      return;
    }
    const ends = [valueAt(d, drag.from), valueAt(d, drag.to)].sort((a, b) => a - b) as [number, number];
    setRanges({ ...rest, [drag.name]: ends });
  };
  return (
    <>
      <Scroll label="Parallel coordinates">
        <div class="parallel" style={{ width: `${width}px`, height: `${HEIGHT}px` }}>
          <canvas
            ref={canvas}
            style={{ width: `${width}px`, height: `${HEIGHT}px` }}
            role="img"
            aria-label={`Parallel coordinates of ${points.length} designs over ${shownDimensions.length} axes`}
          />
          <svg width={width} height={HEIGHT} aria-hidden="true">
            {shownDimensions.map((dimension, d) => {
              const x = d * STEP + STEP / 2;
              const range = ranges[dimension.name];
              const [low, high] = extents[d] ?? [0, 1];
              const label = (value: number): string => dimension.values?.[Math.round(value)] ?? shown(value, 3);
              return (
                <g
                  key={dimension.name}
                  onPointerDown={(event) => {
                    (event.target as Element).setPointerCapture(event.pointerId);
                    setDrag({ name: dimension.name, from: event.offsetY, to: event.offsetY });
                  }}
                  onPointerMove={(event) => drag?.name === dimension.name && setDrag({ ...drag, to: event.offsetY })}
                  onPointerUp={ended}
                >
                  <rect x={x - 16} y={0} width={32} height={HEIGHT} class="grip" />
                  <line x1={x} x2={x} y1={TOP} y2={HEIGHT - BOTTOM} class="axis" />
                  {range !== undefined && (
                    <rect
                      class="brush"
                      x={x - 7}
                      width={14}
                      y={yOf(d, Math.min(high, range[1]))}
                      height={Math.max(2, yOf(d, Math.max(low, range[0])) - yOf(d, Math.min(high, range[1])))}
                    />
                  )}
                  {drag?.name === dimension.name && (
                    <rect
                      class="brush"
                      x={x - 7}
                      width={14}
                      y={Math.min(drag.from, drag.to)}
                      height={Math.abs(drag.to - drag.from)}
                    />
                  )}
                  <text x={x} y={TOP - 7} text-anchor="middle">
                    {label(high)}
                  </text>
                  <text x={x} y={HEIGHT - BOTTOM + 14} text-anchor="middle">
                    {label(low)}
                  </text>
                </g>
              );
            })}
          </svg>
          <ol class="axis-names">
            {shownDimensions.map(({ name }) => (
              <li key={name} title={name}>
                {name.replace(/^(network|accelerator|deployment)\//, "")}
              </li>
            ))}
          </ol>
        </div>
      </Scroll>
      <div class="toolbar">
        {dimensions.length > 12 && (
          <label>
            <input type="checkbox" checked={all} onChange={() => setAll(!all)} /> all {dimensions.length} axes
          </label>
        )}
        <RangeForm
          dimensions={dimensions}
          points={points}
          set={(name, range) => setRanges({ ...ranges, [name]: range })}
        />
      </div>
    </>
  );
}

interface RangeFormProps {
  readonly dimensions: readonly Dimension[];
  readonly points: readonly FrontPoint[];
  readonly set: (name: string, range: readonly [number, number]) => void;
}

/** The same as dragging, by keyboard. */
function RangeForm({ dimensions, points, set }: RangeFormProps) {
  const [name, setName] = useState("");
  const dimension = dimensions.find((known) => known.name === name) ?? dimensions[0];
  if (dimension === undefined) return null;
  const [low, high] = extentOf(points, dimension);
  const submit = (event: SubmitEvent): void => {
    event.preventDefault();
    const form = new FormData(event.currentTarget as HTMLFormElement);
    set(dimension.name, [Number(form.get("least")), Number(form.get("most"))]);
  };
  const bounds = (["least", "most"] as const).map((which) => {
    const preset = which === "least" ? low : high;
    return (
      // biome-ignore lint/a11y/noLabelWithoutControl: one of the two controls below is always there
      <label key={`${which} ${dimension.name}`}>
        {which === "least" ? "from" : "to"}
        {dimension.values === undefined ? (
          <input name={which} type="number" step="any" defaultValue={preset} required />
        ) : (
          <select name={which} defaultValue={String(preset)}>
            {dimension.values.map((text, code) => (
              <option key={text} value={code} selected={code === preset}>
                {text}
              </option>
            ))}
          </select>
        )}
      </label>
    );
  });
  return (
    <form class="toolbar" aria-label="Range" onSubmit={submit}>
      <label>
        Select
        <select value={dimension.name} onChange={(event) => setName(event.currentTarget.value)}>
          {dimensions.map((known) => (
            <option key={known.name} value={known.name}>
              {known.name}
            </option>
          ))}
        </select>
      </label>
      {bounds}
      <button type="submit">Set range</button>
    </form>
  );
}

function extentOf(points: readonly FrontPoint[], dimension: Dimension): readonly [number, number] {
  if (dimension.values !== undefined) return [0, dimension.values.length - 1];
  let [low, high] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (const point of points) {
    const value = dimension.of(point);
    if (value === null) continue;
    low = Math.min(low, value);
    high = Math.max(high, value);
  }
  return low <= high ? [low, high] : [0, 1];
}
