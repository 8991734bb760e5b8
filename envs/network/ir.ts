// The network as the rest of cosearch sees it: layers in order of execution, each with its loop extents and producers.
// Built by the stage builder, by the explicit layer list, and by search spaces; read by the mapper and the accuracy proxies.

export const LAYER_KINDS = [
  "conv",
  "depthwise",
  "fully-connected",
  "matmul",
  "pool",
  "global-pool",
  "add",
  "multiply",
] as const;
export type LayerKind = (typeof LAYER_KINDS)[number];

export const ACTIVATIONS = ["none", "relu", "relu6", "swish", "hard-swish", "sigmoid", "hard-sigmoid", "gelu"] as const;
export type Activation = (typeof ACTIVATIONS)[number];

/** One layer; extents are for one image (batch 1). The activation is fused into its producer.
 *  A conv computes, for each of G groups, K/G output from C/G input channels: MACs = K · (C/G) · P · Q · R · S.
 *  depthwise: G = C = K. fully-connected: P = Q = R = S = 1. pool and global-pool: K = C = channels, R × S window, no weights.
 *  matmul: M = P rows, K columns, C inner, G heads (K and C are totals over the heads); both operands are activations.
 *  add, multiply: K = C = channels, P × Q pixels. */
export interface Layer {
  readonly id: string;
  readonly kind: LayerKind;
  readonly K: number;
  readonly C: number;
  readonly P: number;
  readonly Q: number;
  readonly R: number;
  readonly S: number;
  readonly G: number;
  /** rows, columns */
  readonly stride: readonly [number, number];
  readonly dilation: readonly [number, number];
  readonly activation: Activation;
  /** positions of the layers that this one reads, -1 for the network's input; never empty */
  readonly inputs: readonly number[];
  /** position of the stage that it belongs to, for per-stage precision; the stem is in the first, the head in the last */
  readonly stage: number;
  /** multiplications with accumulation, batch 1; 0 for pool, global-pool, add and multiply */
  readonly macCount: number;
  /** weights alone, what the accelerator loads */
  readonly weightCount: number;
  /** trainable parameters: weights, biases, scale and shift of batch normalisation */
  readonly paramCount: number;
}

/** One block as the stage table wrote it, for proxies that look at architecture rather than layers. */
export interface Block {
  readonly kind: BlockKind;
  readonly kernel: number;
  readonly stride: number;
  readonly expansion: number;
  readonly inChannels: number;
  readonly outChannels: number;
  /** squeeze-excite ratio relative to the block's input channels, 0 when there is none */
  readonly squeezeExcite: number;
  readonly groups: number;
  readonly activation: Activation;
  /** output rows */
  readonly outResolution: number;
  readonly stage: number;
}

export const BLOCK_KINDS = [
  "conv",
  "depthwise-separable",
  "inverted-residual",
  "fused-inverted-residual",
  "residual-basic",
  "residual-bottleneck",
] as const;
export type BlockKind = (typeof BLOCK_KINDS)[number];

export interface Network {
  readonly name: string;
  readonly input: { readonly resolution: number; readonly channels: number };
  readonly classes: number;
  readonly layers: readonly Layer[];
  /** empty when the file lists layers instead of stages */
  readonly blocks: readonly Block[];
  readonly stageCount: number;
  readonly macCount: number;
  readonly paramCount: number;
}
