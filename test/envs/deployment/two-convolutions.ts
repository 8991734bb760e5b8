// A network small enough to count by hand, for the tests of what stays on chip.
import { buildNetwork, type NetworkFile } from "../../../envs/network/network-file.js";

/** 8 × 8 × 4 -> 8 × 8 × 8 -> 8 × 8 × 16: weights 32 and 128 bytes, maps 256, 512 and 1,024. */
export const two = buildNetwork({
  name: "two",
  input: { resolution: 8, channels: 4 },
  layers: [
    { kind: "conv", name: "first", channels: 8, kernel: 1 },
    { kind: "conv", name: "second", channels: 16, kernel: 1 },
  ],
} as unknown as NetworkFile);
