// The layers of a design: latency and energy of each as bars by level, a roofline with every layer on it, what bounds each,
// and the mapping of the chosen one as a loop nest.
import { useState } from "preact/hooks";
import type { DesignView, LayerView } from "../app/server/api.js";
import { Scroll } from "./parts.js";
import { percent, shown } from "./words.js";

const COLOURS = ["--c2", "--c4", "--c1", "--c3", "--c5", "--c6", "--c7", "--c8", "--c9"];
const colourOf = (position: number): string => COLOURS[position % COLOURS.length] ?? "--c1";

/** What a layer spends beside its steady work: part of `latencyParts`, in words. */
const ADDED: Readonly<Record<string, string>> = {
  unbuffered: "transfers that nothing hides",
  firstLoad: "first load",
  lastStore: "last store",
  arrayFill: "filling the array",
  arrayDrain: "draining the array",
  tileStart: "starting tiles",
  setup: "setting up",
};
const causeName = (cause: string): string => ADDED[cause] ?? cause;

/** Cycles of a layer by cause: an added part, or the steady work when that is what it waits for. */
function cyclesOf({ latencyParts, cycles }: LayerView, cause: string): number {
  if (cause in ADDED) return latencyParts[cause] ?? 0;
  const [longest] = Object.entries(cycles).reduce((a, b) => (b[1] > a[1] ? b : a), ["compute", 0]);
  return longest === cause ? (latencyParts.steady ?? 0) : 0;
}

export function Layers({ design }: { readonly design: DesignView }) {
  const { layers, chip } = design;
  const slowest = layers.reduce((a, b) => (b.latencyCycles > a.latencyCycles ? b : a), layers[0] as LayerView);
  const [id, setId] = useState(slowest.id);
  const chosen = layers.find((layer) => layer.id === id) ?? slowest;
  const waits = ["compute", ...chip.levels.map(({ name }) => name)];
  const causes = [...waits, ...Object.keys(ADDED)].filter((cause) =>
    layers.some((layer) => cyclesOf(layer, cause) > 0),
  );
  const energyParts = [...new Set(layers.flatMap(({ energy }) => Object.keys(energy)))];
  return (
    <>
      <h2>Roofline</h2>
      <Roofline layers={layers} chosen={chosen.id} choose={setId} />
      <h2>Layers</h2>
      <Bars
        title="Latency of each layer, by what it waits for (cycles)"
        layers={layers}
        parts={causes}
        name={causeName}
        read={cyclesOf}
        chosen={chosen.id}
        choose={setId}
      />
      <Bars
        title="Energy of each layer, by where it goes (pJ)"
        layers={layers}
        parts={energyParts}
        read={(layer, part) => layer.energy[part] ?? 0}
        chosen={chosen.id}
        choose={setId}
      />
      <div class="toolbar">
        <label>
          Layer
          <select value={chosen.id} onChange={(event) => setId(event.currentTarget.value)}>
            {layers.map((layer) => (
              <option key={layer.id} value={layer.id}>
                {layer.id}
              </option>
            ))}
          </select>
        </label>
      </div>
      <Chosen layer={chosen} />
      <Table layers={layers} chosen={chosen.id} choose={setId} />
    </>
  );
}

interface BarsProps {
  readonly title: string;
  readonly layers: readonly LayerView[];
  readonly parts: readonly string[];
  /** of a part, in words; default as it is */
  readonly name?: (part: string) => string;
  read(layer: LayerView, part: string): number;
  readonly chosen: string;
  readonly choose: (id: string) => void;
}

const BAR_HEIGHT = 150;
/** Pixels of a bar with its gap: wide enough to be hit, and together about as wide as the page. */
const barWidth = (layerCount: number): number => Math.min(28, Math.max(11, Math.floor(1100 / layerCount)));

function Bars({ title, layers, parts, name = String, read, chosen, choose }: BarsProps) {
  const totals = layers.map((layer) => parts.reduce((sum, part) => sum + read(layer, part), 0));
  const largest = Math.max(...totals, 1e-12);
  const bar = barWidth(layers.length);
  const width = layers.length * bar + 52;
  return (
    <figure class="chart">
      <figcaption>{title}</figcaption>
      <Scroll label={title}>
        <svg
          width={width}
          height={BAR_HEIGHT + 18}
          role="img"
          aria-label={`${title}; the largest is ${layers[totals.indexOf(largest)]?.id} with ${shown(largest)}`}
        >
          {[0, 0.5, 1].map((share) => (
            <g key={share}>
              <line
                class="grid"
                x1={48}
                x2={width}
                y1={BAR_HEIGHT - share * (BAR_HEIGHT - 12)}
                y2={BAR_HEIGHT - share * (BAR_HEIGHT - 12)}
              />
              <text x={44} y={BAR_HEIGHT - share * (BAR_HEIGHT - 12) + 4} text-anchor="end">
                {shown(largest * share, 2)}
              </text>
            </g>
          ))}
          {layers.map((layer, i) => {
            let top = BAR_HEIGHT;
            return (
              // biome-ignore lint/a11y/noStaticElementInteractions: the select below chooses a layer too
              <g key={layer.id} onClick={() => choose(layer.id)} class="bar">
                <title>{`${layer.id}: ${shown(totals[i])}, bound by ${layer.bottleneck}`}</title>
                {layer.id === chosen && (
                  <rect x={50 + i * bar - 1} y={0} width={bar} height={BAR_HEIGHT + 16} class="chosen" />
                )}
                {parts.map((part, p) => {
                  const height = (read(layer, part) / largest) * (BAR_HEIGHT - 12);
                  top -= height;
                  return height > 0 ? (
                    <rect
                      key={part}
                      x={50 + i * bar}
                      y={top}
                      width={bar - 2}
                      height={height}
                      style={{ fill: `var(${colourOf(p)})` }}
                    />
                  ) : null;
                })}
              </g>
            );
          })}
        </svg>
      </Scroll>
      <ul class="legend">
        {parts.map((part, p) => (
          <li key={part}>
            <svg width="12" height="12" aria-hidden="true">
              <rect width="12" height="12" rx="2" style={{ fill: `var(${colourOf(p)})` }} />
            </svg>
            {name(part)}
          </li>
        ))}
      </ul>
    </figure>
  );
}

const [RW, RH, RL, RB] = [640, 320, 56, 36];

interface RooflineProps {
  readonly layers: readonly LayerView[];
  readonly chosen: string;
  readonly choose: (id: string) => void;
}

/** Operations per cycle over operations per byte of DRAM traffic, both logarithmic (Williams et al. 2009, CACM 52(4)). */
function Roofline({ layers, chosen, choose }: RooflineProps) {
  const shownLayers = layers.filter(
    ({ intensity, operationsPerCycle }) => intensity !== null && intensity > 0 && operationsPerCycle > 0,
  );
  const hidden = layers.length - shownLayers.length;
  const peaks = [...new Set(layers.map((layer) => layer.peakOperationsPerCycle))].sort((a, b) => a - b);
  const bandwidth = layers[0]?.dramBytesPerCycle ?? 1;
  const highest = Math.max(...peaks);
  const xs = logScale([...shownLayers.map((layer) => layer.intensity as number), highest / bandwidth], RL, RW - 12);
  const ys = logScale([...shownLayers.map((layer) => layer.operationsPerCycle), highest], RH - RB, 12);
  const left = xs.low;
  return (
    <figure class="chart">
      <figcaption>Operations per cycle over operations per byte of DRAM traffic</figcaption>
      <svg
        viewBox={`0 0 ${RW} ${RH}`}
        class="scatter roofline"
        role="img"
        aria-label={`Roofline: bandwidth ${shown(bandwidth)} bytes per cycle, peak ${peaks.map((peak) => shown(peak)).join(" or ")} operations per cycle, ${shownLayers.length} layers`}
      >
        {xs.ticks.map((tick) => (
          <g key={tick}>
            <line class="grid" x1={xs.at(tick)} x2={xs.at(tick)} y1={12} y2={RH - RB} />
            <text x={xs.at(tick)} y={RH - RB + 16} text-anchor={xs.at(tick) > RW - 40 ? "end" : "middle"}>
              {shown(tick)}
            </text>
          </g>
        ))}
        <text x={(RL + RW - 12) / 2} y={RH - 3} text-anchor="middle">
          operations per byte
        </text>
        {ys.ticks.map((tick) => (
          <g key={tick}>
            <line class="grid" x1={RL} x2={RW - 12} y1={ys.at(tick)} y2={ys.at(tick)} />
            <text x={RL - 6} y={ys.at(tick) + 4} text-anchor="end">
              {shown(tick)}
            </text>
          </g>
        ))}
        {peaks.map((peak) => {
          const knee = Math.max(left, peak / bandwidth);
          return (
            <polyline
              key={peak}
              class="roof"
              points={`${xs.at(left)},${ys.at(Math.min(peak, left * bandwidth))} ${xs.at(knee)},${ys.at(peak)} ${RW - 12},${ys.at(peak)}`}
            />
          );
        })}
        {shownLayers.map((layer) => (
          // biome-ignore lint/a11y/noStaticElementInteractions: the select below chooses a layer too
          <circle
            key={layer.id}
            cx={xs.at(layer.intensity as number)}
            cy={ys.at(layer.operationsPerCycle)}
            r={layer.id === chosen ? 7 : 4.5}
            class={layer.id === chosen ? "on-front" : "layer-dot"}
            onClick={() => choose(layer.id)}
          >
            <title>{`${layer.id}: ${shown(layer.operationsPerCycle)} operations per cycle, bound by ${layer.bottleneck}`}</title>
          </circle>
        ))}
      </svg>
      {hidden > 0 && <p class="muted">{hidden} layers without DRAM traffic are not on it.</p>}
    </figure>
  );
}

function logScale(values: readonly number[], start: number, end: number) {
  const low = 10 ** Math.floor(Math.log10(Math.min(...values)));
  const high = 10 ** Math.ceil(Math.log10(Math.max(...values) * 1.01));
  const decades = Math.round(Math.log10(high / low));
  const every = Math.ceil(decades / 8);
  const ticks: number[] = [];
  for (let d = 0; d <= decades; d += every) ticks.push(Number((low * 10 ** d).toPrecision(6)));
  const at = (value: number): number =>
    Math.round((start + (Math.log10(value / low) / Math.log10(high / low)) * (end - start)) * 10) / 10;
  return { low, ticks, at };
}

function Chosen({ layer }: { readonly layer: LayerView }) {
  const cycles = Object.entries(layer.cycles).sort((a, b) => b[1] - a[1]);
  const parts = Object.entries(layer.latencyParts).filter(([, value]) => value > 0);
  const shape = Object.entries(layer.shape).map(([name, value]) => `${name} ${value}`);
  return (
    <div class="charts">
      <div class="card">
        <h3>Mapping of {layer.id}</h3>
        <Scroll label={`Loop nest of ${layer.id}`}>
          <pre>{layer.loopNest}</pre>
        </Scroll>
      </div>
      <div class="card">
        <h3>What bounds {layer.id}</h3>
        <p>
          {layer.kind}; {shape.join(", ")}
        </p>
        <p>
          It waits for <strong>{layer.bottleneck}</strong>: {shown(layer.latencyCycles)} cycles,{" "}
          {percent(layer.utilizationFraction)} of the multipliers busy, {shown(layer.energyPj / 1e6)} µJ.
        </p>
        <table>
          <caption>What its cycles are</caption>
          <tbody>
            {parts.map(([name, value]) => (
              <tr key={name}>
                <th scope="row">{name === "steady" ? "steady work" : causeName(name)}</th>
                <td class="number">{shown(value)}</td>
                <td class="number">{percent(value / layer.latencyCycles)}</td>
              </tr>
            ))}
          </tbody>
        </table>
        <table>
          <caption>Cycles that each part needs by itself; the longest hides the others</caption>
          <tbody>
            {cycles.map(([name, value]) => (
              <tr key={name}>
                <th scope="row">{name}</th>
                <td class="number">{shown(value)}</td>
                <td class="number">{percent(value / layer.latencyCycles)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </div>
  );
}

function Table({ layers, chosen, choose }: RooflineProps) {
  return (
    <Scroll label="Table of layers">
      <table>
        <thead>
          <tr>
            {["Layer", "Kind", "MACs", "Cycles", "Energy µJ", "Busy", "Bound by"].map((name, i) => (
              <th key={name} scope="col" class={i > 1 && i < 6 ? "number" : ""}>
                {name}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {layers.map((layer) => (
            <tr key={layer.id} class={layer.id === chosen ? "chosen-row" : ""}>
              <th scope="row">
                <button type="button" class="plain" onClick={() => choose(layer.id)}>
                  {layer.id}
                </button>
              </th>
              <td>{layer.kind}</td>
              <td class="number">{shown(layer.macCount)}</td>
              <td class="number">{shown(layer.latencyCycles)}</td>
              <td class="number">{shown(layer.energyPj / 1e6)}</td>
              <td class="number">{percent(layer.utilizationFraction)}</td>
              <td>{layer.bottleneck}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </Scroll>
  );
}
