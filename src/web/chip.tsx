// The chip to scale: one square whose area is the chip's, cut into parts by their areas (a treemap that halves the list), each
// buffer cut into its instances. It is a picture of areas, not a floor plan. DRAM is off chip and stands beside it as text.
import type { ChipView } from "../app/server/api.js";
import { bytes, count, percent, shown } from "./words.js";

interface Part {
  readonly name: string;
  readonly areaMm2: number;
  readonly instances: number;
  readonly colour: string;
  readonly text: string;
}

interface Box {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

const SIZE = 300;
const COLOURS = ["--c1", "--c3", "--c5", "--c6"];
/** More cells than this would be a grey patch. */
const MAX_CELLS = 400;

interface ChipProps {
  readonly title: string;
  readonly chip: ChipView;
  readonly areaMm2: number;
  /** area that fills the drawing, so that two chips are at one scale */
  readonly largestMm2: number;
}

export function Chip({ title, chip, areaMm2, largestMm2 }: ChipProps) {
  const parts = partsOf(chip);
  const total = parts.reduce((sum, part) => sum + part.areaMm2, 0);
  const side = SIZE * Math.sqrt(areaMm2 / largestMm2);
  const boxes = treemap(parts, { x: 0, y: 0, width: side, height: side });
  const dram = chip.levels.filter(({ type }) => type === "dram");
  const array = chip.levels.flatMap(({ fanout }) => fanout.map(({ name, size }) => `${name} ${size}`)).join(" × ");
  return (
    <figure class="chip">
      <figcaption>
        {title}: {chip.name}, {shown(areaMm2)} mm², {Math.sqrt(areaMm2).toFixed(2)} mm a side
      </figcaption>
      <svg
        viewBox={`-1 -1 ${SIZE + 2} ${SIZE + 2}`}
        role="img"
        aria-label={`Areas of ${chip.name}: ${parts.map((part) => `${part.name} ${percent(part.areaMm2 / total)}`).join(", ")}`}
      >
        {boxes.map(({ part, box }) => (
          <g key={part.name}>
            <title>{`${part.name}: ${part.text}`}</title>
            <rect {...box} style={{ fill: `var(${part.colour})` }} class="part" />
            {cells(box, part.instances).map((cell) => (
              <rect key={`${cell.x} ${cell.y}`} {...cell} class="cell" />
            ))}
          </g>
        ))}
        {boxes
          .filter(({ box }) => box.width > 60 && box.height > 22)
          .map(({ part, box }) => (
            <g key={part.name}>
              <rect
                x={box.x + 4}
                y={box.y + 4}
                width={Math.min(box.width - 8, 8 + 7 * part.name.length)}
                height={18}
                rx="2"
                class="plate"
              />
              <text x={box.x + 8} y={box.y + 17}>
                {part.name}
              </text>
            </g>
          ))}
      </svg>
      <ul class="legend block">
        {parts.map((part) => (
          <li key={part.name}>
            <svg width="12" height="12" aria-hidden="true">
              <rect width="12" height="12" rx="2" style={{ fill: `var(${part.colour})` }} />
            </svg>
            <strong>{part.name}</strong> {part.text}, {percent(part.areaMm2 / total)}
          </li>
        ))}
        {dram.map(({ name }) => (
          <li key={name}>
            <strong>{name}</strong> off chip
          </li>
        ))}
        <li class="muted">
          {array}; {chip.dataflow}, {chip.clockMhz} MHz, {chip.nodeNm} nm
        </li>
      </ul>
    </figure>
  );
}

function partsOf(chip: ChipView): Part[] {
  const levels = chip.levels
    .filter(({ type, areaMm2 }) => type !== "dram" && areaMm2 > 0)
    .map(
      (level, i): Part => ({
        name: level.name,
        areaMm2: level.areaMm2,
        instances: level.instances,
        colour: COLOURS[i % COLOURS.length] ?? "--c1",
        text: `${count(level.instances)} × ${bytes(level.capacityBytes ?? 0)}, ${shown(level.areaMm2, 3)} mm²`,
      }),
    );
  const macs: Part = {
    name: "multipliers",
    areaMm2: chip.macAreaMm2,
    instances: chip.macUnits,
    colour: "--c2",
    text: `${count(chip.macUnits)}, ${shown(chip.macAreaMm2, 3)} mm²`,
  };
  const other: Part = {
    name: "other",
    areaMm2: chip.otherAreaMm2,
    instances: 1,
    colour: "--muted",
    text: `${shown(chip.otherAreaMm2, 3)} mm²`,
  };
  return [...levels, macs, ...(chip.otherAreaMm2 > 1e-9 ? [other] : [])].sort((a, b) => b.areaMm2 - a.areaMm2);
}

/** Cuts a box among parts by area: the list is halved where the areas come nearest to equal, along the longer side. */
export function treemap<T extends { readonly areaMm2: number }>(
  parts: readonly T[],
  box: Box,
): { part: T; box: Box }[] {
  const [only] = parts;
  if (only === undefined) return [];
  if (parts.length === 1) return [{ part: only, box }];
  const total = parts.reduce((sum, part) => sum + part.areaMm2, 0);
  let [cut, first] = [1, only.areaMm2];
  while (cut < parts.length - 1) {
    const next = first + (parts[cut]?.areaMm2 ?? 0);
    if (Math.abs(next - total / 2) >= Math.abs(first - total / 2)) break;
    first = next;
    cut++;
  }
  const share = total > 0 ? first / total : 0.5;
  const { x, y, width, height } = box;
  const [one, two]: [Box, Box] =
    width >= height
      ? [
          { x, y, width: width * share, height },
          { x: x + width * share, y, width: width * (1 - share), height },
        ]
      : [
          { x, y, width, height: height * share },
          { x, y: y + height * share, width, height: height * (1 - share) },
        ];
  return [...treemap(parts.slice(0, cut), one), ...treemap(parts.slice(cut), two)];
}

/** A grid of `instances` cells within a box. */
function cells({ x, y, width, height }: Box, instances: number): Box[] {
  if (instances < 2 || instances > MAX_CELLS || width < 4 || height < 4) return [];
  const columns = Math.max(1, Math.min(instances, Math.round(Math.sqrt((instances * width) / height))));
  const rows = Math.ceil(instances / columns);
  return Array.from({ length: instances }, (_, i) => ({
    x: x + ((i % columns) * width) / columns,
    y: y + (Math.floor(i / columns) * height) / rows,
    width: width / columns,
    height: height / rows,
  }));
}
