"""Clients of the HTTP service, for plain Python and for event loops, around one core that does no input or output.

steps          what a conversation is made of
conversation   a list of customers: pieces, tries, one answer; retrying, pieces, answers and joining are its parts
lists, frames  what is asked about
asking         what both clients are told and asked; threaded and asynchronous do the input and output
"""

from __future__ import annotations

import customer_features.client.transport  # noqa: F401 - first: it says which extra is missing
from customer_features.client.asynchronous import AsyncClient
from customer_features.client.threaded import Client

__all__ = ["AsyncClient", "Client"]
