// Eyeriss silicon: processing cycles, active elements and global-buffer bytes of the row-stationary passes. Nothing is fitted:
// a pass is what the published mapping says (JSSC 2017, table III), and its time follows from the published widths of the
// network on chip. Filters are loaded before a pass, and the first window of every input row before its first product.
import { z } from "zod";
import type { Adapter, RowScore } from "./reference.js";

const schema = z.object({
  id: z.string(),
  layer: z.object({
    N: z.number(),
    K: z.number(),
    C: z.number(),
    P: z.number(),
    Q: z.number(),
    R: z.number(),
    S: z.number(),
    stride: z.number(),
  }),
  hardware: z.object({
    array: z.tuple([z.number(), z.number()]),
    glb_bytes: z.number(),
    filter_spad_words: z.number(),
    ifmap_spad_words: z.number(),
    psum_spad_words: z.number(),
    word_bits: z.number().default(16),
  }),
  dataflow: z.object({ pe_set: z.string().optional(), sets_t: z.number().optional(), sets_r: z.number().optional() }),
  results: z.object({
    processing_cycles: z.number(),
    active_pes: z.number().optional(),
    glb_access_MB: z.number().optional(),
  }),
});
type Row = z.output<typeof schema>;

/** Words a cycle of the three networks between the buffer and the array: 64, 16 and 64 bits of 16-bit words. */
const FILTER_WORDS_PER_CYCLE = 4;
const INPUT_WORDS_PER_CYCLE = 1;
const PARTIAL_WORDS_PER_CYCLE = 4;
/** Part of the global buffer that prefetches filters and holds nothing else. */
const FILTER_BUFFER_BYTES = 8192;

/** A pass: p filters and q channels in an element's scratchpads, sets of R × e elements, t of them with other filters and r
 *  with other channels, n images. */
export interface Pass {
  readonly n: number;
  readonly e: number;
  readonly p: number;
  readonly q: number;
  readonly r: number;
  readonly t: number;
}

/** Table III of the paper, by filter rows and channels. */
const PUBLISHED: Readonly<Record<string, Pass>> = {
  "11x3": { n: 1, e: 7, p: 16, q: 1, r: 1, t: 2 },
  "5x48": { n: 1, e: 27, p: 16, q: 2, r: 1, t: 1 },
  "3x256": { n: 4, e: 13, p: 16, q: 4, r: 1, t: 4 },
  "3x192": { n: 4, e: 13, p: 16, q: 3, r: 2, t: 2 },
};

export const eyeriss: Adapter = {
  format: "eyeriss-silicon",
  about:
    "the measured chip, AlexNet (processing cycles, DRAM overlapped). Nothing fitted; published mapping and network widths. Global-buffer bytes of CONV3 come out 40 % high: its published mapping accumulates over 64 passes, the published bytes fit 43. DRAM bytes are not compared, the chip compresses them",
  toleranceFraction: 0.08,
  recognises: (row) => schema.safeParse(row).success,
  score: (rows) =>
    rows.map((given): RowScore => {
      const row = schema.parse(given);
      const ours = rowStationary(row.layer, passOf(row), row.hardware.word_bits);
      const { processing_cycles, active_pes, glb_access_MB } = row.results;
      return {
        id: row.id,
        comparisons: [
          { quantity: "processing cycles", reference: processing_cycles, ours: ours.cycles },
          ...(active_pes === undefined
            ? []
            : [{ quantity: "active PEs", reference: active_pes, ours: ours.activePes, toleranceFraction: 0 }]),
          ...(glb_access_MB === undefined
            ? []
            : [
                {
                  quantity: "global-buffer MB",
                  reference: glb_access_MB,
                  ours: ours.bufferBytes / 1e6,
                  toleranceFraction: 0.15,
                },
              ]),
        ],
      };
    }),
};

/** Cycles, elements in use and bytes at the global buffer of a layer in row-stationary passes. */
export function rowStationary(
  { N, K, C, P, Q, R, S, stride }: Row["layer"],
  { n, e, p, q, r, t }: Pass,
  wordBits: number,
): { cycles: number; activePes: number; bufferBytes: number } {
  const accumulations = Math.ceil(C / (q * r));
  const passes = Math.ceil(K / (p * t)) * accumulations * Math.ceil(N / n) * Math.ceil(P / e);
  const inputRows = (e - 1) * stride + R;
  const inputWords = n * q * r * inputRows * ((Q - 1) * stride + S);
  const filterWords = p * t * q * r * R * S;
  const partialWords = p * t * n * e * Q;
  // an element multiplies a filter row with an input row for each of its p · q filter and channel pairs
  const products = n * p * q * S * Q;
  const busy = Math.max(products, inputWords / INPUT_WORDS_PER_CYCLE, partialWords / PARTIAL_WORDS_PER_CYCLE);
  const ramp = filterWords / FILTER_WORDS_PER_CYCLE + (inputRows * S * q * r) / INPUT_WORDS_PER_CYCLE;
  // partial sums are written once per accumulation and read back for each but the first
  const outputs = N * K * P * Q;
  const words = passes * (filterWords + inputWords) + outputs * (2 * accumulations - 1);
  return { cycles: passes * (busy + ramp), activePes: R * e * t * r, bufferBytes: (words * wordBits) / 8 };
}

/** The published pass of the layer, else the one that fills the scratchpads and the array. */
function passOf({ layer, hardware, dataflow }: Row): Pass {
  const { N, C, K, P, Q, R, S, stride } = layer;
  const published = PUBLISHED[`${R}x${C}`];
  if (published !== undefined && dataflow.sets_t === published.t && dataflow.sets_r === published.r) return published;
  const [height, width] = hardware.array;
  const stacked = Math.max(1, Math.floor(height / R));
  const e = stripOf(dataflow.pe_set) ?? evenStrip(P, width * (P > width ? stacked : 1));
  const sets = Math.max(1, Math.floor(stacked / Math.ceil(e / width)));
  const q = Math.min(C, Math.max(1, Math.floor(hardware.ifmap_spad_words / S)));
  const most = Math.min(hardware.psum_spad_words, Math.floor(hardware.filter_spad_words / (q * S)), K);
  const p = 2 ** Math.floor(Math.log2(Math.max(1, most)));
  const t = dataflow.sets_t ?? Math.min(sets, Math.ceil(K / p));
  const r = dataflow.sets_r ?? Math.max(1, Math.floor(sets / t));
  // as many images as the buffer holds partial sums and inputs of, because they share the pass's filters
  const bytes = (images: number): number =>
    (images * (p * t * e * Q + q * r * ((e - 1) * stride + R) * ((Q - 1) * stride + S)) * hardware.word_bits) / 8;
  let n = N;
  while (n > 1 && (N % n !== 0 || bytes(n) > hardware.glb_bytes - FILTER_BUFFER_BYTES)) n--;
  return { n, e, p, q, r, t };
}

/** `11x55 strip-mined to 11x7` has strips of 7 output rows; `5x27 cut into 5x14 and 5x13` runs all 27 at once. */
function stripOf(text: string | undefined): number | undefined {
  const found = text?.match(/strip-mined to \d+x(\d+)/) ?? text?.match(/^\d+x(\d+)/);
  return found == null ? undefined : Number(found[1]);
}

/** Rows split in as few strips as the array allows, all about as large. */
const evenStrip = (rows: number, most: number): number => Math.ceil(rows / Math.ceil(rows / most));
