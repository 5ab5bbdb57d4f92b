"""SkinLens: a research demonstrator that reads dermoscopic images on the user's own machine."""

__version__ = "0.1.0"
