"""Colours of figures drawn for the pages, which hold in both themes."""

INK = {"light": "#16252d", "dark": "#e8eef1"}
