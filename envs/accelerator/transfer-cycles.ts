// Cycles of the levels that a boundary moves words through. Operands whose words come from one level share a slot; the last slot
// is the boundary's own level. What the boundaries further out and the multipliers move there is settled and comes on top.
import type { Accelerator } from "./architecture.js";
import type { Boundary } from "./boundary.js";

const SLOTS = 4;
export const OWN_SLOT = 3;

/** Bits that the levels of a boundary move for the tile at hand, and the cycles of that. */
export class TransferCycles {
  /** by operand */
  readonly slot = new Int32Array(3);
  readonly readBits = new Float64Array(SLOTS);
  readonly writeBits = new Float64Array(SLOTS);
  /** of what passes the level by, read and written by slot: the boundary where it stops counts them again */
  readonly passing = new Float64Array(2 * SLOTS);
  readonly #chip: Accelerator;
  readonly #hasPassing: boolean;
  readonly #hasUnbuffered: boolean;
  readonly #settledReads = new Float64Array(SLOTS);
  readonly #settledWrites = new Float64Array(SLOTS);
  /** cycles for each bit that a slot's level moves, reads, writes */
  readonly #moveCycles = new Float64Array(SLOTS);
  readonly #readCycles = new Float64Array(SLOTS);
  readonly #writeCycles = new Float64Array(SLOTS);
  readonly #isUnbuffered = new Uint8Array(SLOTS);
  readonly #level = new Int32Array(SLOTS);

  constructor(chip: Accelerator) {
    this.#chip = chip;
    this.#hasPassing = chip.levels.some(({ keeps }) => keeps.includes(false));
    this.#hasUnbuffered = chip.levels.some(({ doubleBuffered }) => !doubleBuffered);
  }

  /** @param source by operand, the level that its words come from (the boundary's own when none come)
   *  @param instances in use, by level */
  open(boundary: Boundary, source: Int32Array, instances: Float64Array): void {
    // slots that this boundary does not use must not show what another left there
    this.#settledReads.fill(0);
    this.#settledWrites.fill(0);
    for (let operand = 0; operand < 3; operand++) {
      let slot = operand;
      if (source[operand] === boundary.level) slot = OWN_SLOT;
      else
        for (let other = operand - 1; other >= 0; other--)
          if (source[other] === source[operand]) slot = this.slot[other]!;
      this.slot[operand] = slot;
      if (slot === operand) this.#assign(slot, source[operand]!, boundary, instances);
    }
    this.#assign(OWN_SLOT, boundary.level, boundary, instances);
  }

  #assign(slot: number, l: number, { outside }: Boundary, instances: Float64Array): void {
    const level = this.#chip.levels[l]!;
    const perInstance = 1 / (8 * Math.max(1, instances[l]!));
    this.#level[slot] = l;
    this.#isUnbuffered[slot] = level.doubleBuffered ? 0 : 1;
    this.#settledReads[slot] = outside.readBits[l]!;
    this.#settledWrites[slot] = outside.writeBits[l]!;
    this.#moveCycles[slot] = perInstance / level.sharedBytesPerCycle;
    this.#readCycles[slot] = perInstance / level.readBytesPerCycle;
    this.#writeCycles[slot] = perInstance / level.writeBytesPerCycle;
  }

  /** Forgets what the last tile moved. */
  reset(): void {
    for (let slot = 0; slot < SLOTS; slot++) {
      this.readBits[slot] = this.#settledReads[slot]!;
      this.writeBits[slot] = this.#settledWrites[slot]!;
    }
    if (this.#hasPassing) this.passing.fill(0);
  }

  /** Takes away what passes the level by, and the boundary inside will count. */
  leaveOutPassing(): void {
    for (let slot = 0; this.#hasPassing && slot < SLOTS; slot++) {
      this.readBits[slot]! -= this.passing[2 * slot]!;
      this.writeBits[slot]! -= this.passing[2 * slot + 1]!;
    }
  }

  /** Cycles of the slowest of what overlaps: `least`, and the levels.
   *  @param exposed cycles of DRAM's that are not behind the array's work */
  overlapping(least: number, exposed: number): number {
    let most = least;
    for (let slot = 0; slot < SLOTS; slot++) {
      const bits = this.readBits[slot]! + this.writeBits[slot]!;
      if (bits === 0 || this.#isUnbuffered[slot] === 1) continue;
      const cycles = this.#cyclesOf(slot);
      most = Math.max(most, this.#level[slot] === 0 ? cycles - exposed : cycles);
    }
    return most;
  }

  /** Cycles of the transfers that do not overlap, as far as this boundary makes them. */
  added(): number {
    let cycles = 0;
    for (let slot = 0; this.#hasUnbuffered && slot < SLOTS; slot++) {
      const bits = this.readBits[slot]! + this.writeBits[slot]!;
      if (bits > 0 && this.#isUnbuffered[slot] === 1) cycles += this.#cyclesOf(slot);
    }
    return cycles;
  }

  #cyclesOf(slot: number): number {
    const read = this.readBits[slot]!;
    const write = this.writeBits[slot]!;
    return Math.max(
      (read + write) * this.#moveCycles[slot]!,
      read * this.#readCycles[slot]!,
      write * this.#writeCycles[slot]!,
    );
  }
}
