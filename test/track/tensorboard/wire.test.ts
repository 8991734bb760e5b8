import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { crc32c, maskedCrc32c } from "../../../src/track/tensorboard/crc32c.js";
import { readRecords, record } from "../../../src/track/tensorboard/event-file.js";
import {
  bytesField,
  doubleField,
  floatField,
  message,
  readFields,
  wholeField,
} from "../../../src/track/tensorboard/wire.js";

describe("CRC-32C", () => {
  it("has the check values of RFC 3720, appendix B.4", () => {
    expect(crc32c(new Uint8Array(32))).toBe(0x8a9136aa);
    expect(crc32c(new Uint8Array(32).fill(0xff))).toBe(0x62a8ab43);
    expect(crc32c(Uint8Array.from({ length: 32 }, (_, i) => i))).toBe(0x46dd794e);
    expect(crc32c(Buffer.from("123456789"))).toBe(0xe3069283);
  });

  it("is masked by a rotation of 15 bits and a constant", () => {
    // e3069283 rotated right by 15: low 15 bits 0x1283 go to the top, 0xe3069283 >>> 15 = 0x1c60d
    const rotated = (0x1283 * 2 ** 17 + 0x1c60d) % 2 ** 32;
    expect(maskedCrc32c(Buffer.from("123456789"))).toBe((rotated + 0xa282ead8) % 2 ** 32);
  });
});

describe("protocol-buffer fields", () => {
  it("are the bytes of the encoding guide", () => {
    expect(wholeField(1, 150).toString("hex")).toBe("089601");
    expect(bytesField(2, "testing").toString("hex")).toBe("120774657374696e67");
    expect(bytesField(3, wholeField(1, 150)).toString("hex")).toBe("1a03089601");
    expect(floatField(2, 1).toString("hex")).toBe("150000803f");
    expect(doubleField(1, 1).toString("hex")).toBe("09000000000000f03f");
  });

  it("are read back", () => {
    const whole = fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER });
    const given = fc.tuple(whole, fc.double({ noNaN: true }), fc.string(), fc.integer({ min: 1, max: 15 }));
    fc.assert(
      fc.property(given, ([count, real, text, field]) => {
        const bytes = message(wholeField(field, count), doubleField(2, real), bytesField(3, text));
        const [first, second, third] = [...readFields(bytes)];
        expect(first).toEqual({ field, value: count });
        expect(second).toEqual({ field: 2, value: real });
        expect(String(third?.value)).toBe(Buffer.from(text).toString());
      }),
    );
  });

  it("that end too early are refused", () => {
    expect(() => [...readFields(bytesField(1, "torn").subarray(0, 4))]).toThrow(RangeError);
  });
});

describe("records", () => {
  const whole = Buffer.concat([record(Buffer.from("one")), record(Buffer.from("")), record(Buffer.from("three"))]);
  const texts = (bytes: Buffer): string[] => [...readRecords(bytes)].map(({ data }) => data.toString());

  it("are length, checksum, data, checksum", () => {
    expect(record(Buffer.from("one"))).toHaveLength(8 + 4 + 3 + 4);
    expect(texts(whole)).toEqual(["one", "", "three"]);
  });

  it("end where the file was torn or damaged, at every byte", () => {
    for (let size = 0; size < whole.length; size++) {
      expect(texts(whole.subarray(0, size))).toEqual(["one", "", "three"].slice(0, size < 19 ? 0 : size < 35 ? 1 : 2));
    }
    for (let at = 19; at < 35; at++) {
      const damaged = Buffer.from(whole);
      damaged[at] = damaged[at]! ^ 4;
      expect(texts(damaged)).toEqual(["one"]);
    }
  });
});
