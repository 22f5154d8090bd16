"""Texts by the ten thousand, through every door that reads text: each is read alike, or is a fault, in all of them."""
