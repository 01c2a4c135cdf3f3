// The generator's two graphs, run by ONNX Runtime in a thread of their own, so that the page stays awake.

import * as ort from "onnxruntime-web/wasm";
import type { Answer, Ask } from "./engine";

let mapping: ort.InferenceSession | undefined;
let synthesis: ort.InferenceSession | undefined;

async function answer(ask: Ask): Promise<Answer> {
  if (ask.kind === "load") {
    ort.env.wasm.numThreads = 1;
    ort.env.wasm.wasmBinary = ask.wasm;
    mapping = await ort.InferenceSession.create(new Uint8Array(ask.mapping));
    synthesis = await ort.InferenceSession.create(new Uint8Array(ask.synthesis));
    return { id: ask.id };
  }
  const session = ask.kind === "map" ? mapping : synthesis;
  if (!session) throw new Error("no generator was loaded");
  const feeds: Record<string, ort.Tensor> = {};
  for (const name of session.inputNames) {
    feeds[name] = name === "given" ? new ort.Tensor("int64", BigInt64Array.from(ask.given, BigInt), [ask.given.length]) : new ort.Tensor("float32", ask.values, ask.shape);
  }
  const made = await session.run(feeds);
  const values = made[session.outputNames[0] as string]?.data as Float32Array;
  return { id: ask.id, values: ask.kind === "draw" ? undefined : values.slice(), pixels: ask.kind === "draw" ? colours(values, ask.picture) : undefined };
}

/** Samples [N, C, H, W] in [-1, 1] -> RGBA bytes, one picture after the other; rounded as gansmith does. */
function colours(values: Float32Array, [channels, height, width]: [number, number, number]): Uint8ClampedArray<ArrayBuffer> {
  const area = height * width;
  const pixels = new Uint8ClampedArray((values.length / channels) * 4);
  for (let i = 0; i < pixels.length / 4; i++) {
    const first = Math.floor(i / area) * channels * area + (i % area);
    for (let c = 0; c < 4; c++) {
      const from = channels < 3 ? (c < 3 ? 0 : 1) : c;
      pixels[4 * i + c] = from < channels ? ((values[first + from * area] as number) + 1) * 127.5 : 255;
    }
  }
  return pixels;
}

addEventListener("message", (event: MessageEvent<Ask>) => {
  answer(event.data).then(
    (said) => postMessage(said, { transfer: [said.values?.buffer, said.pixels?.buffer].filter((x) => x !== undefined) }),
    (error: unknown) => postMessage({ id: event.data.id, problem: String(error) } satisfies Answer),
  );
});
