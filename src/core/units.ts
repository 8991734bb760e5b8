// Units and the conversions between them, all in one place. Names of quantities end in their unit elsewhere.

export const KIB = 1024;
export const MIB = 1024 * 1024;

/** Milliseconds that `cycles` take at `clockMhz`. */
export const cyclesToMs = (cycles: number, clockMhz: number): number => cycles / (clockMhz * 1000);

/** Bytes per cycle of `gigabytesPerSecond` (10^9 bytes) at `clockMhz`. */
export const gigabytesPerSecondToBytesPerCycle = (gigabytesPerSecond: number, clockMhz: number): number =>
  (gigabytesPerSecond * 1000) / clockMhz;

export const pjToMillijoules = (pj: number): number => pj * 1e-9;
export const um2ToMm2 = (um2: number): number => um2 * 1e-6;

/** Bytes that `words` of `bits` take when packed densely, rounded up to whole bytes. */
export const wordsToBytes = (words: number, bits: number): number => Math.ceil((words * bits) / 8);
