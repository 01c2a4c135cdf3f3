import { describe, expect, it } from "vitest";
import { HEIGHT, WIDTH, lookAt, outline, tallest } from "./histogram";

const look = (samples_seen: number, real: number[], fake: number[]) => ({ samples_seen, low: 0, high: 1, counts: { real, fake } });

describe("histograms", () => {
  it("are those of the moment that is shown", () => {
    const looks = [look(2000, [1], [1]), look(7000, [1], [1])];
    expect(lookAt(looks, 6999)?.samples_seen).toBe(2000);
    expect(lookAt(looks, 7000)?.samples_seen).toBe(7000);
    expect(lookAt(looks, 0)?.samples_seen).toBe(2000); // none yet: the first to come
    expect(lookAt([], 5)).toBeUndefined();
  });
  it("are shares of their kind", () => {
    expect(tallest(look(0, [3, 1], [10, 10]))).toBe(0.75);
    expect(outline([1, 1], 0.5)).toBe(`M0 ${HEIGHT}L0.0 0.0L${WIDTH / 2}.0 0.0L${WIDTH / 2}.0 0.0L${WIDTH}.0 0.0L${WIDTH} ${HEIGHT}Z`);
    expect(outline([0, 0], 1)).not.toContain("NaN");
  });
});
