"""`gansmith recipes [NAME]`"""

from __future__ import annotations


def recipes(name: str | None = None, /) -> None:
    """List the recipes, or explain one: what it is for, its paper, its corrections, and every setting.

    Parameters
    ----------
    name:
        A recipe's name, one of 'gansmith zoo', or a .toml file of your own.
    """
    print(_list() if name is None else _explain(name))


def _list() -> str:
    from gansmith import auto
    from gansmith.recipe import load_recipe, names

    lines = {"auto": f"{auto.SUMMARY} (the default)"} | {name: load_recipe(name).get("summary", "") for name in names()}
    width = max(map(len, lines))
    rows = [f"{name:<{width}}  {summary}." for name, summary in lines.items()]
    return "\n".join([*rows, "", "One, explained: gansmith recipes dcgan"])


def _explain(name: str) -> str:
    if name == "auto":
        from gansmith import auto

        return f"auto\n\n{auto.__doc__}\nPaper: {auto.PAPER}\n\nWhat it chose is in the run folder's recipe.toml."
    from gansmith.recipe import header, load_recipe, recipe_text

    table, text = load_recipe(name), recipe_text(name)
    lines = text.splitlines()
    settings = "\n".join(lines[len(header(text).splitlines()) :]).strip()
    parts = [table["name"], header(text), f"Paper: {table['paper']}" if table.get("paper") else "", settings]
    return "\n\n".join(str(part) for part in parts if part)
