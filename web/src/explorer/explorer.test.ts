import { describe, expect, it } from "vitest";
import { type About, between, dragged, edited, given, latentsOfMean, meanOf, mixed, recipe, restored, start } from "./latent";
import { textOf, withText } from "./png";
import { cluster, latent, Mersenne } from "./torch";

const about: About = {
  samples: { shape: [1, 8, 8], classes: null, clusters: [0.1, 0.2, 0.3, 0.4] },
  z: [12],
  w: [2, 3],
  given: 4,
  mean_w: [0, 1, 2, 3].map((k) => [[k, k, k], [k, k, k]]),
  directions: { principal: [[1, 0, 0]], closed_form: [[0, 2, 0]] },
  named: [{ name: "glad", vector: [0, 0, 1] }],
  largest_difference_from_torch: 0,
};

describe("torch's random numbers", () => {
  it("are those of the Mersenne twister", () => {
    const random = new Mersenne(5489n);
    for (let k = 1; k < 10_000; k++) random.draw();
    expect(random.draw()).toBe(4123659995); // the 10,000th, as the C++ standard says of its default seed
  });
  // printed by gansmith.explore.sampling.latents and gansmith.contracts.GivenSpec.draw
  it.each([
    [0, [-1.12584, -1.15236, 0.322275, -1.695931, -0.551529], 3],
    [7, [-0.53945, 1.889659, -1.440914, -0.107742, 0.222916], 1],
    [123456, [0.138666, -0.934616, 0.32093, 0.792181, 0.712414], 0],
  ])("make the latent and the cluster of seed %d", (seed, numbers, group) => {
    const z = latent(seed, 64);
    [0, 1, 8, 17, 63].forEach((place, i) => expect(z[place]).toBeCloseTo(numbers[i] as number, 5));
    expect(cluster(seed, [[0.1, 0.2, 0.3, 0.4]])).toBe(group);
  });
  it.each([[0, 10], [1, 0], [7, 3], [123456, 2]])("make the clusters of two facets of seed %d", (seed, groups) => {
    expect(cluster(seed, [[0.1, 0.2, 0.3, 0.4], [0.5, 0.25, 0.25]])).toBe(groups);
  });
  it("also fill latents that are no whole block", () => {
    const z = [...latent(3, 12)];
    const wanted = [1.541501, 1.956541, -0.32655, 0.736814, -1.189335, -0.235322, -1.511765, 1.928823, 0.997203, 0.579394, 0.433204, -1.37697];
    z.forEach((value, i) => expect(value).toBeCloseTo(wanted[i] as number, 5));
  });
});

describe("a view", () => {
  const mean = (told: number) => meanOf(about, told) as Float32Array;
  it("has no mean at hand where every facet has clusters of its own, but the latents to take it of", () => {
    const many = { ...about, given: 12, mean_w: [], samples: { ...about.samples, clusters: [[0.1, 0.2, 0.3, 0.4], [0.5, 0.25, 0.25]] } };
    expect(given(many, { ...start(many), seed: 0 }, 7)).toBe(3);
    expect(meanOf(many, 3)).toBeUndefined();
    const z = latentsOfMean(many);
    expect([z.length, z[1]?.length]).toEqual([1024, many.z[0]]);
    // torch.randn(1024, 12, generator=torch.Generator().manual_seed(0))[1023, 11]
    expect(z[1023]?.[11]).toBeCloseTo(-0.673428, 5);
  });
  it("tells every picture its own cluster, or one to all", () => {
    expect(given(about, { ...start(about), seed: 7 }, 0)).toBe(1);
    expect(given(about, { ...start(about), given: 2 }, 5)).toBe(2);
    const classes = { ...about, samples: { ...about.samples, classes: ["a", "b", "c", "d"], clusters: null } };
    expect(given(classes, start(classes), 5)).toBe(1);
    expect(given({ ...about, given: 0 }, start(about), 5)).toBe(-1);
  });
  it("turns a dragged latent without changing its length, and back", () => {
    const size = (v: Float32Array) => Math.hypot(...v);
    const plain = dragged(about, start(about), 0);
    const moved = dragged(about, { ...start(about), drags: { 0: [0.2, -0.1] } }, 0);
    const turned = dragged(about, { ...start(about), drags: { 0: [1, 0] } }, 0); // once around
    expect(size(moved)).toBeCloseTo(size(plain), 4);
    expect(Math.abs((moved[0] as number) - (plain[0] as number))).toBeGreaterThan(0.01);
    turned.forEach((value, i) => expect(value).toBeCloseTo(plain[i] as number, 4));
  });
  it("truncates towards its cluster's mean and moves only the chosen layers", () => {
    const w = Float32Array.of(1, 2, 3, 4, 5, 6);
    const view = { ...start(about), truncation: 0.5, steps: { principal: [2], closed_form: [-1] }, layers: [1, 1] as [number, number] };
    expect([...edited(about, view, w, mean(1))]).toEqual([1, 1.5, 2, 2.5 + 2, 3 - 2, 3.5]);
    expect([...edited(about, start(about), w, mean(3))]).toEqual([...w]);
  });
  it("moves along named directions", () => {
    const view = { ...start(about), named: { glad: 2, unknown: 5 }, layers: [0, 0] as [number, number] };
    expect([...edited(about, view, Float32Array.of(1, 2, 3, 4, 5, 6), mean(0))]).toEqual([1, 2, 5, 4, 5, 6]);
  });
  it("takes the layers that it mixes from another seed", () => {
    const [own, other] = [Float32Array.of(1, 2, 3, 4, 5, 6), Float32Array.of(10, 20, 30, 40, 50, 60)];
    const mix = { seed: 5, layers: [1, 1] as [number, number] };
    expect([...mixed(about, { ...start(about), mix }, own, other)]).toEqual([1, 2, 3, 40, 50, 60]);
    expect([...mixed(about, start(about), own, other)]).toEqual([...own]);
    expect([...between(own, other, 0.5)]).toEqual([5.5, 11, 16.5, 22, 27.5, 33]);
  });
  it("comes back from a recipe, and from nothing that is none", () => {
    const mix = { seed: 3, layers: [0, 1] as [number, number] };
    const view = { ...start(about), seed: 9, named: { glad: -1 }, mix, drags: { 9: [0.1, 0.2] as [number, number] } };
    expect(restored(about, JSON.parse(JSON.stringify(view)))).toEqual(view);
    const forgotten = recipe(about, { ...view, named: { glad: -1, forgotten: 2 } });
    expect(restored(about, forgotten)).toEqual(view);
    const { named: _, mix: __, ...older } = start(about);
    expect(restored(about, older)).toEqual(start(about));
    for (const wrong of [null, 3, {}, { ...view, seed: -1 }, { ...view, truncation: "1" }, { ...view, layers: [1, 0] }, { ...view, given: 4 }, { ...view, steps: { principal: [0, 0], closed_form: [0] } }, { ...view, drags: { 9: [1] } }, { ...view, named: { sad: 1 } }, { ...view, named: { glad: 9 } }, { ...view, mix: { seed: -1, layers: [0, 0] } }, { ...view, mix: { seed: 1, layers: [1, 2] } }, { ...view, mix: 3 }])
      expect(restored(about, wrong)).toBeNull();
  });
});

describe("a PNG", () => {
  const png = Uint8Array.from(atob("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="), (c) => c.charCodeAt(0));
  it("carries text, and stays a PNG", async () => {
    const with_text = new Uint8Array(await withText(png, '{"seed": 7, "名": 1}').arrayBuffer());
    expect(textOf(with_text)).toBe('{"seed": 7, "名": 1}');
    expect([...with_text.slice(0, png.length - 12)]).toEqual([...png.slice(0, -12)]);
    expect([...with_text.slice(-12)]).toEqual([...png.slice(-12)]);
  });
  it("may carry none", () => {
    expect(textOf(png)).toBeNull();
    expect(textOf(Uint8Array.of(1, 2, 3))).toBeNull();
  });
});
