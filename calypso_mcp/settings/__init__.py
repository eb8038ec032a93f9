"""The operator's settings, and how flags and environment variables set them."""

from __future__ import annotations

from calypso_mcp.settings.given import WrongSetting
from calypso_mcp.settings.loading import (
    Reading,
    child_environment,
    environment,
    knobs,
    load_settings,
    read_settings,
    settings_from,
)
from calypso_mcp.settings.model import Settings
from calypso_mcp.settings.values import Knob

__all__ = [
    "Knob",
    "Reading",
    "Settings",
    "WrongSetting",
    "child_environment",
    "environment",
    "knobs",
    "load_settings",
    "read_settings",
    "settings_from",
]
