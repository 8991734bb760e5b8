// A space of eight networks that train in milliseconds.
import { parseSpaceFile } from "../../../../envs/space-file.js";

export const TINY_SPACE = {
  name: "tiny-supernet",
  group: "network" as const,
  knobs: [
    { name: "width", values: [4, 8] },
    { name: "kernel", values: [3, 5] },
    { name: "depth", values: [1, 2] },
  ],
  template: {
    name: "tiny-supernet",
    input: { resolution: 8, channels: 3 },
    activation: "relu6",
    stem: { channels: 8, stride: 2 },
    stages: [
      { kind: "inverted-residual", kernel: "$kernel", expansion: 2, channels: "$width", stride: 1, repeat: "$depth" },
    ],
    head: {},
    classes: 10,
  },
};

export const tinySpace = () => parseSpaceFile(TINY_SPACE, "tiny");
