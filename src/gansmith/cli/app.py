"""The command line: which verbs there are, and what an error looks like. A verb's file is imported when it is called.

Nothing here imports torch, so that help and mistakes are answered at once.
"""

from __future__ import annotations

import io
import os
import sys
import traceback
from collections.abc import Sequence

from cyclopts import App, CycloptsError
from cyclopts.exceptions import UnknownOptionError

import gansmith
from gansmith.cli.values import INTERRUPTED
from gansmith.errors import GansmithError

WRONG_INPUT, BUG = 2, 1  # exit codes

VERBS = {
    "train": "Train a generator on your pictures or points; the same command again continues.",
    "sample": "Make samples with a trained generator.",
    "interpolate": "Make a film that walks from sample to sample.",
    "timelapse": "Make a film of a training: the same samples, from noise to the end.",
    "evaluate": "Score a trained generator against its data.",
    "export": "Hand on a trained generator: its weights alone, or ONNX graphs for programs without torch.",
    "serve": "Show runs in the browser, live while they train.",
    "pack": "Put pictures into one file at training size, which opens at once.",
    "check": "Tell what is in a data set, and what is wrong with it.",
    "recipes": "List the recipes, or explain one.",
    "compare": "Put runs' choices and scores side by side.",
    "zoo": "List GANs of the literature, and which parts make them.",
    "bench": "Measure whole trainings against stated bars, beside published numbers.",
}

EPILOGUE = "Start: gansmith train photos/ --run runs/photos, then gansmith sample runs/photos --count 64 --out grid.png"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code: 0, 2 for wrong input, 130 when interrupted, 1 for a bug."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a Windows console may lack a file name's letters
    try:
        result = command_line()(
            sys.argv[1:] if arguments is None else list(arguments),
            exit_on_error=False,
            print_error=False,
            verbose=False,
            result_action="return_value",
        )
    except CycloptsError as error:
        return _refuse(_usage_message(error))
    except GansmithError as error:
        return _refuse(str(error))
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:  # whoever read our output (head, less) has had enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception:
        traceback.print_exc()
        print(
            "gansmith: this is a mistake in gansmith, not in what you typed. Please report it with the text above, "
            f"the command, and the version: {gansmith.__version__}. A run folder keeps its last checkpoint.",
            file=sys.stderr,
        )
        return BUG
    return result if isinstance(result, int) else 0


def command_line() -> App:
    """The verbs, each given as text so that it is imported only when it is called."""
    app = App(
        name="gansmith",
        help="Train, judge, explore and hand on generative adversarial networks.",
        help_epilogue=EPILOGUE,
        version=gansmith.__version__,
        help_format="plaintext",
        suppress_keyboard_interrupt=False,
    )
    for place, (verb, line) in enumerate(VERBS.items()):
        app.command(f"gansmith.cli.{verb}:{verb}", name=verb, help=line, sort_key=place)
    return app


def _refuse(message: str) -> int:
    print(f"gansmith: {message}", file=sys.stderr)
    return WRONG_INPUT


def _usage_message(error: CycloptsError) -> str:
    """What was wrong with the words typed, the nearest right one, and where help is."""
    text = " ".join(str(error).split())
    if isinstance(error, UnknownOptionError):
        options = sorted({n for a in error.argument_collection for n in a.names if n.startswith("--")})
        text += f" Known: {', '.join(options)}."
    verb = next((word for word in error.command_chain or () if word in VERBS), None)
    return f"{text}\nTry: gansmith {verb + ' ' if verb else ''}--help"
