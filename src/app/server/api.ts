// What the server says to the page: types only, read by both sides, so that they cannot drift apart.
// Arrays that belong together have one length; null stands where there is no number.

export type Status = "running" | "paused" | "finished" | "exhausted" | "stopped" | "broken";

/** One row of the table of runs. */
export interface RunRow {
  readonly id: string;
  readonly status: Status;
  readonly study: string;
  readonly agent: string;
  readonly seed: number;
  readonly trials: number;
  readonly budget: number;
  readonly feasible: number;
  readonly bestReward: number | null;
  readonly frontSize: number;
  /** ISO 8601, empty when unknown */
  readonly created: string;
  /** what is wrong with a broken folder */
  readonly error?: string;
}

export interface AxisInfo {
  readonly metric: string;
  readonly sense: "minimise" | "maximise";
}

export interface KnobInfo {
  readonly name: string;
  readonly values: readonly (string | number | boolean)[];
}

export interface RunDetail extends RunRow {
  readonly description: string;
  readonly bestTrial: number | null;
  readonly batchSize: number;
  readonly backend: string;
  readonly versions: Readonly<Record<string, string>>;
  readonly wallSeconds: number;
  readonly axes: readonly AxisInfo[];
  readonly metrics: readonly string[];
  readonly knobs: readonly KnobInfo[];
  /** true when the server accepts controls */
  readonly controllable: boolean;
  /** clients take part by ask / tell: it goes on with their next request, and no command resumes it */
  readonly hasClients: boolean;
  readonly updates: number;
}

type Column = readonly (number | null)[];

/** Curves of a run between two trials, in at most as many buckets as were asked for. */
export interface Curves {
  readonly from: number;
  readonly to: number;
  /** trials a bucket holds; 1: every trial is there */
  readonly bucket: number;
  /** last trial of each bucket */
  readonly trial: readonly number[];
  /** wall time at that trial, seconds of running */
  readonly seconds: readonly number[];
  readonly rewardMin: Column;
  readonly rewardMean: Column;
  readonly rewardMax: Column;
  readonly runningMean: Column;
  readonly best: Column;
  /** share of feasible trials within the bucket's window */
  readonly feasibleRate: Column;
  /** mean of the measured trials of a bucket */
  readonly metrics: Readonly<Record<string, Column>>;
  readonly updates: {
    readonly trial: readonly number[];
    readonly seconds: readonly number[];
    readonly series: Readonly<Record<string, Column>>;
  };
  readonly rate: {
    readonly trial: readonly number[];
    readonly seconds: readonly number[];
    readonly trialsPerSecond: Column;
  };
}

/** What each knob came to be, by window of trials. */
export interface PolicyMap {
  /** policy: the controller's own probabilities; proposed: how often each value was proposed */
  readonly source: "policy" | "proposed";
  /** the controller's probabilities are recorded: either can be asked for */
  readonly hasPolicy: boolean;
  /** first trial after each window */
  readonly ends: readonly number[];
  readonly knobs: readonly (KnobInfo & {
    /** [window][value]: mean probability, or share among the trials, of those where the knob counts; 0 throughout where none */
    readonly share: readonly (readonly number[])[];
    /** entropy of the first and the last window, as a share of the largest possible */
    readonly entropy: readonly number[];
  })[];
}

export interface FrontView {
  readonly x: AxisInfo;
  readonly y: AxisInfo;
  readonly feasible: number;
  readonly points: readonly FrontPoint[];
  readonly hypervolume: {
    readonly trial: readonly number[];
    readonly value: readonly number[];
    readonly reference: readonly [number, number];
  };
}

export interface FrontPoint {
  readonly trial: number;
  readonly reward: number;
  readonly onFront: boolean;
  readonly metrics: readonly (number | null)[];
  /** position of each knob's value, -1 where the knob does not count */
  readonly codes: readonly number[];
}

/** New trials and updates, pushed. */
export interface LiveMessage {
  /** first trial of this message */
  readonly from: number;
  readonly reward: readonly number[];
  /** 1 feasible, 0 not */
  readonly feasible: readonly number[];
  readonly metrics: Readonly<Record<string, Column>>;
  readonly seconds: number;
  readonly updates: readonly { readonly trialCount: number; readonly diagnostics: Readonly<Record<string, number>> }[];
}

export interface StatusMessage {
  readonly status: Status;
  readonly trials: number;
  readonly budget: number;
}

export interface ControlRequest {
  readonly action: "pause" | "resume" | "stop" | "raise";
  /** the new budget, for `raise` */
  readonly trials?: number;
}

/** One design in full. */
export interface DesignView {
  readonly title: string;
  readonly latencyMs: number;
  readonly energyMillijoules: number;
  readonly areaMm2: number;
  readonly peakOnChipBytes: number;
  readonly dramBytes: number;
  readonly utilizationFraction: number;
  readonly accuracy: { readonly estimate: number; readonly standardError: number; readonly proxy: string };
  readonly deployment: {
    readonly weightBits: number | readonly number[];
    readonly activationBits: number | readonly number[];
    readonly batch: number;
    readonly fusion: string;
  };
  readonly network: {
    readonly name: string;
    readonly macCount: number;
    readonly paramCount: number;
    readonly resolution: number;
    readonly stages: readonly StageView[];
  };
  readonly chip: ChipView;
  readonly layers: readonly LayerView[];
  /** layers that run together, tile by tile */
  readonly groups: readonly GroupView[];
}

export interface GroupView {
  /** ids, in order */
  readonly layers: readonly string[];
  /** of the last layer's output */
  readonly tileRows: number;
  readonly tileColumns: number;
  readonly tiles: number;
  /** overlap of the tiles: `none`, `cached`, `recomputed` */
  readonly rowHalo: string;
  readonly columnHalo: string;
  readonly weights: string;
  readonly latencyCycles: number;
  readonly dramBytes: number;
  /** what the layers would move at least, one by one */
  readonly dramBytesAlone: number;
  readonly storeBytes: number;
  readonly operations: number;
  readonly recomputedOperations: number;
}

export interface StageView {
  readonly stage: number;
  readonly blocks: readonly string[];
  readonly outChannels: number;
  readonly outResolution: number;
  readonly macCount: number;
  readonly layers: number;
}

export interface ChipView {
  readonly name: string;
  readonly dataflow: string;
  readonly clockMhz: number;
  readonly nodeNm: number;
  readonly macUnits: number;
  readonly macAreaMm2: number;
  readonly otherAreaMm2: number;
  readonly levels: readonly {
    readonly name: string;
    readonly type: string;
    /** per instance; null for DRAM */
    readonly capacityBytes: number | null;
    readonly instances: number;
    /** all instances */
    readonly areaMm2: number;
    readonly fanout: readonly { readonly name: string; readonly size: number }[];
  }[];
}

export interface LayerView {
  readonly id: string;
  readonly kind: string;
  readonly stage: number;
  readonly shape: Readonly<Record<string, number>>;
  readonly macCount: number;
  readonly latencyCycles: number;
  /** what the latency is made of: `steady` (the longest of `cycles`), and what is added to it */
  readonly latencyParts: Readonly<Record<string, number>>;
  readonly energyPj: number;
  readonly utilizationFraction: number;
  readonly bottleneck: string;
  readonly loopNest: string;
  readonly operationCount: number;
  /** cycles that compute and each level need on their own */
  readonly cycles: Readonly<Record<string, number>>;
  /** pJ of arithmetic, of each level, of the network between them where it costs, and of leakage */
  readonly energy: Readonly<Record<string, number>>;
  readonly dramBytes: number;
  /** operations per byte of DRAM traffic; null without traffic */
  readonly intensity: number | null;
  readonly operationsPerCycle: number;
  /** what the machine could do at this precision */
  readonly peakOperationsPerCycle: number;
  readonly dramBytesPerCycle: number;
  /** position in the design's groups, where the layer runs in one */
  readonly group?: number;
}

export interface DesignResponse {
  readonly design: DesignView | { readonly infeasible: string };
  readonly other: DesignView | { readonly infeasible: string };
  readonly otherName: string;
  readonly candidate: Readonly<Record<string, string | number | boolean>>;
}
