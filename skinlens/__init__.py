"""SkinLens: a research demonstrator that reads dermoscopic images on the user's own machine."""

from skinlens.telemetry import switch_off

__version__ = "0.2.0"

switch_off()
