// The network drawn stage by stage: height follows resolution, width channels, shade the share of the MACs.
import type { DesignView } from "../app/server/api.js";
import { Scroll } from "./parts.js";
import { percent, shown } from "./words.js";

const HEIGHT = 150;

export function Network({ network }: { readonly network: DesignView["network"] }) {
  const largest = Math.max(network.resolution, 1);
  let x = 4;
  const drawn = network.stages.map((stage) => {
    const height = 18 + (HEIGHT - 18) * Math.sqrt(stage.outResolution / largest);
    const width = 14 + 4 * Math.sqrt(stage.outChannels);
    const blocks = Math.max(1, stage.blocks.length);
    const place = { x, width, height, blocks };
    x += Math.max(blocks * (width / 2) + width / 2, 92) + 16;
    return { stage, ...place };
  });
  return (
    <Scroll label="Network, stage by stage">
      <svg
        width={x}
        height={HEIGHT + 62}
        role="img"
        aria-label={`${network.name}: ${network.stages.length} stages, input ${network.resolution} × ${network.resolution}`}
        class="network"
      >
        {drawn.map(({ stage, x: left, width, height, blocks }) => {
          const share = network.macCount > 0 ? stage.macCount / network.macCount : 0;
          return (
            <g key={stage.stage}>
              <title>{`stage ${stage.stage + 1}: ${stage.blocks.join("; ") || `${stage.layers} layers`}`}</title>
              {Array.from({ length: blocks }, (_, b) => (
                <rect
                  key={`${stage.stage} ${b + 1}`}
                  x={left + b * (width / 2)}
                  y={HEIGHT - height}
                  width={width / 2 + 2}
                  height={height}
                  rx="3"
                  class="block"
                  style={{ fillOpacity: 0.18 + 0.8 * share }}
                />
              ))}
              <text x={left} y={HEIGHT + 16} class="strong">
                stage {stage.stage + 1}
              </text>
              <text x={left} y={HEIGHT + 32}>{`${stage.outChannels} × ${stage.outResolution}²`}</text>
              <text x={left} y={HEIGHT + 48}>{`${shown(stage.macCount, 3)} MACs`}</text>
            </g>
          );
        })}
      </svg>
      <table>
        <caption class="hidden">Stages of the network</caption>
        <thead>
          <tr>
            <th scope="col">Stage</th>
            <th scope="col">Blocks</th>
            <th scope="col" class="number">
              Output
            </th>
            <th scope="col" class="number">
              Share of MACs
            </th>
          </tr>
        </thead>
        <tbody>
          {network.stages.map((stage) => (
            <tr key={stage.stage}>
              <th scope="row">{stage.stage + 1}</th>
              <td>{stage.blocks.length > 0 ? grouped(stage.blocks).join("; ") : `${stage.layers} layers`}</td>
              <td class="number">{`${stage.outChannels} × ${stage.outResolution} × ${stage.outResolution}`}</td>
              <td class="number">{percent(network.macCount > 0 ? stage.macCount / network.macCount : 0)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </Scroll>
  );
}

/** Equal neighbours as `3 × inverted-residual, ...`. */
function grouped(blocks: readonly string[]): string[] {
  const groups: { text: string; times: number }[] = [];
  for (const text of blocks) {
    const last = groups.at(-1);
    if (last?.text === text) last.times++;
    else groups.push({ text, times: 1 });
  }
  return groups.map(({ text, times }) => (times === 1 ? text : `${times} × ${text}`));
}
