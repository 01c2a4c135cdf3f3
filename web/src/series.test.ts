import { describe, expect, it } from "vitest";
import { choices, columnsOf, csv, differences, extended, gridAt, grouped, placeOf, places, plain, seenAt, secondsLeft, seenOf, smoothed } from "./series";

describe("numbers", () => {
  it("makes gaps of what JSON has only words for", () => {
    expect([1, "NaN", "Infinity", null, undefined].map(plain)).toEqual([1, null, null, null, null]);
    expect(columnsOf({ end: 0, rows: 2, columns: { a: [1, "NaN"] } })).toEqual({ a: [1, null] });
  });
});

describe("extended", () => {
  const old = { samples_seen: [10, 20], seconds: [1, 2], loss: [0.5, 0.4] };
  it("adds rows, and columns that were not there", () => {
    const next = extended(old, [{ samples_seen: 30, seconds: 3, loss: 0.3, score: 7 }]);
    expect(next).toEqual({ samples_seen: [10, 20, 30], seconds: [1, 2, 3], loss: [0.5, 0.4, 0.3], score: [null, null, 7] });
    expect(old.samples_seen).toEqual([10, 20]);
  });
  it("merges a row at the same place", () => {
    const next = extended(old, [{ samples_seen: 20, seconds: 2.5, score: 7 }]);
    expect(next).toEqual({ samples_seen: [10, 20], seconds: [1, 2.5], loss: [0.5, 0.4], score: [null, 7] });
  });
  it("forgets what a training that went back does again", () => {
    const next = extended(old, [{ samples_seen: 15, seconds: 1.5, loss: 0.45 }]);
    expect(next).toEqual({ samples_seen: [10, 15], seconds: [1, 1.5], loss: [0.5, 0.45] });
  });
  it("leaves out rows without a place, and begins with nothing", () => {
    expect(extended({}, [{ loss: 1 }, { samples_seen: 5, loss: "NaN" }])).toEqual({ samples_seen: [5], loss: [null] });
  });
});

describe("smoothed", () => {
  it("keeps a constant, follows a step, and leaves gaps", () => {
    expect(smoothed([3, 3, null, 3], 10).map((v) => v && Math.round(v * 1e9) / 1e9)).toEqual([3, 3, null, 3]);
    const step = smoothed([0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1], 4);
    expect(step[3]).toBeLessThan(0.5);
    expect(step[10]).toBeGreaterThan(0.8);
  });
  it("changes nothing at 0", () => expect(smoothed([1, 5], 0)).toEqual([1, 5]));
});

describe("grouped", () => {
  it("puts distances first and shares together", () => {
    const groups = grouped(["samples_seen", "seconds", "loss/g", "loss/d", "score/frechet", "score/recall", "score/coverage", "rate/a", "rate/b"]);
    expect([...groups]).toEqual([
      ["score: frechet", ["score/frechet"]],
      ["score: shares", ["score/recall", "score/coverage"]],
      ["loss", ["loss/g", "loss/d"]],
      ["rate/a", ["rate/a"]],
      ["rate/b", ["rate/b"]],
    ]);
  });
});

describe("grids", () => {
  const grids = ["000000000.png", "000001000.png", "000064000.png"];
  it("finds the one that was there at a time", () => {
    expect(grids.map(seenOf)).toEqual([0, 1000, 64000]);
    expect([0, 999, 1000, 63999, 1e9].map((seen) => gridAt(grids, seen))).toEqual([0, 0, 1, 1, 2]);
  });
});

it("writes a table", () => {
  expect(csv({ samples_seen: [1, 2], loss: [0.5, null] })).toBe("samples_seen,loss\n1,0.5\n2,\n");
});

describe("the x axis", () => {
  const columns = { samples_seen: [0, 100, 200], seconds: [0, 60, 180], loss: [1, 2, 3] };
  it("is samples or minutes, and back", () => {
    expect(places(columns, false)).toEqual([0, 100, 200]);
    expect(places(columns, true)).toEqual([0, 1, 3]);
    expect([placeOf(columns, false, 150), placeOf(columns, true, 150), placeOf({}, true, 150)]).toEqual([150, 3, null]);
    expect([seenAt(columns, false, 150), seenAt(columns, true, 0.5)]).toEqual([150, 100]);
  });
});

describe("recipes", () => {
  const toml = '[data]\nname = "images"\nmirror = false\n[[penalty]]\nname = "r1"\n[[penalty]]\nname = "r2"\n';
  it("are read line by line", () => {
    expect([...choices(toml)]).toEqual([
      ["data.name", '"images"'],
      ["data.mirror", "false"],
      ["penalty.name", '"r1"'],
      ["penalty 2.name", '"r2"'],
    ]);
  });
  it("tell how long it still takes", () => {
    const left = (toml: string, rate: number | null = 10) => secondsLeft(choices(`[train]\n${toml}`), 400, 100, rate);
    expect(left('minutes = 5.0\nsamples = "none"')).toBe(200);
    expect(left("samples = 1400")).toBe(100);
    expect([left("samples = 1400", null), left("samples = 100"), left("")]).toEqual([null, 0, null]);
  });
  it("differ where a value does, or is missing", () => {
    const other = choices(toml.replace("mirror = false\n", ""));
    expect(differences([choices(toml), other])).toEqual([["data.mirror", ["false", ""]]]);
    expect(differences([other, other])).toEqual([]);
  });
});
