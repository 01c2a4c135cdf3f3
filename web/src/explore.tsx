// A run's generator, to play with; the same explorer as in the one-file page.

import { useEffect, useState } from "preact/hooks";
import * as api from "./api";
import { Engine } from "./explorer/engine";
import { Explorer } from "./explorer/explorer";
import type { About, Named } from "./explorer/latent";
import type { Names } from "./explorer/naming";
import EngineWorker from "./explorer/worker?worker";
import type { Words } from "./text";

export function Explore({ id, words }: { id: string; words: Words }) {
  const [file, setFile] = useState(api.NEWEST);
  const [snapshots, setSnapshots] = useState<string[]>([]);
  const [open, setOpen] = useState<api.Open>({ id, file });
  const [engine, setEngine] = useState<Engine>();
  const [about, setAbout] = useState<About>();
  const [place, setPlace] = useState("");
  const [problem, setProblem] = useState("");
  useEffect(() => {
    api.run(id).then((run) => setSnapshots(run.snapshots), () => {});
  }, [id]);
  useEffect(() => {
    let begun: Engine | undefined;
    let gone = false;
    setEngine(undefined);
    setProblem("");
    const begin = async () => {
      const found = await api.generator(id, file);
      if (gone) return;
      const open = { id, file, version: found.version };
      begun = new Engine(found, new EngineWorker());
      await begun.load(...(await Promise.all([api.runtime(), api.graph(open, "mapping.onnx"), api.graph(open, "synthesis.onnx")])));
      if (gone) return;
      setOpen(open);
      setPlace(found.data);
      setAbout(found);
      setEngine(begun);
    };
    begin().catch((error: Error) => !gone && setProblem(error.message || words.lost));
    return () => {
      gone = true;
      begun?.end();
    };
  }, [id, file]);
  const renamed = async (change: Promise<Named[]>) => {
    const named = await change;
    if (!engine) return;
    engine.about = { ...engine.about, named };
    setAbout(engine.about);
  };
  const names: Names = {
    keep: (direction, name) => renamed(api.keepName(open, direction, name)),
    forget: (name) => renamed(api.forgetName(open, name)),
  };
  const search = place ? { place, find: (picture: ImageData) => api.nearest(open, picture) } : undefined;
  return (
    <main>
      <a href={`#/run/${encodeURIComponent(id)}`}>{words.backToRun}</a>
      <h1>{id === "." ? words.explore : id}</h1>
      {snapshots.length > 0 && (
        <p>
          <label>
            {words.which}{" "}
            <select value={file} onChange={(e) => setFile(e.currentTarget.value)}>
              <option value={api.NEWEST}>{words.newest}</option>
              {snapshots.map((name) => (
                <option key={name} value={name}>
                  {api.seenOf(name).toLocaleString()} {words.seen}
                </option>
              ))}
            </select>
          </label>
        </p>
      )}
      {problem ? <p role="alert">{problem}</p> : engine && about ? <Explorer about={about} engine={engine} names={names} search={search} words={words} /> : <p role="status">{words.loading}</p>}
    </main>
  );
}
