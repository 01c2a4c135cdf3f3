// PyTorch's random numbers, so that a seed makes the same picture here as in `gansmith sample --seed`.

const N = 624;
const M = 397;

/** MT19937 (Matsumoto & Nishimura 1998), seeded as torch.Generator.manual_seed does: by the seed's low 32 bits. */
export class Mersenne {
  private readonly state = new Uint32Array(N);
  private next = N;

  constructor(seed: bigint) {
    this.state[0] = Number(seed & 0xffffffffn);
    for (let i = 1; i < N; i++) {
      const before = this.at(i - 1);
      this.state[i] = Math.imul(before ^ (before >>> 30), 1812433253) + i;
    }
  }

  /** An integer in [0, 2^32). */
  draw(): number {
    if (this.next === N) this.renew();
    let y = this.at(this.next++);
    y ^= y >>> 11;
    y ^= (y << 7) & 0x9d2c5680;
    y ^= (y << 15) & 0xefc60000;
    return (y ^ (y >>> 18)) >>> 0;
  }

  private at(i: number): number {
    return this.state[i % N] as number;
  }

  private renew(): void {
    for (let i = 0; i < N; i++) {
      const y = (this.at(i) & 0x80000000) | (this.at(i + 1) & 0x7fffffff);
      this.state[i] = this.at(i + M) ^ (y >>> 1) ^ (y & 1 ? 0x9908b0df : 0);
    }
    this.next = 0;
  }
}

/** torch.randn's first `count` numbers, for tensors of 16 and more: pairs 8 apart by Box and Muller, in blocks of 16. */
export function normals(random: Mersenne, count: number): Float32Array {
  const whole = Math.ceil(count / 16) * 16;
  const uniform = Float32Array.from({ length: whole }, () => (random.draw() & 0xffffff) / 0x1000000);
  const out = new Float32Array(whole);
  for (let block = 0; block < whole; block += 16) {
    for (let i = block; i < block + 8; i++) {
      const radius = Math.sqrt(-2 * Math.log(1 - (uniform[i] as number)));
      const angle = 2 * Math.PI * (uniform[i + 8] as number);
      out[i] = radius * Math.cos(angle);
      out[i + 8] = radius * Math.sin(angle);
    }
  }
  return out.slice(0, count);
}

/** torch.rand's first number in float64. */
export function uniform(random: Mersenne): number {
  const high = random.draw();
  const low = random.draw();
  return ((high & 0x1fffff) * 2 ** 32 + low) / 2 ** 53;
}

const GOLDEN = 0x9e3779b97f4a7c15n;

/** The latent of a seed's first sample: gansmith.explore.sampling.latents. */
export function latent(seed: number, size: number): Float32Array {
  return normals(new Mersenne((BigInt(seed) * GOLDEN) % 2n ** 63n), size);
}

/** The clusters of a seed's first sample as one number, by the shares of each facet's: gansmith.contracts.GivenSpec.draw. */
export function cluster(seed: number, facets: readonly (readonly number[])[]): number {
  const random = new Mersenne(BigInt(seed));
  return facets.reduce((drawn, shares) => drawn * shares.length + drawnOf(shares, uniform(random)), 0);
}

function drawnOf(shares: readonly number[], chance: number): number {
  const number = chance * shares.reduce((sum, share) => sum + share, 0);
  let sum = 0;
  for (const [k, share] of shares.entries()) {
    sum += share;
    if (number <= sum) return k;
  }
  return shares.length - 1;
}
