// A generator to play with: pictures by seed, dragged through latent space, moved along directions, truncated.

import { useEffect, useRef, useState } from "preact/hooks";
import type { Words } from "../text";
import type { Engine } from "./engine";
import { type About, given, type Kind, kinds, layerCount, LONGEST, recipe, restored, SHOWN, start, type View } from "./latent";
import { Naming, type Names } from "./naming";
import { Neighbours, type Search } from "./neighbours";
import { Path } from "./path";
import { textOf, withText } from "./png";
import { Layers, Slide } from "./slide";

const PAUSE = 500; // milliseconds between two moves of sliders that are undone apart
const FARTHEST = 0.5; // turns of the latent: the opposite one

interface Props {
  about: About;
  engine: Engine;
  names?: Names; // where there is a run to keep names with
  search?: Search; // where there is a run with training pictures
  words: Words;
}

export function Explorer({ about, engine, names: keeping, search, words }: Props) {
  const [view, setView] = useState<View>(() => start(about));
  const [trouble, setTrouble] = useState("");
  const [pace, setPace] = useState(0); // milliseconds a picture
  const [drawn, setDrawn] = useState<View>();
  const past = useRef<View[]>([]);
  const changed = useRef(0);
  const large = useRef<HTMLCanvasElement>(null);
  const small = useRef<(HTMLCanvasElement | null)[]>([]);

  const change = (next: Partial<View>, sliding = false) => {
    if (!sliding || Date.now() - changed.current > PAUSE) past.current.push(view);
    changed.current = sliding ? Date.now() : 0;
    setView({ ...view, ...next });
  };
  const undo = () => {
    const before = past.current.pop();
    if (before) setView(before);
    changed.current = 0;
  };
  useDrawing(engine, view, (k, picture, milliseconds) => {
    show(small.current[k], picture);
    if (k !== view.picked) return;
    show(large.current, picture);
    setPace(milliseconds);
  }, setDrawn, setTrouble);

  const seed = view.seed + view.picked;
  const [across, down] = view.drags[seed] ?? [0, 0];
  const drag = (x: number, y: number) => change({ drags: { ...view.drags, [seed]: [clamp(x), clamp(y)] } }, true);
  const step = (kind: Kind, k: number, to: number) => change({ steps: { ...view.steps, [kind]: view.steps[kind].map((s, i) => (i === k ? to : s)) } }, true);

  const save = async () => {
    const png = await new Promise<Blob | null>((done) => large.current?.toBlob(done, "image/png"));
    if (!png) return;
    const link = document.createElement("a");
    link.href = URL.createObjectURL(withText(new Uint8Array(await png.arrayBuffer()), JSON.stringify(recipe(about, view))));
    link.download = `seed-${seed}.png`;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
  };
  const open = async (file: File | undefined) => {
    if (!file) return;
    const text = textOf(new Uint8Array(await file.arrayBuffer()));
    const found = text === null ? null : restored(about, parsed(text));
    setTrouble(found ? "" : words.noRecipe);
    if (found) change(found);
  };

  const names = about.samples.classes;
  const choosable = about.given > 0 && about.mean_w.length > 0; // not where every channel has clusters of its own
  const layers = layerCount(about);
  return (
    <div class="explorer" aria-busy={drawn !== view}>
      <div class="stage">
        <canvas ref={large} class="large" role="img" aria-label={`${words.seed} ${seed}`} onPointerDown={(e) => follow(e, [across, down], drag)} />
        <p class="numbers">
          {words.seed} {seed}
          {names && given(about, view, view.picked) >= 0 ? `, ${names[given(about, view, view.picked)]}` : ""} · <output class="pace">{pace.toFixed(1)}</output> ms
        </p>
        <p class="hint">{words.dragHint}</p>
        <div class="controls">
          <button type="button" onClick={undo}>{words.undo}</button>
          <button type="button" onClick={() => change({ ...start(about), seed: view.seed, picked: view.picked })}>{words.reset}</button>
          <button type="button" onClick={() => void save()}>{words.savePicture}</button>
          <label class="file">
            {words.openPicture} <input type="file" accept="image/png" onChange={(e) => void open(e.currentTarget.files?.[0])} />
          </label>
        </div>
        {trouble && <p role="alert">{trouble}</p>}
        {search && <Neighbours search={search} picture={() => pixelsOf(large.current)} view={view} words={words} />}
      </div>
      <div class="panel">
        <div class="seeds">
          {Array.from({ length: SHOWN }, (_, k) => (
            <button type="button" key={k} aria-pressed={k === view.picked} aria-label={`${words.seed} ${view.seed + k}`} onClick={() => change({ picked: k })}>
              <canvas ref={(canvas) => { small.current[k] = canvas; }} />
            </button>
          ))}
        </div>
        <div class="controls">
          <label>
            {words.firstSeed}{" "}
            <input type="number" min={0} max={2 ** 31} value={view.seed} onChange={(e) => change({ seed: Math.min(Math.max(Math.round(e.currentTarget.valueAsNumber || 0), 0), 2 ** 31), drags: {} })} />
          </label>
          <button type="button" onClick={() => change({ seed: view.seed + SHOWN, drags: {} })}>{words.nextSeeds}</button>
          {choosable && (
            <label>
              {names ? words.class : words.cluster}{" "}
              <select value={view.given ?? -1} onChange={(e) => change({ given: Number(e.currentTarget.value) < 0 ? null : Number(e.currentTarget.value) })}>
                <option value={-1}>{names ? words.eachClass : words.asInData}</option>
                {Array.from({ length: about.given }, (_, k) => (
                  <option key={k} value={k}>{names?.[k] ?? k + 1}</option>
                ))}
              </select>
            </label>
          )}
        </div>
        <Slide label={words.truncation} value={view.truncation} least={0} most={1} change={(truncation) => change({ truncation }, true)} />
        <Slide label={words.across} value={across} least={-FARTHEST} most={FARTHEST} change={(x) => drag(x, down)} />
        <Slide label={words.down} value={down} least={-FARTHEST} most={FARTHEST} change={(y) => drag(across, y)} />
        {layers > 1 && (
          <>
            <div class="controls">
              <label>
                {words.mixSeed}{" "}
                <input
                  type="number"
                  min={0}
                  max={2 ** 31}
                  value={view.mix?.seed ?? ""}
                  onChange={(e) => {
                    const found = Math.round(e.currentTarget.valueAsNumber);
                    change({ mix: found >= 0 && found <= 2 ** 31 ? { layers: [Math.floor(layers / 2), layers - 1], ...view.mix, seed: found } : null });
                  }}
                />
              </label>
              {view.mix && <Layers from={words.mixLayers} to={words.toLayer} value={view.mix.layers} count={layers} change={(found) => view.mix && change({ mix: { ...view.mix, layers: found } })} />}
            </div>
            <div class="controls">
              <Layers from={words.fromLayer} to={words.toLayer} value={view.layers} count={layers} change={(found) => change({ layers: found })} />
            </div>
          </>
        )}
        <Naming about={about} steps={view.named} step={(name, to) => change({ named: { ...view.named, [name]: to } }, true)} names={keeping} words={words} />
        {kinds.map((kind) => (
          <details key={kind} open={kind === "principal"}>
            <summary>{words.directions[kind]}</summary>
            {view.steps[kind].map((value, k) => (
              <Slide key={k} label={`${words.direction} ${k + 1}`} value={value} least={-LONGEST} most={LONGEST} change={(to) => step(kind, k, to)} />
            ))}
          </details>
        ))}
        <Path engine={engine} view={view} show={(picture) => show(large.current, picture)} done={() => setView({ ...view })} words={words} />
      </div>
    </div>
  );
}

/** Draws every new view: the picked picture at once, then the others one by one, each in its turn, while nothing newer
 * waits; so a slider moves the large picture smoothly and the small ones as far as there is time. */
function useDrawing(
  engine: Engine,
  view: View,
  shown: (k: number, picture: ImageData, milliseconds: number) => void,
  complete: (view: View) => void,
  fail: (problem: string) => void,
): void {
  const newest = useRef(view);
  const busy = useRef(false);
  const turn = useRef(0);
  const tell = useRef(shown);
  newest.current = view;
  tell.current = shown;
  useEffect(() => {
    if (busy.current) return;
    busy.current = true;
    const work = async () => {
      for (let drawn: View | null = null; drawn !== newest.current; ) {
        drawn = newest.current;
        const { picked } = drawn;
        for (let i = 0; i < SHOWN && (i === 0 || drawn === newest.current); i++) {
          if (i > 0) turn.current = (turn.current + 1 + Number((turn.current + 1) % SHOWN === picked)) % SHOWN;
          const k = i === 0 ? picked : turn.current;
          const begin = performance.now();
          const [picture] = await engine.draw(drawn, [k]);
          if (picture && drawn.picked === newest.current.picked) tell.current(k, picture, performance.now() - begin);
        }
        if (drawn === newest.current) complete(drawn);
      }
    };
    work()
      .catch((error: unknown) => fail(String(error)))
      .finally(() => { busy.current = false; });
  }, [engine, view]);
}

function show(canvas: HTMLCanvasElement | null | undefined, picture: ImageData): void {
  if (!canvas) return;
  if (canvas.width !== picture.width || canvas.height !== picture.height) [canvas.width, canvas.height] = [picture.width, picture.height];
  canvas.getContext("2d")?.putImageData(picture, 0, 0);
}

function pixelsOf(canvas: HTMLCanvasElement | null): ImageData | undefined {
  return canvas?.getContext("2d")?.getImageData(0, 0, canvas.width, canvas.height);
}

/** While the pointer is down, half a turn of the latent is as far as the canvas is wide. */
function follow(event: PointerEvent, [x, y]: [number, number], drag: (x: number, y: number) => void): void {
  const canvas = event.currentTarget as HTMLCanvasElement;
  canvas.setPointerCapture(event.pointerId);
  const turns = FARTHEST / canvas.clientWidth;
  const move = (e: PointerEvent) => drag(x + (e.clientX - event.clientX) * turns, y + (e.clientY - event.clientY) * turns);
  const end = () => {
    canvas.removeEventListener("pointermove", move);
    canvas.removeEventListener("pointerup", end);
    canvas.removeEventListener("pointercancel", end);
  };
  canvas.addEventListener("pointermove", move);
  canvas.addEventListener("pointerup", end);
  canvas.addEventListener("pointercancel", end);
}

function clamp(turns: number): number {
  return Math.min(Math.max(turns, -FARTHEST), FARTHEST);
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
