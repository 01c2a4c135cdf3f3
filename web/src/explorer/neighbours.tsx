// The training pictures that look most like the large one, where there is a run whose data can be looked through.

import { useEffect, useState } from "preact/hooks";
import type { Words } from "../text";

export interface Nearest {
  looked_at: number;
  of: number;
  nearest: { png: string; distance: number }[]; // base64; 1: as near as two training pictures usually are
}

/** Finds them; `place` says where it looks. */
export interface Search {
  place: string;
  find: (picture: ImageData) => Promise<Nearest>;
}

interface Shown {
  of: unknown; // what they were found for
  found: Nearest;
  addresses: string[];
}

/** `picture` gives the large one as it is now, `view` is what it was drawn from. */
export function Neighbours({ search, picture, view, words }: { search: Search; picture: () => ImageData | undefined; view: unknown; words: Words }) {
  const [shown, setShown] = useState<Shown>();
  const [busy, setBusy] = useState(false);
  const [trouble, setTrouble] = useState("");
  useEffect(() => () => shown?.addresses.forEach((address) => URL.revokeObjectURL(address)), [shown]);
  const find = async () => {
    const asked = picture();
    if (!asked) return;
    setBusy(true);
    setTrouble("");
    try {
      const found = await search.find(asked);
      setShown({ of: view, found, addresses: found.nearest.map(({ png }) => URL.createObjectURL(new Blob([bytesOf(png)], { type: "image/png" }))) });
    } catch (error) {
      setTrouble((error as Error).message);
    }
    setBusy(false);
  };
  return (
    <div class="neighbours" aria-busy={busy}>
      <div class="controls">
        <button type="button" onClick={() => void find()} disabled={busy}>{words.neighbours}</button>
        <span class="hint">{words.neighboursIn(search.place)}</span>
      </div>
      {trouble && <p role="alert">{trouble}</p>}
      {shown && (
        <figure class={shown.of === view ? "" : "former"}>
          <ol>
            {shown.addresses.map((address, k) => (
              <li key={address}>
                <img src={address} alt={`${words.neighbours} ${k + 1}`} />
                <span>{shown.found.nearest[k]?.distance.toFixed(2)}</span>
              </li>
            ))}
          </ol>
          <figcaption class="hint">
            {shown.of === view ? words.neighboursHint(shown.found.looked_at, shown.found.of) : words.neighboursFormer}
          </figcaption>
        </figure>
      )}
    </div>
  );
}

function bytesOf(base64: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
}
