// Asks the worker for pictures; what is asked while it works replaces what was asked before (the newest wins).

import { type About, dragged, edited, given, type View } from "./latent";

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
type Unnumbered = Ask extends infer A ? (A extends Ask ? Omit<A, "id"> : never) : never;

export class Engine {
  private readonly waiting = new Map<number, (said: Answer) => void>();
  private asked = 0;

  /** `worker` runs worker.ts; a page that lies in one file has it inside. */
  constructor(
    readonly about: About,
    private readonly worker: Worker,
  ) {
    this.worker.onmessage = (event: MessageEvent<Answer>) => this.waiting.get(event.data.id)?.(event.data);
  }

  async load(wasm: ArrayBuffer, mapping: ArrayBuffer, synthesis: ArrayBuffer): Promise<void> {
    await this.ask({ kind: "load", wasm, mapping, synthesis });
  }

  /** The pictures `which` of a view, in that order. */
  async draw(view: View, which: number[]): Promise<ImageData[]> {
    const { about } = this;
    const picture = about.samples.shape;
    const told = which.map((k) => given(about, view, k));
    const z = joined(which.map((k) => dragged(about, view, k)));
    const ask = { given: told, picture };
    const mapped = await this.ask({ kind: "map", values: z, shape: [which.length, about.z[0]], ...ask });
    const all = mapped.values as Float32Array;
    const size = all.length / which.length;
    const w = joined(which.map((_, i) => edited(about, view, all.slice(i * size, (i + 1) * size), told[i] as number)));
    const made = await this.ask({ kind: "draw", values: w, shape: [which.length, ...about.w], ...ask });
    const pixels = made.pixels as Uint8ClampedArray<ArrayBuffer>;
    const bytes = 4 * picture[1] * picture[2];
    return which.map((_, i) => new ImageData(pixels.slice(i * bytes, (i + 1) * bytes), picture[2], picture[1]));
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
