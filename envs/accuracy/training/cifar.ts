// CIFAR-10 in its binary form (Krizhevsky 2009; https://www.cs.toronto.edu/~kriz/cifar.html): records of one label byte and
// 3,072 bytes of colour planes, red first, 32 × 32 each, row by row. The user names the folder; nothing is downloaded.
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { CosearchError } from "../../../src/core/errors.js";
import type { ImageSet, SplitSet } from "./image-set.js";

export const CIFAR_SIZE = 32;
const PIXELS = CIFAR_SIZE * CIFAR_SIZE;
const RECORD_BYTES = 1 + 3 * PIXELS;
/** per colour, of the training images: what most code bases subtract and divide by */
const MEAN = [0.4914, 0.4822, 0.4465] as const;
const DEVIATION = [0.247, 0.2435, 0.2616] as const;

/** Reads data_batch_1.bin to data_batch_5.bin (those that are there) and test_batch.bin.
 *  @param trainCount, heldOutCount at most so many images, from the start of the files
 *  @throws CosearchError FILE_UNREADABLE, FILE_BAD_SYNTAX */
export function readCifar(folder: string, trainCount: number, heldOutCount: number): SplitSet {
  const { train, heldOut } = cifarFiles(folder);
  return { train: readSet(train, trainCount), heldOut: readSet([heldOut], heldOutCount) };
}

/** The files that are there, without reading them. @throws CosearchError FILE_UNREADABLE when one is missing */
export function cifarFiles(folder: string): { readonly train: readonly string[]; readonly heldOut: string } {
  const train = [1, 2, 3, 4, 5].map((i) => join(folder, `data_batch_${i}.bin`)).filter((file) => existsSync(file));
  const heldOut = join(folder, "test_batch.bin");
  const missing = train.length === 0 ? "data_batch_1.bin" : existsSync(heldOut) ? undefined : "test_batch.bin";
  if (missing === undefined) return { train, heldOut };
  const why = `${folder} holds no ${missing}: is it the folder of CIFAR-10's binary form?`;
  throw new CosearchError("FILE_UNREADABLE", why);
}

function readSet(files: readonly string[], most: number): ImageSet {
  const records: Buffer[] = [];
  for (const file of files) {
    const bytes = readBytes(file);
    for (let at = 0; at < bytes.length && records.length < most; at += RECORD_BYTES) {
      const record = bytes.subarray(at, at + RECORD_BYTES);
      if (record[0]! > 9) {
        const index = at / RECORD_BYTES;
        throw new CosearchError(
          "FILE_BAD_SYNTAX",
          `${file}: image ${index} has label ${record[0]}; 0 to 9 are allowed`,
        );
      }
      records.push(record);
    }
  }
  const images = new Float32Array(records.length * PIXELS * 3);
  const labels = new Uint8Array(records.length);
  records.forEach((record, i) => {
    labels[i] = record[0]!;
    for (let pixel = 0; pixel < PIXELS; pixel++) {
      for (let c = 0; c < 3; c++) {
        const value = record[1 + c * PIXELS + pixel]! / 255;
        images[(i * PIXELS + pixel) * 3 + c] = (value - MEAN[c]!) / DEVIATION[c]!;
      }
    }
  });
  return { name: "cifar-10", size: CIFAR_SIZE, classes: 10, images, labels };
}

function readBytes(file: string): Buffer {
  let bytes: Buffer;
  try {
    bytes = readFileSync(file);
  } catch (error) {
    throw new CosearchError("FILE_UNREADABLE", `${file}: ${(error as Error).message}`, { cause: error });
  }
  if (bytes.length === 0 || bytes.length % RECORD_BYTES !== 0) {
    throw new CosearchError(
      "FILE_BAD_SYNTAX",
      `${file}: ${bytes.length} bytes are no whole number of records of ${RECORD_BYTES}`,
    );
  }
  return bytes;
}
