// A network that stands for a family where a table names no layers, as the pairs of float and int8 results do: what fewer
// bits cost depends on what kind of layers there are and, after training, on how many (quantization.ts). Where a family is
// deeper or shallower than a built-in network, its blocks are repeated as its paper says; an Inception is a residual network
// with as many convolutions on its longest path.
import type { Network } from "../../network/ir.js";
import { buildNetwork, loadNetworkFile, type NetworkFile } from "../../network/network-file.js";

const REPRESENTATIVES: readonly (readonly [RegExp, string])[] = [
  [/mnasnet|proxyless|mobilenet.?v3.?(\w*_)?minimal|shufflenet/i, "mobilenet-v2"],
  [/mobilenet.?v3.*small/i, "mobilenet-v3-small"],
  [/mobilenet.?v3/i, "mobilenet-v3-large"],
  [/mobilenet.?v2/i, "mobilenet-v2"],
  [/(efficient|mobile)net.?edge|efficientnet.?es/i, "efficientnet-edgetpu-s"],
  [/mobilenet|xception/i, "mobilenet-v1"],
  [/efficientnet/i, "efficientnet-b0"],
  [/alexnet|caffenet/i, "alexnet"],
  [/squeezenet/i, "resnet-18"],
];

/** Repeats of the stages: He et al. 2016, arXiv:1512.03385, table 1, and arXiv:1603.05027 for 200 layers. */
const RESNETS: Readonly<Record<string, readonly number[]>> = {
  "18": [2, 2, 2, 2],
  "34": [3, 4, 6, 3],
  "50": [3, 4, 6, 3],
  "101": [3, 4, 23, 3],
  "152": [3, 8, 36, 3],
  "200": [3, 24, 36, 3],
};
/** Convolutions on the longest path, about: 22, 31, 48, 76, 164 (arXiv:1409.4842, 1502.03167, 1512.00567, 1602.07261). */
const INCEPTIONS: readonly (readonly [RegExp, readonly number[]])[] = [
  [/inception.?res/i, [3, 12, 36, 3]],
  [/inception.?v4/i, [3, 4, 15, 3]],
  [/inception.?v3/i, [3, 4, 6, 3]],
  [/inception.?v2|bn.?inception/i, [2, 3, 3, 2]],
  [/inception|googlenet/i, [1, 2, 3, 1]],
];

const loaded = new Map<string, Network>();

/** @param model the row's own name, which tells sizes of a family apart */
export function familyNetwork(family: string, model = ""): Network {
  const text = `${family} ${model}`;
  const known = loaded.get(text) ?? buildNetwork(familyFile(text));
  loaded.set(text, known);
  return known;
}

function familyFile(text: string): NetworkFile {
  if (/efficientnet.?lite/i.test(text)) {
    return withoutSwish(loadNetworkFile(`efficientnet-b${/lite.?([0-4])/i.exec(text)?.[1] ?? "0"}`));
  }
  const inception = INCEPTIONS.find(([pattern]) => pattern.test(text));
  if (inception !== undefined) return repeated("resnet-50", inception[1]);
  if (/vgg/i.test(text)) return /19/.test(text) ? repeated("vgg-16", [2, 2, 4, 4, 4]) : loadNetworkFile("vgg-16");
  const name = REPRESENTATIVES.find(([pattern]) => pattern.test(text))?.[1];
  if (name !== undefined) return loadNetworkFile(name);
  const depth = /(?<!\d)(18|34|50|101|152|200)(?!\d)/.exec(text)?.[1] ?? "50";
  return repeated(Number(depth) < 50 ? "resnet-18" : "resnet-50", RESNETS[depth]!);
}

function repeated(name: string, repeats: readonly number[]): NetworkFile {
  const file = loadNetworkFile(name);
  return { ...file, stages: file.stages!.map((stage, i) => ({ ...stage, repeat: repeats[i]! })) };
}

/** EfficientNet-Lite: ReLU6 and no squeeze-and-excite (TensorFlow blog, March 2020); its stem and head stay unscaled, which
 *  changes no count of layers. */
const withoutSwish = (file: NetworkFile): NetworkFile => ({
  ...file,
  activation: "relu6",
  stages: file.stages!.map((stage) => ({ ...stage, squeezeExcite: 0 })),
});
