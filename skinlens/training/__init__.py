"""Manifests, augmentation, recipes and the training loop."""
