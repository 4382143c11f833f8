/** Images of a detector panel twice as wide as high, 16 bits a pixel, so that `bytes` is a square times 4; the same ones in every run. */
export function detectorFrames(count: number, bytes: number): Buffer[] {
  const height = Math.sqrt(bytes / 4);
  const random = randomNumbers(20_250_101);
  return Array.from({ length: count }, () => diffractionImage(2 * height, height, random));
}

/** Rings around a beam center that wanders from shot to shot, on a background of noise. */
function diffractionImage(width: number, height: number, random: () => number): Buffer {
  const pixels = new Uint16Array(width * height);
  const centerX = width * (0.45 + 0.1 * random());
  const centerY = height * (0.45 + 0.1 * random());
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const radius = Math.hypot(x - centerX, y - centerY) / height;
      const ring = 40_000 * Math.cos(20 * radius) ** 16 * Math.exp(-3 * radius);
      pixels[y * width + x] = 100 + ring + 200 * random();
    }
  }
  return Buffer.from(pixels.buffer);
}

/** Mulberry32: small, fast, and good enough for noise. `Math.random` cannot be seeded. */
function randomNumbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let bits = Math.imul(state ^ (state >>> 15), 1 | state);
    bits = (bits + Math.imul(bits ^ (bits >>> 7), 61 | bits)) ^ bits;
    return ((bits ^ (bits >>> 14)) >>> 0) / 2 ** 32;
  };
}
