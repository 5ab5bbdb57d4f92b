"""Scoring past one screen: rows, shards of them, and the engines that fill shards on one machine or many."""
