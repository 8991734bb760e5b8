// Image classification data: the embedded set, drawn by a program from a seed, and what every set is to a trainer.
// Embedded set: ten classes, each one a shape (disc, ring, square, triangle, cross) in one of two surface patterns. Place,
// size, turn, colours, contrast, a second smaller shape as a distraction, and noise vary, so that neither colour nor mean
// brightness tells a class: shape and pattern must be seen together.
import { RandomStream } from "../../../src/core/rng.js";

/** Images as floats around 0, shape [count, size, size, 3] row by row, and their classes. */
export interface ImageSet {
  readonly name: string;
  readonly size: number;
  readonly classes: number;
  readonly images: Float32Array;
  readonly labels: Uint8Array;
}

export interface SplitSet {
  readonly train: ImageSet;
  readonly heldOut: ImageSet;
}

const SHAPES = 5;
const PATTERNS = 2;
export const EMBEDDED_CLASSES = SHAPES * PATTERNS;

/** @param size rows and columns, at least 8 */
export function embeddedSet(seed: number, trainCount: number, heldOutCount: number, size: number): SplitSet {
  return {
    train: drawSet(RandomStream.of(seed, "embedded/train"), trainCount, size),
    heldOut: drawSet(RandomStream.of(seed, "embedded/held-out"), heldOutCount, size),
  };
}

function drawSet(random: RandomStream, count: number, size: number): ImageSet {
  const images = new Float32Array(count * size * size * 3);
  const labels = new Uint8Array(count);
  for (let i = 0; i < count; i++) {
    labels[i] = i % EMBEDDED_CLASSES;
    drawImage(images.subarray(i * size * size * 3, (i + 1) * size * size * 3), labels[i]!, random, size);
  }
  return { name: "embedded", size, classes: EMBEDDED_CLASSES, images, labels };
}

interface Figure {
  readonly shape: number;
  readonly x: number;
  readonly y: number;
  readonly radius: number;
  readonly cosine: number;
  readonly sine: number;
}

function figureOf(random: RandomStream, shape: number, smallest: number, largest: number): Figure {
  const angle = random.next() - 0.5; // about a sixth of a full turn in all
  const radius = smallest + (largest - smallest) * random.next();
  const reach = 1 - radius;
  return {
    shape,
    x: (2 * random.next() - 1) * reach * 0.8,
    y: (2 * random.next() - 1) * reach * 0.8,
    radius,
    cosine: Math.cos(angle),
    sine: Math.sin(angle),
  };
}

function drawImage(out: Float32Array, label: number, random: RandomStream, size: number): void {
  const main = figureOf(random, label % SHAPES, 0.6, 0.9);
  const other = figureOf(random, random.integer(SHAPES), 0.12, 0.2);
  const pattern = Math.floor(label / SHAPES);
  const waves = 1.8 + random.next();
  const phase = 2 * Math.PI * random.next();
  const colour = () => [random.normal(), random.normal(), random.normal()] as const;
  const [back, front, second, slope] = [colour(), colour(), colour(), colour()];
  const contrast = 0.5 + 0.5 * random.next();
  const noise = 0.1 + 0.15 * random.next();
  for (let row = 0, at = 0; row < size; row++) {
    for (let column = 0; column < size; column++) {
      const x = (2 * column + 1) / size - 1;
      const y = (2 * row + 1) / size - 1;
      const isMain = inside(main, x, y);
      const isOther = !isMain && inside(other, x, y);
      const along = (main.cosine * (x - main.x) + main.sine * (y - main.y)) / main.radius;
      const across = (main.cosine * (y - main.y) - main.sine * (x - main.x)) / main.radius;
      const stripe = Math.sin(waves * Math.PI * along + phase);
      const surface = pattern === 0 ? stripe : stripe * Math.sin(waves * Math.PI * across + phase) * 1.4;
      for (let c = 0; c < 3; c++, at++) {
        const ground = 0.3 * back[c]! + 0.2 * slope[c]! * (x + y) - 0.6;
        const drawn = isMain
          ? contrast * (0.4 * front[c]! + 0.8 + 0.9 * surface)
          : isOther
            ? contrast * second[c]!
            : ground;
        out[at] = drawn + noise * random.normal();
      }
    }
  }
}

/** Whether a point of the plane is in a shape, in the shape's own turned frame. */
function inside({ shape, x, y, radius, cosine, sine }: Figure, px: number, py: number): boolean {
  const u = (cosine * (px - x) + sine * (py - y)) / radius;
  const v = (cosine * (py - y) - sine * (px - x)) / radius;
  const distance = Math.hypot(u, v);
  switch (shape) {
    case 0:
      return distance < 0.85;
    case 1:
      return distance < 0.95 && distance > 0.5;
    case 2:
      return Math.max(Math.abs(u), Math.abs(v)) < 0.75;
    case 3:
      return v > -0.5 && v < 1 - 1.7 * Math.abs(u) && Math.abs(u) < 0.9;
    default:
      return Math.min(Math.abs(u), Math.abs(v)) < 0.28 && Math.max(Math.abs(u), Math.abs(v)) < 0.95;
  }
}

/** The images of a batch, shape [indices.length, size, size, 3]. */
export function batchOf(set: ImageSet, indices: readonly number[]): { images: Float32Array; labels: Uint8Array } {
  const length = set.size * set.size * 3;
  const images = new Float32Array(indices.length * length);
  const labels = new Uint8Array(indices.length);
  indices.forEach((index, i) => {
    images.set(set.images.subarray(index * length, (index + 1) * length), i * length);
    labels[i] = set.labels[index]!;
  });
  return { images, labels };
}
