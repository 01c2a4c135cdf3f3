"""Recipe tables (TOML) to frozen dataclasses and back."""

from gansmith.config.build import build, to_table
from gansmith.config.parts import find_part, part_names, parts
from gansmith.config.settings import apply_set, apply_settings
from gansmith.config.toml import dumps

__all__ = ["apply_set", "apply_settings", "build", "dumps", "find_part", "part_names", "parts", "to_table"]
