// The layers of a design that run together, tile by tile.
import type { GroupView } from "../app/server/api.js";
import { Scroll } from "./parts.js";
import { bytes, count, percent } from "./words.js";

export function Groups({ groups }: { readonly groups: readonly GroupView[] }) {
  return (
    <Scroll label="Layers that run together">
      <table>
        <thead>
          <tr>
            <th scope="col">Layers</th>
            <th scope="col">Tiles</th>
            <th scope="col">Overlap</th>
            <th scope="col">Weights</th>
            <th scope="col" class="number">
              On chip
            </th>
            <th scope="col" class="number">
              DRAM
            </th>
            <th scope="col" class="number">
              DRAM one by one
            </th>
            <th scope="col" class="number">
              Computed again
            </th>
          </tr>
        </thead>
        <tbody>
          {groups.map((group) => (
            <tr key={group.layers[0]}>
              <th scope="row">{namesOf(group.layers)}</th>
              <td>
                {count(group.tiles)} of {group.tileRows} × {group.tileColumns}
              </td>
              <td>{overlapOf(group)}</td>
              <td>{group.weights}</td>
              <td class="number">{bytes(group.storeBytes)}</td>
              <td class="number">{bytes(group.dramBytes)}</td>
              <td class="number">{bytes(group.dramBytesAlone)}</td>
              <td class="number">
                {percent(group.recomputedOperations / (group.operations - group.recomputedOperations))}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </Scroll>
  );
}

const namesOf = (layers: readonly string[]): string => `${layers[0]} to ${layers.at(-1)} (${layers.length})`;

function overlapOf({ rowHalo, columnHalo }: GroupView): string {
  if (columnHalo === "none" || columnHalo === rowHalo) return rowHalo;
  return rowHalo === "none" ? columnHalo : `rows ${rowHalo}, columns ${columnHalo}`;
}
