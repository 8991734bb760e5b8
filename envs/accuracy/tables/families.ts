// A network that stands for a family where a table names no layers, as the pairs of float and int8 results do: what fewer
// bits cost depends on what kind of layers there are, not on how many (quantization.ts).
import type { Network } from "../../network/ir.js";
import { loadNetwork } from "../../network/network-file.js";

const REPRESENTATIVES: readonly (readonly [RegExp, string])[] = [
  [/efficientnet.?lite|mnasnet|proxyless|mobilenet.?v3.?(\w*_)?minimal|shufflenet/i, "mobilenet-v2"],
  [/mobilenet.?v3.*small/i, "mobilenet-v3-small"],
  [/mobilenet.?v3/i, "mobilenet-v3-large"],
  [/mobilenet.?v2/i, "mobilenet-v2"],
  [/mobilenet/i, "mobilenet-v1"],
  [/efficientnet.?edge|efficientnet.?es/i, "efficientnet-edgetpu-s"],
  [/efficientnet/i, "efficientnet-b0"],
  [/vgg/i, "vgg-16"],
  [/alexnet|squeezenet|caffenet/i, "alexnet"],
];
const DENSE = "resnet-50";

const loaded = new Map<string, Network>();

/** @param model the row's own name, which tells sizes of a family apart */
export function familyNetwork(family: string, model = ""): Network {
  const text = `${family} ${model}`;
  const name = REPRESENTATIVES.find(([pattern]) => pattern.test(text))?.[1] ?? DENSE;
  const known = loaded.get(name) ?? loadNetwork(name);
  loaded.set(name, known);
  return known;
}
