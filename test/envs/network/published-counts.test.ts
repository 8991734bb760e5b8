// MACs and parameters of the built-in networks against the published counts, within 1 %.
// Which count: MACs of one image (a "FLOP" of the EfficientNet and MnasNet papers is a MAC), squeeze-excite and classifier
// included; trainable parameters with batch normalisation's scale and shift, without its running statistics.
// Where a paper rounds to two digits or disagrees with its own network, the exact count of torchvision's model pages is used
// (`_ops` and `num_params` of its weights); the last column says what the paper writes.
import { describe, expect, it } from "vitest";
import { loadNetwork, networkNames } from "../../../envs/network/network-file.js";

interface Published {
  readonly megaMacs: number;
  readonly megaParams: number;
  readonly source: string;
}

const PUBLISHED: Readonly<Record<string, Published>> = {
  // paper 569 M and 4.2 M
  "mobilenet-v1": { megaMacs: 569, megaParams: 4.24, source: "tensorflow/models slim/nets/mobilenet_v1.md" },
  // paper 300 M and 3.4 M
  "mobilenet-v2": { megaMacs: 301, megaParams: 3.504872, source: "torchvision MobileNet_V2_Weights" },
  // paper 219 M and 5.4 M; tensorflow/models slim 217 M and 5.4 M
  "mobilenet-v3-large": { megaMacs: 217, megaParams: 5.483032, source: "torchvision MobileNet_V3_Large_Weights" },
  // paper 56 M and 2.5 M; tensorflow/models slim writes 66 M and 2.9 M, which its own network does not have
  "mobilenet-v3-small": { megaMacs: 56.5, megaParams: 2.542856, source: "paper 56 M; torchvision num_params; timm" },
  // paper 0.39 B and 5.3 M
  "efficientnet-b0": { megaMacs: 386, megaParams: 5.288548, source: "torchvision EfficientNet_B0_Weights" },
  // paper 0.70 B and 7.8 M
  "efficientnet-b1": { megaMacs: 687, megaParams: 7.794184, source: "torchvision EfficientNet_B1_Weights" },
  // paper 1.0 B and 9.2 M; torchvision's 1.088 is for 288 pixels, see below
  "efficientnet-b2": {
    megaMacs: 1000,
    megaParams: 9.109994,
    source: "arXiv:1905.11946 table 2; torchvision num_params",
  },
  // paper 1.8 B and 12 M
  "efficientnet-b3": { megaMacs: 1827, megaParams: 12.233232, source: "torchvision EfficientNet_B3_Weights" },
  // paper 4.2 B and 19 M
  "efficientnet-b4": { megaMacs: 4394, megaParams: 19.341616, source: "torchvision EfficientNet_B4_Weights" },
  // paper 9.9 B and 30 M
  "efficientnet-b5": { megaMacs: 10266, megaParams: 30.389784, source: "torchvision EfficientNet_B5_Weights" },
  // paper 19 B and 43 M
  "efficientnet-b6": { megaMacs: 19068, megaParams: 43.040704, source: "torchvision EfficientNet_B6_Weights" },
  // paper 37 B and 66 M
  "efficientnet-b7": { megaMacs: 37746, megaParams: 66.34796, source: "torchvision EfficientNet_B7_Weights" },
  // the authors' code strides another convolution, see the preset
  "efficientnet-edgetpu-s": { megaMacs: 1800, megaParams: 5.44, source: "timm efficientnet_es model card and results" },
  "mnasnet-a1": { megaMacs: 312, megaParams: 3.9, source: "arXiv:1807.11626 table 1" },
  // paper 315 M and 4.4 M
  "mnasnet-b1": { megaMacs: 314, megaParams: 4.383312, source: "torchvision MNASNet1_0_Weights" },
  "proxylessnas-mobile": {
    megaMacs: 320,
    megaParams: 4.08,
    source: "mit-han-lab/proxylessnas and once-for-all READMEs",
  },
  // paper 1.8 G
  "resnet-18": { megaMacs: 1814, megaParams: 11.689512, source: "torchvision ResNet18_Weights" },
  // paper 3.8 G with the stride in the first 1 x 1
  "resnet-50": { megaMacs: 4089, megaParams: 25.557032, source: "torchvision ResNet50_Weights" },
  "vgg-16": { megaMacs: 15470, megaParams: 138.357544, source: "torchvision VGG16_Weights" },
  alexnet: {
    megaMacs: 724,
    megaParams: 61,
    source: "Sze et al. 2017, arXiv:1703.09039 table II; paper 60 M parameters",
  },
};

describe("published networks", () => {
  it("are all in the table", () => {
    expect(networkNames()).toEqual(Object.keys(PUBLISHED).sort());
  });

  it.each(Object.entries(PUBLISHED))("%s has the published MACs and parameters within 1 %%", (name, published) => {
    const network = loadNetwork(name);
    expect(network.name).toBe(name);
    expect(Math.abs(network.macCount / (published.megaMacs * 1e6) - 1)).toBeLessThan(0.01);
    expect(Math.abs(network.paramCount / (published.megaParams * 1e6) - 1)).toBeLessThan(0.01);
  });

  it.each([
    ["mobilenet-v2", 3_504_872],
    ["mobilenet-v3-large", 5_483_032],
    ["mobilenet-v3-small", 2_542_856],
    ["efficientnet-b0", 5_288_548],
    ["efficientnet-b7", 66_347_960],
    ["mnasnet-b1", 4_383_312],
    ["resnet-18", 11_689_512],
    ["resnet-50", 25_557_032],
    ["vgg-16", 138_357_544],
  ])("%s has torchvision's %i parameters to the last one", (name, paramCount) => {
    expect(loadNetwork(name).paramCount).toBe(paramCount);
  });

  it("gives EfficientNet-B2 torchvision's 1.088 G MACs at torchvision's 288 pixels", async () => {
    const { buildNetwork, loadNetworkFile } = await import("../../../envs/network/network-file.js");
    const file = loadNetworkFile("efficientnet-b2");
    const network = buildNetwork({ ...file, input: { resolution: 288 } });
    expect(network.macCount / 1e9).toBeCloseTo(1.088, 2);
  });
});
