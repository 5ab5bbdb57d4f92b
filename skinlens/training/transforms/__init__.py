"""Augmentation: one class a transform, listed in the order in which a recipe applies them."""
