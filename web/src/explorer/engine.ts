// Asks the worker for pictures; what is asked while it works replaces what was asked before (the newest wins).

import { type About, dragged, edited, given, latentsOfMean, meanOf, mixed, type View } from "./latent";

export type Picture = [number, number, number]; // channels, height, width
export type Ask =
  | { id: number; kind: "load"; wasm: ArrayBuffer; mapping: ArrayBuffer; synthesis: ArrayBuffer }
  | { id: number; kind: "map" | "draw"; values: Float32Array; shape: number[]; given: number[]; picture: Picture };
export interface Answer {
  id: number;
  values?: Float32Array;
  pixels?: Uint8ClampedArray<ArrayBuffer>;
  problem?: string;
}
export interface Point {
  w: Float32Array;
  given: number;
}
type Unnumbered = Ask extends infer A ? (A extends Ask ? Omit<A, "id"> : never) : never;

export class Engine {
  private readonly waiting = new Map<number, (said: Answer) => void>();
  private readonly means = new Map<number, Float32Array>(); // of clusters whose mean the file does not list
  private asked = 0;

  /** `worker` runs worker.ts; a page that lies in one file has it inside. */
  constructor(
    public about: About, // its named directions may change
    private readonly worker: Worker,
  ) {
    this.worker.onmessage = (event: MessageEvent<Answer>) => this.waiting.get(event.data.id)?.(event.data);
  }

  async load(wasm: ArrayBuffer, mapping: ArrayBuffer, synthesis: ArrayBuffer): Promise<void> {
    await this.ask({ kind: "load", wasm, mapping, synthesis });
  }

  /** The pictures `which` of a view, in that order. */
  async draw(view: View, which: number[]): Promise<ImageData[]> {
    return this.pictures(await this.points(view, which));
  }

  /** Where the pictures `which` of a view lie: their w as they are drawn, and their classes or clusters. */
  async points(view: View, which: number[]): Promise<Point[]> {
    const { about } = this;
    const told = which.map((k) => given(about, view, k));
    const w = await this.mapped(which.map((k) => dragged(about, view, view.seed + k)), told);
    const { mix } = view;
    const others = mix ? await this.mapped(told.map(() => dragged(about, view, mix.seed)), told) : w;
    const means: Float32Array[] = []; // without truncation it does not matter which
    for (const [i, of] of told.entries()) means.push(view.truncation === 1 ? (w[i] as Float32Array) : await this.mean(of));
    return w.map((own, i) => ({
      w: edited(about, view, mixed(about, view, own, others[i] as Float32Array), means[i] as Float32Array),
      given: told[i] as number,
    }));
  }

  /** The mean of w of a class or cluster. */
  private async mean(told: number): Promise<Float32Array> {
    const known = this.means.get(told) ?? meanOf(this.about, told);
    if (known) return known;
    const all = await this.mapped(latentsOfMean(this.about), told);
    const mean = (all[0] as Float32Array).map((_, i) => all.reduce((sum, w) => sum + (w[i] as number), 0) / all.length);
    this.means.set(told, mean);
    return mean;
  }

  /** The pictures at some points. */
  async pictures(points: Point[]): Promise<ImageData[]> {
    const picture = this.about.samples.shape;
    const shape = [points.length, ...this.about.w];
    const made = await this.ask({ kind: "draw", values: joined(points.map(({ w }) => w)), shape, given: points.map((p) => p.given), picture });
    const pixels = made.pixels as Uint8ClampedArray<ArrayBuffer>;
    const bytes = 4 * picture[1] * picture[2];
    return points.map((_, i) => new ImageData(pixels.slice(i * bytes, (i + 1) * bytes), picture[2], picture[1]));
  }

  private async mapped(latents: Float32Array[], of: number | number[]): Promise<Float32Array[]> {
    const { samples, z } = this.about;
    const told = typeof of === "number" ? latents.map(() => of) : of;
    const made = await this.ask({ kind: "map", values: joined(latents), shape: [latents.length, z[0]], given: told, picture: samples.shape });
    const all = made.values as Float32Array;
    const size = all.length / latents.length;
    return latents.map((_, i) => all.slice(i * size, (i + 1) * size));
  }

  end(): void {
    this.worker.terminate();
  }

  private ask(what: Unnumbered): Promise<Answer> {
    const id = ++this.asked;
    return new Promise((resolve, reject) => {
      this.waiting.set(id, (said) => {
        this.waiting.delete(id);
        if (said.problem) reject(new Error(said.problem));
        else resolve(said);
      });
      this.worker.postMessage({ id, ...what });
    });
  }
}

function joined(parts: Float32Array[]): Float32Array {
  const out = new Float32Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}
