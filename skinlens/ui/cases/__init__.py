"""The Cases page: the list of saved cases, one case, and their maintenance."""
