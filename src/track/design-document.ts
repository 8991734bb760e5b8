// One evaluated design as a document: what `evaluate --json` prints and what a report shows. Fields keep their names.

export interface DesignDocument {
  readonly network: { readonly name: string; readonly macCount: number; readonly paramCount: number };
  readonly accelerator: { readonly name: string; readonly macUnits: number; readonly clockMhz: number };
  readonly deployment: {
    /** one number for all stages, or one per stage */
    readonly weightBits: number | readonly number[];
    readonly activationBits: number | readonly number[];
    readonly batch: number;
    /** what is fused: off, on, elementwise, block, depth-first */
    readonly fusion: string;
    /** where they stay: dram, fit, on-chip */
    readonly activations?: string | undefined;
    readonly weights?: string | undefined;
    readonly pruning?: { readonly kind: string; readonly sparsity: number } | undefined;
  };
  /** for one batch, as are cycles, energy and DRAM traffic */
  readonly latencyMs: number;
  readonly latencyCycles: number;
  readonly energyMillijoules: number;
  readonly areaMm2: number;
  readonly peakOnChipBytes: number;
  readonly dramBytes: number;
  /** cycles with every unit busy at the rate of its precision, over cycles */
  readonly utilizationFraction: number;
  readonly accuracy: {
    readonly estimate: number;
    readonly standardError: number;
    readonly proxy: string;
    /** how far the proxy can be trusted */
    readonly trust?: string;
  };
  readonly layers: readonly DesignLayer[];
  /** layers that run together, tile by tile */
  readonly groups?: readonly DesignGroup[];
  /** where each layer's map and weights are between layers and batches, and why */
  readonly staying?: readonly DesignStay[];
}

export interface DesignStay {
  readonly layer: string;
  readonly outputBytes: number;
  readonly output: string;
  readonly weightBytes: number;
  readonly weights: string;
  readonly reason: string;
}

export interface DesignGroup {
  readonly layers: readonly string[];
  readonly tileRows: number;
  readonly tileColumns: number;
  readonly tiles: number;
  readonly rowHalo: string;
  readonly columnHalo: string;
  readonly weights: string;
  readonly dramBytes: number;
  readonly dramBytesAlone: number;
  readonly storeBytes: number;
  readonly operations: number;
  readonly recomputedOperations: number;
}

export interface DesignLayer {
  readonly id: string;
  readonly kind: string;
  readonly shape: unknown;
  readonly macCount: number;
  readonly latencyCycles: number;
  readonly energyPj: number;
  readonly utilizationFraction: number;
  /** what the layer waits for: compute, or a memory level */
  readonly bottleneck: string;
  readonly accesses: unknown;
}
