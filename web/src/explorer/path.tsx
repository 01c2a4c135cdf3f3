// A path from keyframe to keyframe, played in the explorer's large picture and saved as a film by the browser itself.

import { useEffect, useRef, useState } from "preact/hooks";
import type { Words } from "../text";
import type { Engine, Point } from "./engine";
import { between, type View } from "./latent";

const SECONDS = 2; // from one keyframe to the next
const SIDE = 512; // pixels that a film has at least
const FORMS = ["video/mp4", "video/webm"]; // the first that a browser can write

interface Props {
  engine: Engine;
  view: View;
  show: (picture: ImageData) => void; // in place of the view's own picture
  done: () => void; // the view's own is to be seen again
  words: Words;
}

export function Path({ engine, view, show, done, words }: Props) {
  const [keys, setKeys] = useState<Point[]>([]);
  const [playing, setPlaying] = useState(false);
  const [trouble, setTrouble] = useState("");
  const stop = useRef(() => {});
  useEffect(() => () => stop.current(), []);

  const add = () => void engine.points(view, [view.picked]).then((found) => setKeys((old) => [...old, ...found]));
  const play = async (each: (picture: ImageData) => void) => {
    let stopped = false;
    stop.current = () => { stopped = true; };
    setPlaying(true);
    setTrouble("");
    try {
      const begin = performance.now();
      for (let at = 0; at < keys.length - 1 && !stopped; at = (performance.now() - begin) / 1000 / SECONDS) {
        const [picture] = await engine.pictures([pointOf(keys, at)]);
        if (picture && !stopped) each(picture);
        await new Promise(requestAnimationFrame);
      }
    } catch (error) {
      setTrouble(String(error));
    }
    setPlaying(false);
    if (!stopped) done();
  };
  const record = async () => {
    const form = FORMS.find((type) => MediaRecorder.isTypeSupported(type));
    if (!form) return setTrouble(words.noFilm);
    const screen = document.createElement("canvas");
    const parts: Blob[] = [];
    const recorder = new MediaRecorder(screen.captureStream(), { mimeType: form, videoBitsPerSecond: 4e6 });
    recorder.ondataavailable = (event) => parts.push(event.data);
    const ended = new Promise((resolve) => { recorder.onstop = resolve; });
    await play((picture) => {
      show(picture);
      enlarged(screen, picture);
      if (recorder.state === "inactive") recorder.start();
    });
    if (recorder.state === "inactive") return;
    recorder.stop();
    await ended;
    const link = Object.assign(document.createElement("a"), { href: URL.createObjectURL(new Blob(parts, { type: form })), download: `walk.${form.slice(6)}` });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
  };

  return (
    <details>
      <summary>{words.path}</summary>
      <p class="hint">{words.pathHint}</p>
      <div class="controls">
        <button type="button" disabled={playing} onClick={add}>{words.addKey}</button>
        <span role="status">{keys.length} {words.keyframes}</span>
        <button type="button" disabled={playing || keys.length === 0} onClick={() => setKeys(keys.slice(0, -1))}>{words.dropKey}</button>
        <button type="button" disabled={!playing && keys.length < 2} onClick={() => (playing ? stop.current() : void play(show))}>{playing ? words.stopPath : words.play}</button>
        <button type="button" disabled={playing || keys.length < 2} onClick={() => void record()}>{words.saveFilm}</button>
      </div>
      {trouble && <p role="alert">{trouble}</p>}
    </details>
  );
}

/** At 1.25: a quarter of the way from the second keyframe to the third; slow at both. */
function pointOf(keys: Point[], at: number): Point {
  const [from, to] = [keys[Math.floor(at)] as Point, keys[Math.floor(at) + 1] as Point];
  const share = (1 - Math.cos(Math.PI * (at % 1))) / 2;
  return { w: between(from.w, to.w, share), given: share < 0.5 ? from.given : to.given };
}

/** Whole pixels, so many times as large that films can be watched. */
function enlarged(screen: HTMLCanvasElement, picture: ImageData): void {
  const times = Math.max(1, Math.ceil(SIDE / Math.min(picture.width, picture.height)));
  const small = document.createElement("canvas");
  [small.width, small.height] = [picture.width, picture.height];
  small.getContext("2d")?.putImageData(picture, 0, 0);
  if (screen.width !== times * picture.width || screen.height !== times * picture.height) [screen.width, screen.height] = [times * picture.width, times * picture.height];
  const context = screen.getContext("2d");
  if (!context) return;
  context.imageSmoothingEnabled = false;
  context.fillStyle = "#fff"; // films know no transparency
  context.fillRect(0, 0, screen.width, screen.height);
  context.drawImage(small, 0, 0, screen.width, screen.height);
}
