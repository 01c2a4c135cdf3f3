"""`gansmith zoo [NAME]`"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter, validators


def zoo(
    name: str | None = None,
    /,
    *,
    markdown: Annotated[Path | None, Parameter(validator=validators.Path(dir_okay=False))] = None,
) -> None:
    """List GANs of the literature, or explain one: its paper, the parts that make it, or why it is not here.

    Parameters
    ----------
    name:
        Which one, as in the list.
    markdown:
        Write a page of all of them to this file.
    """
    from gansmith.explore import zoo_page

    if markdown is not None:
        from gansmith.folder import atomic

        atomic.write_text(markdown, zoo_page.page())
        return
    print(zoo_page.table() if name is None else zoo_page.details(name))
