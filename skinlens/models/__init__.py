"""Networks (torch): the ASFF ResNet-50, its parts, and the registry that builds them by name."""
