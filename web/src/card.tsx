// A run's card, and what can be taken with you: each with its size and a measured check, and a test in this browser.

import { useEffect, useState } from "preact/hooks";
import * as api from "./api";
import { Engine } from "./explorer/engine";
import { start } from "./explorer/latent";
import EngineWorker from "./explorer/worker?worker";
import { Markdown } from "./markdown";
import { type Words, size } from "./text";

const TIMED = 30; // pictures
const TITLE = /^# .*$/m; // the page has its own
const UNCURATED = "samples/uncurated.png";

export function Card({ id, words }: { id: string; words: Words }) {
  const [card, setCard] = useState("");
  const [run, setRun] = useState<api.Run>();
  const [problem, setProblem] = useState("");
  useEffect(() => {
    Promise.all([api.card(id), api.run(id)]).then(
      ([text, found]) => {
        setCard(text);
        setRun(found);
      },
      (error: Error) => setProblem(error.message || words.lost),
    );
  }, [id]);
  return (
    <main class="card-page">
      <a href={`#/run/${encodeURIComponent(id)}`}>{words.backToRun}</a>
      <h1>{words.cardOf(id === "." ? (run?.folder.split("/").pop() ?? "") : id)}</h1>
      {problem && <p role="alert">{problem}</p>}
      {run && run.generator !== null && (
        <>
          <Exports id={id} words={words} />
          <Trial id={id} words={words} />
        </>
      )}
      {card && run && (
        <article>
          <Markdown text={card.replace(TITLE, "")} place={(path) => (path === UNCURATED ? api.picture(id, "uncurated.png") : null)} />
        </article>
      )}
    </main>
  );
}

function Exports({ id, words }: { id: string; words: Words }) {
  const [rows, setRows] = useState<api.Export[]>();
  const [problem, setProblem] = useState("");
  useEffect(() => {
    api.exports(id).then(setRows, (error: Error) => setProblem(error.message || words.lost));
  }, [id]);
  return (
    <section>
      <h2>{words.handOn}</h2>
      {problem && <p role="alert">{problem}</p>}
      {!rows && !problem && <p role="status">{words.measuring}</p>}
      <ul class="exports">
        {rows?.map((row) => (
          <li key={row.what}>
            {row.problem ? (
              <>
                {words[row.what]}: {row.problem}
              </>
            ) : (
              <>
                <a class="button" href={api.kept(id, row.what)}>{words[row.what]}</a>{" "}
                <span class="hint">
                  {size(row.bytes ?? 0)}
                  {typeof row.difference === "number" && `, ${words.differs(row.difference.toPrecision(1))}`}
                </span>
              </>
            )}
          </li>
        ))}
      </ul>
    </section>
  );
}

interface Result {
  milliseconds: number;
  levels: number; // the largest difference from PyTorch's pictures, of 255
  compared: number;
}

/** Draws pictures in this browser and compares them with PyTorch's. */
function Trial({ id, words }: { id: string; words: Words }) {
  const [result, setResult] = useState<Result>();
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState("");
  const begin = async () => {
    setBusy(true);
    setProblem("");
    try {
      setResult(await tried(id));
    } catch (error) {
      setProblem((error as Error).message || words.lost);
    }
    setBusy(false);
  };
  return (
    <section aria-busy={busy}>
      <h2>{words.trial}</h2>
      <div class="controls">
        <button type="button" onClick={() => void begin()} disabled={busy}>{words.tryHere}</button>
        <span role="status">
          {busy ? words.measuring : result && words.tried(result.milliseconds.toFixed(1), result.levels, result.compared)}
        </span>
      </div>
      {problem && <p role="alert">{problem}</p>}
    </section>
  );
}

async function tried(id: string): Promise<Result> {
  const about = await api.generator(id, api.NEWEST);
  const open = { id, file: api.NEWEST, version: about.version };
  const engine = new Engine(about, new EngineWorker());
  try {
    const [runtime, mapping, synthesis, proof] = await Promise.all([api.runtime(), api.graph(open, "mapping.onnx"), api.graph(open, "synthesis.onnx"), api.proof(open)]);
    await engine.load(runtime, mapping, synthesis);
    const wanted = new Uint8Array(proof);
    const [, height, width] = about.samples.shape;
    const compared = wanted.length / (4 * height * width);
    let levels = 0;
    for (let seed = 0; seed < compared; seed++) {
      const [picture] = await engine.draw({ ...start(about), seed }, [0]);
      const data = picture?.data ?? new Uint8ClampedArray();
      data.forEach((value, i) => { levels = Math.max(levels, Math.abs(value - (wanted[seed * data.length + i] as number))); });
    }
    const times: number[] = [];
    for (let seed = 0; seed < TIMED; seed++) {
      const begin = performance.now();
      await engine.draw({ ...start(about), seed }, [0]);
      times.push(performance.now() - begin);
    }
    return { milliseconds: times.sort((a, b) => a - b)[TIMED / 2] as number, levels, compared };
  } finally {
    engine.end();
  }
}
