// The networks of a space, for a supernet: the largest, the smallest, and the largest shape of every weight.
import { CosearchError } from "../../../src/core/errors.js";
import { RandomStream } from "../../../src/core/rng.js";
import type { Space } from "../../../src/core/space.js";
import { fillTemplate, type Template } from "../../../src/core/template.js";
import type { Candidate } from "../../../src/core/trial.js";
import type { Layer, Network } from "../../network/ir.js";
import { NetworkShapeError } from "../../network/layer-builder.js";
import { buildNetwork } from "../../network/network-file.js";
import type { NetworkFile } from "../../network/network-schema.js";
import type { WeightRole } from "../training/run-network.js";

/** A space of networks that is checked and ready. */
export interface NetworkSpace {
  readonly space: Space;
  readonly template: Template;
}

export interface Weight {
  readonly layer: Layer;
  readonly role: WeightRole;
  readonly shape: readonly number[];
}

const ENUMERATED = 1000n;
const SAMPLED = 300;

/** @returns undefined when the layers of this point do not fit together */
export function networkOf({ template }: NetworkSpace, candidate: Candidate): Network | undefined {
  try {
    return buildNetwork(fillTemplate(template, candidate) as NetworkFile);
  } catch (error) {
    if (error instanceof NetworkShapeError) return undefined;
    throw error;
  }
}

/** The weights that a network trains. Layers of one name and kind share theirs with other networks of the space.
 *  @param classes units of the last layer */
export function weightsOf(network: Network, classes: number): Weight[] {
  const last = network.layers.length - 1;
  return network.layers.flatMap((layer, i): Weight[] => {
    const { R, S, C, G, K } = layer;
    switch (layer.kind) {
      case "conv":
      case "depthwise": {
        const filter = {
          layer,
          role: "filter",
          shape: layer.kind === "conv" ? [R, S, C / G, K] : [R, S, C, 1],
        } as const;
        const shift = { layer, role: "shift", shape: [K] } as const;
        const isNormalized = layer.paramCount - layer.weightCount >= 2 * K;
        return isNormalized ? [filter, { layer, role: "scale", shape: [K] }, shift] : [filter, shift];
      }
      case "fully-connected": {
        const units = i === last ? classes : K;
        return [
          { layer, role: "filter", shape: [C, units] },
          { layer, role: "shift", shape: [units] },
        ];
      }
      default:
        return [];
    }
  });
}

export const weightKey = (layer: Layer, role: WeightRole): string => `${layer.id}/${layer.kind}/${role}`;

/** The largest weights that any network of the space asks for, by key, in the order in which they were met. Every network is
 *  looked at in a small space; in a large one the extremes, all that is one knob from them, and some drawn at random. */
export function largestWeights(space: NetworkSpace, classes: number): Map<string, Weight> {
  const largest = new Map<string, Weight>();
  for (const codes of points(space)) {
    const network = networkOf(space, space.space.decode(codes));
    for (const weight of network === undefined ? [] : weightsOf(network, classes)) {
      const key = weightKey(weight.layer, weight.role);
      const known = largest.get(key);
      const shape = known === undefined ? weight.shape : weight.shape.map((size, i) => Math.max(size, known.shape[i]!));
      if (known === undefined || shape.some((size, i) => size !== known.shape[i]))
        largest.set(key, { ...weight, shape });
    }
  }
  return largest;
}

function* points(given: NetworkSpace): Generator<Int32Array> {
  const { space } = given;
  if (space.size() <= ENUMERATED) {
    yield* space.enumerate();
    return;
  }
  for (const extreme of [extremeOf(given, 1), extremeOf(given, -1)]) {
    yield extreme;
    for (let knob = 0; knob < space.length; knob++) yield* variants(space, extreme, knob);
  }
  const random = RandomStream.of(1, "supernet/shapes");
  for (let i = 0; i < SAMPLED; i++) yield space.sample(random);
}

/** The network with the most MACs (sign 1) or the fewest (−1) that changing one knob at a time leads to: all knobs of the
 *  published spaces raise MACs by themselves, so it is the extreme one.
 *  @throws CosearchError SPACE_EMPTY when not even one of the networks tried can be built */
export function extremeOf(given: NetworkSpace, sign: 1 | -1): Int32Array {
  const { space } = given;
  const worth = (codes: Int32Array): number => {
    const network = networkOf(given, space.decode(codes));
    return network === undefined ? Number.NEGATIVE_INFINITY : sign * (network.macCount + network.paramCount);
  };
  let best = space.repaired(new Int32Array(space.length), 0, 0);
  let highest = worth(best);
  for (let isBetter = true; isBetter; ) {
    isBetter = false;
    for (let knob = 0; knob < space.length; knob++) {
      for (const variant of variants(space, best, knob)) {
        const found = worth(variant);
        if (found <= highest) continue;
        [best, highest, isBetter] = [variant, found, true];
      }
    }
  }
  if (highest > Number.NEGATIVE_INFINITY) return best;
  throw new CosearchError("SPACE_EMPTY", `space ${space.name}: none of the networks tried can be built`);
}

/** The point with every value of one knob; none where the knob does not count. */
function* variants(space: Space, codes: Int32Array, knob: number): Generator<Int32Array> {
  if (codes[knob]! < 0) return;
  for (let value = 0; value < space.knobs[knob]!.values.length; value++) yield space.repaired(codes, knob, value);
}
