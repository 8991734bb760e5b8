// CRC-32C (Castagnoli), and the masked form that guards the records of an event file.
// Sources: RFC 3720, appendix B.4 (the polynomial, and the check values of the tests); TFRecord's mask: rotate, add.

const POLYNOMIAL = 0x82f63b78; // 0x1edc6f41, bits reversed
const TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let rest = byte;
  for (let bit = 0; bit < 8; bit++) rest = rest & 1 ? (rest >>> 1) ^ POLYNOMIAL : rest >>> 1;
  return rest >>> 0;
});

/** Checksum of some bytes, an unsigned 32-bit number. */
export function crc32c(bytes: Uint8Array): number {
  let rest = 0xffffffff;
  for (let i = 0; i < bytes.length; i++) rest = (rest >>> 8) ^ TABLE[(rest ^ bytes[i]!) & 0xff]!;
  return (rest ^ 0xffffffff) >>> 0;
}

/** The checksum as records store it, so that a checksum of bytes that hold checksums stays a good one. */
export function maskedCrc32c(bytes: Uint8Array): number {
  const crc = crc32c(bytes);
  return (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0;
}
