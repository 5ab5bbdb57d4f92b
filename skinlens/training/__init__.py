"""Manifests, recipes, transforms of training images, and the training loop."""
